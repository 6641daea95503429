"""The little of libpq that the soak needs, by ctypes: it waits without Python's lock, and Debian's server has it."""
import ctypes
import ctypes.util

CONNECTION_OK = 0
COMMAND_OK, TUPLES_OK = 1, 2
SQLSTATE = ord("C")

_pq = ctypes.CDLL(ctypes.util.find_library("pq") or "libpq.so.5")
for _name, _result, _arguments in (
        ("PQconnectdb", ctypes.c_void_p, [ctypes.c_char_p]),
        ("PQstatus", ctypes.c_int, [ctypes.c_void_p]),
        ("PQfinish", None, [ctypes.c_void_p]),
        ("PQbackendPID", ctypes.c_int, [ctypes.c_void_p]),
        ("PQerrorMessage", ctypes.c_char_p, [ctypes.c_void_p]),
        ("PQsetNoticeProcessor", ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]),
        ("PQexec", ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_char_p]),
        ("PQexecParams", ctypes.c_void_p,
         [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int] + [ctypes.c_void_p] * 4 + [ctypes.c_int]),
        ("PQresultStatus", ctypes.c_int, [ctypes.c_void_p]),
        ("PQresultErrorField", ctypes.c_char_p, [ctypes.c_void_p, ctypes.c_int]),
        ("PQresultErrorMessage", ctypes.c_char_p, [ctypes.c_void_p]),
        ("PQntuples", ctypes.c_int, [ctypes.c_void_p]),
        ("PQnfields", ctypes.c_int, [ctypes.c_void_p]),
        ("PQgetvalue", ctypes.c_char_p, [ctypes.c_void_p, ctypes.c_int, ctypes.c_int]),
        ("PQcmdTuples", ctypes.c_char_p, [ctypes.c_void_p]),
        ("PQclear", None, [ctypes.c_void_p])):
    getattr(_pq, _name).restype = _result
    getattr(_pq, _name).argtypes = _arguments

_NOTICE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p)
_ignore_notice = _NOTICE(lambda _argument, _message: None)


class Lost(Exception):
    """The connection is gone; whether the statement ran is unknown."""


class Failed(Exception):
    """The statement failed with an error; the connection lives."""

    def __init__(self, state, message):
        super().__init__("%s: %s" % (state, message))
        self.state = state


class Connection:
    def __init__(self, conninfo):
        self.handle = _pq.PQconnectdb(conninfo.encode())
        if _pq.PQstatus(self.handle) != CONNECTION_OK:
            message = _pq.PQerrorMessage(self.handle).decode(errors="replace").strip()
            self.close()
            raise Lost(message)
        _pq.PQsetNoticeProcessor(self.handle, ctypes.cast(_ignore_notice, ctypes.c_void_p), None)
        self.pid = _pq.PQbackendPID(self.handle)

    def close(self):
        if self.handle:
            _pq.PQfinish(self.handle)
            self.handle = None

    def run(self, sql, extended=False):
        """Runs one statement; returns (rows that its command tag names, rows of text values)."""
        if self.handle is None:
            raise Lost("closed")
        if extended:
            result = _pq.PQexecParams(self.handle, sql.encode(), 0, None, None, None, None, 0)
        else:
            result = _pq.PQexec(self.handle, sql.encode())
        try:
            if _pq.PQstatus(self.handle) != CONNECTION_OK:
                raise Lost(_pq.PQerrorMessage(self.handle).decode(errors="replace").strip())
            if _pq.PQresultStatus(result) not in (COMMAND_OK, TUPLES_OK):
                state = _pq.PQresultErrorField(result, SQLSTATE)
                message = _pq.PQresultErrorMessage(result).decode(errors="replace").strip()
                if state is None:  # libpq's own words
                    raise Lost(message)
                if state.startswith(b"57P0"):  # an ending server's parallel worker tells first
                    raise Lost(message)
                raise Failed(state.decode(), message)
            fields = range(_pq.PQnfields(result))
            rows = [[_pq.PQgetvalue(result, at, field).decode(errors="replace") for field in fields]
                    for at in range(_pq.PQntuples(result))]
            return int(_pq.PQcmdTuples(result) or b"0"), rows
        finally:
            _pq.PQclear(result)
