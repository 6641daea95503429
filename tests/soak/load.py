"""The load of the soak, and the books of what ran that are kept beside it.

Each client has a role of its own, so that rows of residual entries, which keep the role, can be told apart too.
Books are kept as two bounds: `sure`, of which the client has seen the end, and `started`, which includes the
statement in flight and, for each connection, the FATAL message that a terminated backend may log last.
"""
import random
import threading

import libpq

ACCOUNTS = 1000
MANY_OPERATORS = 7  # of four kinds each: 16384 statements that do not only differ in constants and names


class Book:
    """What one role ran. Lock: `lock`, for all."""

    def __init__(self):
        self.lock = threading.Lock()
        self.sure_calls = self.sure_rows = 0
        self.started_calls = self.started_rows = 0
        self.started_of_shape = {}
        self.connections = 0

    def connected(self):
        with self.lock:
            self.connections += 1
            self.started_calls += 1

    def connection_lost(self):
        with self.lock:
            self.connections -= 1

    def start(self, shape, rows):
        with self.lock:
            self.started_calls += 1
            self.started_rows += rows
            self.started_of_shape[shape] = self.started_of_shape.get(shape, 0) + 1

    def end(self, rows, refunded):
        with self.lock:
            self.sure_calls += 1
            self.sure_rows += rows
            self.started_rows -= refunded

    def sure(self):
        with self.lock:
            return self.sure_calls, self.sure_rows

    def started(self):
        with self.lock:
            return self.started_calls, self.started_rows

    def rebase(self, calls, rows, forget_shapes=False):
        """What the relation shows is within the bounds and nothing runs: from here on it is the truth."""
        with self.lock:
            self.sure_calls, self.sure_rows = calls, rows
            self.started_calls, self.started_rows = calls + self.connections, rows
            if forget_shapes:
                self.started_of_shape = {}


class Gate:
    """Lets the clients run, or holds them all between two transactions."""

    def __init__(self, clients):
        self.condition = threading.Condition()
        self.clients = clients
        self.held = 0
        self.is_open = False
        self.over = False

    def open(self):
        with self.condition:
            self.is_open = True
            self.condition.notify_all()

    def close(self):
        """Returns when every client stands still."""
        with self.condition:
            self.is_open = False
            while self.held < self.clients:
                self.condition.wait()

    def end(self):
        with self.condition:
            self.over = True
            self.condition.notify_all()

    def pass_through(self):
        """False when all is over."""
        with self.condition:
            if not self.is_open:
                self.held += 1
                self.condition.notify_all()
                while not self.is_open and not self.over:
                    self.condition.wait()
                self.held -= 1
            return not self.over


class Client(threading.Thread):
    def __init__(self, role, conninfo, gate, seed):
        super().__init__(daemon=True)
        self.role, self.conninfo, self.gate = role, conninfo, gate
        self.random = random.Random(seed)
        self.book = Book()
        self.connection = None
        self.statements = self.losses = 0
        self.fault = None

    def run(self):
        try:
            while self.gate.pass_through():
                try:
                    if self.connection is None:
                        self.connect()
                    self.transaction()
                except libpq.Lost:
                    self.drop_connection()
                    threading.Event().wait(0.02)
        except Exception as error:  # pylint: disable=broad-except
            self.fault = "%s: %r" % (self.role, error)
            self.drop_connection()
            while self.gate.pass_through():
                threading.Event().wait(0.02)

    def connect(self):
        self.connection = libpq.Connection(self.conninfo)
        self.book.connected()

    def drop_connection(self):
        if self.connection is not None:
            self.losses += 1
            self.connection.close()
            self.connection = None
            self.book.connection_lost()

    def one(self, shape, sql, rows, fails=False):
        """Runs a statement that has the words `shape_<shape>` in it and whose effect is known beforehand."""
        self.book.start(shape, rows)
        try:
            got, _ = self.connection.run(sql, self.random.random() < 0.3)
        except libpq.Failed as failed:
            if not fails:
                raise
            if failed.state not in ("22012", "25P02"):
                raise
            self.book.end(0, rows)
        else:
            if fails or got != rows:
                raise AssertionError("%s: %d rows instead of %d, failure %s" % (sql, got, rows, fails))
            self.book.end(rows, 0)
        self.statements += 1

    def transaction(self):
        pick = self.random.random()
        if pick < 0.35:
            self.any_statement()
        elif pick < 0.65:
            self.one("many", "SELECT %d AS shape_many, 1%s" % (self.random.randrange(100), "".join(
                self.random.choice("+-*/") + "1" for _ in range(MANY_OPERATORS))), 1)
        elif pick < 0.75:
            self.one("error", "SELECT 1 / 0 AS shape_error, 1 AS e%d" % self.random.randrange(50), 0, fails=True)
        elif pick < 0.95:
            self.block()
        else:
            self.failed_block()

    def any_statement(self):
        account, pick = self.random.randrange(ACCOUNTS), self.random.randrange(6)
        if pick == 0:
            self.one("read", "SELECT balance AS shape_read FROM account WHERE aid = %d" % account, 1)
        elif pick == 1:
            self.one("series", "SELECT g AS shape_series FROM generate_series(1, %d) g" % (account % 40),
                     account % 40)
        elif pick == 2:
            self.one("trail", "INSERT INTO trail (aid, shape_trail) SELECT %d, g FROM generate_series(1, 3) g"
                     % account, 3)
        elif pick == 3:
            self.one("sum", "SELECT sum(balance) AS shape_sum FROM account", 1)
        elif pick == 4:
            self.one("utility", "SET /* shape_utility */ application_name = 'app %d'" % (account % 3), 0)
        else:
            # No conflict with another client: each has rows of its own.
            self.one("update", "UPDATE account SET balance = balance + 1, shape_update = %d WHERE aid = %d "
                     "AND owner = current_user" % (account, account), int(account % 4 == int(self.role[-1])))

    def block(self):
        self.one("begin", "BEGIN /* shape_begin */", 0)
        for _ in range(self.random.randrange(4)):
            self.any_statement()
        if self.random.random() < 0.3:
            self.one("savepoint", "SAVEPOINT /* shape_savepoint */ s", 0)
            self.any_statement()
            self.one("rollbackto", "ROLLBACK /* shape_rollbackto */ TO s", 0)
        self.one("end", "%s /* shape_end */" % self.random.choice(["COMMIT", "ROLLBACK"]), 0)

    def failed_block(self):
        self.one("begin", "BEGIN /* shape_begin */", 0)
        self.any_statement()
        self.one("error", "SELECT 1 / 0 AS shape_error", 0, fails=True)
        self.one("error", "SELECT 'aborted' AS shape_error", 1, fails=True)
        self.one("end", "ROLLBACK /* shape_end */", 0)
