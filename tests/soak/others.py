"""Sessions beside the load: some export in every way there is, some read at every isolation level."""
import random
import threading

import checks
import deeds
import libpq

EXPORT = "SELECT pg_stat_monitor_export()"
# Cancelled, serialisation (or a snapshot that is older than what a full memory has), deadlock, lock timeout, PREPARE
# TRANSACTION refused.
EXPECTED = ("57014", "40001", "40P01", "55P03", "0A000")


class Away:
    """While it is entered the table may have another name or be gone, and sessions may be told so."""

    def __init__(self):
        self.count = 0  # of comings and goings: odd while it is on

    def __enter__(self):
        self.count += 1

    def __exit__(self, *_):
        self.count += 1


class Session(threading.Thread):
    """Does something again and again; connections come and go with the server."""

    def __init__(self, conninfo, seed, away):
        super().__init__(daemon=True)
        self.conninfo, self.away = conninfo, away
        self.random = random.Random(seed)
        self.over = threading.Event()
        self.fault = None
        self.errors = {}

    def run(self):
        connection = None
        while not self.over.is_set():
            away = self.away.count
            try:
                if connection is None:
                    connection = libpq.Connection(self.conninfo)
                self.turn(connection)
            except libpq.Lost:
                if connection is not None:
                    connection.close()
                connection = None
                self.over.wait(0.05)
            except libpq.Failed as failed:
                self.errors[failed.state] = self.errors.get(failed.state, 0) + 1
                disturbed = away % 2 == 1 or away != self.away.count
                if failed.state not in EXPECTED and not (disturbed and failed.state in deeds.STATES):
                    self.fault = str(failed)
                try:
                    connection.run("ROLLBACK")
                except (libpq.Lost, libpq.Failed):
                    pass
            except Exception as error:  # pylint: disable=broad-except
                self.fault = repr(error)
                return
            self.over.wait(self.random.random() * 0.4)

    def turn(self, connection):
        raise NotImplementedError


class Exporter(Session):
    """Exports that are committed, rolled back, rolled back to a savepoint, cancelled, at each level."""

    def __init__(self, conninfo, seed, away):
        super().__init__(conninfo, seed, away)
        self.committed = self.rolled_back = 0

    def turn(self, connection):
        kind = self.random.choice(["alone", "commit", "rollback", "savepoint", "kept savepoint", "cancelled",
                                   "prepared"])
        if kind == "cancelled":
            connection.run("SET statement_timeout = '%dms'" % self.random.randrange(1, 12))
            try:
                connection.run(EXPORT)
                self.committed += 1
            finally:
                connection.run("RESET statement_timeout")
            return
        if kind == "alone":
            connection.run(EXPORT)
            self.committed += 1
            return
        connection.run("BEGIN ISOLATION LEVEL " + self.random.choice(LEVELS))
        if "savepoint" in kind:
            connection.run("SAVEPOINT s")
        connection.run(EXPORT)
        if self.random.random() < 0.3:
            connection.run("SELECT pg_sleep(%.2f)" % (self.random.random() / 2))
        if kind == "prepared":
            connection.run("PREPARE TRANSACTION 'export'")  # refused, which rolls back
            raise AssertionError("an export was prepared")
        if kind == "savepoint":
            connection.run("ROLLBACK TO s")
        elif kind == "kept savepoint":
            connection.run("RELEASE s")
            connection.run(EXPORT)
        connection.run("ROLLBACK" if kind == "rollback" else "COMMIT")
        if kind in ("rollback", "savepoint"):
            self.rolled_back += 1
        else:
            self.committed += 1


LEVELS = ("READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE")


class Reader(Session):
    """While everything moves: what ended before the reading is in it, and nothing that has not begun."""

    def __init__(self, conninfo, seed, away, clients, findings, epoch):
        super().__init__(conninfo, seed, away)
        self.clients, self.findings, self.epoch = clients, findings, epoch
        self.readings = 0
        self.lost = set()

    def look(self, connection):
        """The sums, and what counts as lost around them: a loss may be taken back when its export commits."""
        lost = checks.calls_lost(connection)
        sums = checks.sums(connection)
        self.lost |= {lost, checks.calls_lost(connection)}
        return sums

    def turn(self, connection):
        level = self.random.choice(LEVELS)
        epoch, lost_before = self.epoch()
        self.lost = set()
        before = {client.role: client.book.sure() for client in self.clients}
        connection.run("BEGIN ISOLATION LEVEL " + level)
        first = self.look(connection)
        after = {client.role: client.book.started() for client in self.clients}
        second = None
        if self.random.random() < 0.5:
            connection.run("SELECT pg_sleep(%.2f)" % (self.random.random() / 2))
            second = self.look(connection)
        connection.run("COMMIT")
        last = {client.role: client.book.started() for client in self.clients}
        if epoch % 2 == 1 or epoch != self.epoch()[0] or self.lost != {lost_before}:
            return  # a crash, a reset or a loss in between: the main program checks those
        self.readings += 1
        for role, low in before.items():
            shown = first.get(role, (0, 0))
            self.findings.between("a %s reader" % level, role, low, shown, after[role])
            if second is not None:
                self.findings.between("a second look of a %s reader" % level, role, shown,
                                      second.get(role, (0, 0)), last[role])
