"""Sessions that stay, through libpq itself: pgbench takes a new one for each run and counts nothing before its end."""
import ctypes
import ctypes.util

TUPLES_OK = 2


def library():
    lib = ctypes.CDLL(ctypes.util.find_library("pq") or "libpq.so.5")
    for name, result in (("PQconnectdb", ctypes.c_void_p), ("PQerrorMessage", ctypes.c_char_p),
                         ("PQprepare", ctypes.c_void_p), ("PQexec", ctypes.c_void_p),
                         ("PQexecPrepared", ctypes.c_void_p)):
        getattr(lib, name).restype = result
    for name in ("PQstatus", "PQbackendPID", "PQerrorMessage", "PQfinish", "PQresultStatus", "PQntuples", "PQclear"):
        getattr(lib, name).argtypes = [ctypes.c_void_p]
    lib.PQgetvalue.restype = ctypes.c_char_p
    lib.PQgetvalue.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_int]
    lib.PQexec.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    lib.PQprepare.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p]
    lib.PQexecPrepared.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int,
                                   ctypes.POINTER(ctypes.c_char_p), ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int]
    return lib


class Session:
    """A connection to a server of servers.py."""
    lib = None

    def __init__(self, server):
        Session.lib = Session.lib or library()
        self.connection = self.lib.PQconnectdb(
            ("host='%s' port=5432 user=postgres dbname=postgres" % server.sockets).encode())
        if self.lib.PQstatus(self.connection) != 0:
            raise SystemExit(self.lib.PQerrorMessage(self.connection).decode())
        self.pid = self.lib.PQbackendPID(self.connection)
        self.lib.PQclear(self.lib.PQprepare(
            self.connection, b"P_0", b"SELECT abalance FROM pgbench_accounts WHERE aid = $1;", 1, None))

    def close(self):
        self.lib.PQfinish(self.connection)

    def run_prepared(self, keys):
        """pgbench -S -M prepared; `keys` as bytes."""
        lib, connection = self.lib, self.connection
        for key in keys:
            self.done(lib.PQexecPrepared(connection, b"P_0", 1, (ctypes.c_char_p * 1)(key), None, None, 0))

    def run_simple(self, keys):
        """pgbench -S -M simple."""
        self.run_texts(b"SELECT abalance FROM pgbench_accounts WHERE aid = %s;" % key for key in keys)

    def run_texts(self, texts):
        lib, connection = self.lib, self.connection
        for text in texts:
            self.done(lib.PQexec(connection, text))

    def done(self, result):
        if self.lib.PQresultStatus(result) != TUPLES_OK:
            raise SystemExit(self.lib.PQerrorMessage(self.connection).decode())
        self.lib.PQclear(result)

    def ask(self, sql):
        """Runs a query; returns when all of its rows have arrived."""
        self.run_texts([sql.encode()])

    def first_column(self, sql):
        """Of the rows that a query returns."""
        result = self.lib.PQexec(self.connection, sql.encode())
        values = [self.lib.PQgetvalue(result, row, 0).decode() for row in range(self.lib.PQntuples(result))]
        self.done(result)
        return values

    def cpu_us(self):
        """CPU time of the backend, to the nanosecond while it waits for us."""
        with open("/proc/%d/schedstat" % self.pid, encoding="ascii") as file:
            return int(file.read().split()[0]) / 1000
