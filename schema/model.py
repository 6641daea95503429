"""columns.yaml as Python objects, and the words that may stand in it. Knows no output format."""

from dataclasses import dataclass, field
import re

BASE_MAJOR = 17  # a column that needs a newer server exists only there, behind all others
MAJORS = ("15", "17", "18")
VIEW_MAJORS = ("14", "15", "17", "18")  # the shapes that 2.3's view has; 13 is as 14, 16 as 15
SINCE = ("2.0", "2.1", "2.3")
ROW_GROUPS = ("identity", "text", "error", "histogram", "time")
PART_GROUPS = ("hot", "io", "buffers", "plan", "jit")
FAMILIES = {"exec": "hot", "plan": "plan"}
ROLES = ("count", "total", "min", "max", "mean", "stddev")
ROLE_MERGE = {"count": "sum", "total": "sum", "min": "min", "max": "max", "mean": "mean", "stddev": "stddev"}
MERGES = ("sum", "min", "max", "mean", "stddev", "cells", "first", "last")
PAIRS = {
    ("bigint", "i64"), ("oid", "u32"), ("text", "text"), ("text", "sqlstate"), ("text[]", "text_list"),
    ("text[]", "cells"),
    ("integer", "i32"), ("boolean", "bool"), ("double precision", "f64"), ("numeric", "i64"),
    ("timestamp with time zone", "ts"), ("inet", "inet"),
}
INTERNAL_PAIRS = PAIRS | {("bigint", "inet"), ("text", "text_list"), ("text", "cells")}
SQL_TYPES = tuple(sorted({sql for sql, _ in PAIRS}))
CPP_TYPES = tuple(sorted({cpp for _, cpp in PAIRS}))
# Units of numbers, and the words of which one has to be in the column's sentence.
UNITS = {
    "ms": ("milliseconds",), "blocks": ("blocks",), "bytes": ("bytes",), "count": ("number of",), "rows": ("rows",),
    "records": ("records",), "pages": ("full-page images",), "functions": ("functions",), "workers": ("workers",),
    "hash": ("hash",), "number": ("number",), "code": ("number",), "object id": ("object identifier",),
}
NUMBERS = ("i64", "i32", "u32", "f64", "cells")
IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,62}\Z")


@dataclass
class Internal:
    """Place of a column in pg_stat_monitor_internal."""
    pos: int
    name: str
    sql: str
    since: str


@dataclass
class Column:
    id: int
    name: str
    sql: str
    cpp: str
    group: str
    unit: str
    source: str
    merge: str
    pg: str
    doc: str
    line: int
    family: str | None = None
    role: str | None = None
    private: bool = False
    statistics: bool = False
    null_when: str | None = None
    not_null: bool = False
    default: str | None = None
    internal: Internal | None = None
    view: dict = field(default_factory=dict)
    view_after: str | None = None
    view_sql: str | None = None
    served: str | None = None

    @property
    def late(self) -> bool:
        return int(self.pg) > BASE_MAJOR

    @property
    def comment(self) -> str:
        """What is said of it where it stands alone."""
        return self.doc + (f" NULL when {self.null_when}." if self.null_when else "")

    @property
    def served_sql(self) -> str:
        """What the view in schema pgsm_2_3 shows of it, over a row m of the table."""
        own = f"m.{self.name}"
        if self.served:
            return self.served
        if not self.private:
            return own
        if self.sql == "text":
            return f"CASE WHEN m.seen OR {own} IS NULL THEN {own} ELSE '<insufficient privilege>' END"
        return f"CASE WHEN m.seen THEN {own} END"

    @property
    def counter(self) -> bool:
        return self.group in PART_GROUPS


@dataclass
class StatusColumn:
    name: str
    sql: str
    doc: str
    line: int


@dataclass
class Spec:
    columns: list
    status: list

    @property
    def table(self) -> list:
        """The columns that every server has."""
        return [c for c in self.columns if not c.late]

    @property
    def analysed(self) -> list:
        """Those that PostgreSQL may keep statistics of."""
        return [c for c in self.columns if c.statistics]

    @property
    def texts(self) -> list:
        """Those whose values can be long."""
        return [c for c in self.columns if c.cpp in ("text", "text_list", "cells", "sqlstate")]

    @property
    def late(self) -> list:
        """(major, columns) of those that only newer servers have, by major."""
        majors = sorted({int(c.pg) for c in self.columns if c.late})
        return [(m, [c for c in self.columns if c.late and int(c.pg) == m]) for m in majors]

    @property
    def internal(self) -> list:
        return sorted((c for c in self.columns if c.internal), key=lambda c: c.internal.pos)

    def by_name(self, name):
        return next(c for c in self.columns if c.name == name)

    def view(self, major: str) -> list:
        """(name in the view, column) of the 2.3-shaped view of one major, in its order."""
        shown = {}
        for column in self.columns:
            names = [name for m, name in column.view.items() if int(m) <= int(major)]
            if names:
                shown[column.name] = names[-1]
        order = [c for c in self.columns if c.name in shown and not c.view_after]
        for column in self.columns:
            if column.name in shown and column.view_after:
                order.insert(order.index(self.by_name(column.view_after)) + 1, column)
        return [(shown[c.name], c) for c in order]
