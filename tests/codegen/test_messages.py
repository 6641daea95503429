#!/usr/bin/env python3
"""Every complaint of the generator about columns.yaml, provoked once: its text, its file and its line."""

from pathlib import Path
import re
import sys
import tempfile
import unittest
import unittest.mock

import tap

HERE = Path(__file__).resolve().parent
SCHEMA = HERE.parent.parent / "schema"
sys.path.insert(0, str(SCHEMA))
sys.dont_write_bytecode = True

from reader import Reader, SpecError  # noqa: E402
import rules  # noqa: E402

SMALL = (HERE / "small.yaml").read_text(encoding="utf-8")
FAMILY = """
  - id: 4
    name: {name}
    sql: {sql}
    cpp: {cpp}
    group: {group}
    family: exec
    role: {role}
    unit: ms
    source: clock
    merge: {merge}
    pg: "15"
    view: {{}}
    doc: Time.
"""


def family(name="t", sql="double precision", cpp="f64", group="hot", role="total", merge="sum") -> str:
    """small.yaml with one more column, of family exec, before the newer server's column."""
    column = FAMILY.format(name=name, sql=sql, cpp=cpp, group=group, role=role, merge=merge)
    return SMALL.replace("\n  - id: 3\n", column + "\n  - id: 3\n")


def swap(old: str, new: str) -> str:
    assert SMALL.count(old) >= 1, old
    return SMALL.replace(old, new, 1)


# (broken spec, message)
CASES = (
    ("", "1: the file is empty"),
    ("columns: [", "1: expected the node content, but found '<stream end>'"),
    ("- 1", "1: expected keys and values"),
    (swap("column_count: 2", "column_count: 2\nowner: us"), "3: unknown key owner"),
    (swap("column_count: 2\n", ""), "1: missing key column_count"),
    (swap("column_count: 2", "column_count: two"), "2: column_count must be a number"),
    (swap("column_count: 2", "column_count: 3"), "2: column_count says 3, but 2 columns are declared"),
    ("column_count: 0\ncolumns: 7\nstatus: []", "2: expected a list"),
    (swap("    name: query\n", ""), "5: column without a name"),
    (swap("name: query", "name: Query"),
     "6: Query is no name for a column (small letters, digits, underscores)"),
    (swap("    merge: first\n", ""), "5: column query: missing merge rule"),
    (swap("    unit: text\n", ""), "5: column query: missing key unit"),
    (swap("    unit: text\n", "    unit: text\n    colour: red\n"), "11: column query: unknown key colour"),
    (swap("    unit: text\n", "    unit: text\n    unit: ms\n"), "11: column query: key unit is given twice"),
    (swap("sql: text", "sql: varchar"), "7: column query: unknown sql varchar (known: bigint, boolean, "
     "double precision, inet, integer, numeric, oid, text, text[], timestamp with time zone)"),
    (swap("cpp: text", "cpp: string"),
     "8: column query: unknown cpp string (known: bool, cells, f64, i32, i64, "
     "inet, sqlstate, text, text_list, ts, u32)"),
    (swap("cpp: text", "cpp: i64"), "8: column query: no conversion from cpp i64 to sql text"),
    (swap("group: text", "group: words"),
     "9: column query: unknown group words (known: identity, text, error, "
     "histogram, time, hot, io, buffers, plan, jit)"),
    (swap("merge: first", "merge: pile"), "12: column query: unknown merge pile (known: sum, min, max, mean, "
     "stddev, cells, first, last)"),
    (swap('pg: "15"', "pg: 15"), "13: column query: pg must be a text (quote it)"),
    (swap('pg: "15"', 'pg: "16"'), "13: column query: unknown pg 16 (known: 15, 17, 18)"),
    (swap("private: true", "private: perhaps"), "14: column query: private must be a boolean"),
    (swap("private: true", "private: true\n    statistics: true"),
     "15: column query: statistics of a private column would tell what is in it"),
    (swap("unit: text", "unit: [a]"), "10: column query: unit must be a text"),
    (swap("statement.\"", "statement\""),
     "19: column query: doc is not a sentence (no full stop at its end)"),
    (swap("merge: first", "merge: cells"), "12: column query: merge cells does not fit cpp text"),
    (swap("merge: first", "merge: mean"), "12: column query: merge mean needs a family"),
    (swap("merge: sum", "merge: last"),
     "28: column wal_bytes: a counter merges by sum, min or max, not last"),
    (swap("group: text", "group: io"), "8: column query: a counter cannot be text"),
    (swap("id: 2", "id: 1"), "21: column wal_bytes: duplicate id 1 (first on line 5)"),
    (swap("name: wal_bytes", "name: query"), "21: column query: duplicate name query (first on line 5)"),
    (swap("internal: {pos: 1}", "internal: {}"), "18: column query: internal without pos"),
    (swap("internal: {pos: 1}", "internal: {pos: 1, at: 2}"), "18: column query: unknown key at"),
    (swap("{pos: 3, name: wal", "{pos: 1, name: wal"),
     "21: column wal_bytes: duplicate internal pos 1 (first on "
     "line 5)"),
    (swap("name: wal,", "name: query,"),
     "21: column wal_bytes: duplicate internal name query (first on line 5)"),
    (swap("{pos: 3, name: wal", "{pos: 4, name: wal"),
     "21: column wal_bytes: internal pos 4 leaves a gap at 3"),
    (swap('since: "2.1"', 'since: "2.2"'), "30: column wal_bytes: unknown since 2.2 (known: 2.0, 2.1, 2.3)"),
    (swap("sql: numeric, since", "sql: inet, since"), "30: column wal_bytes: no conversion from cpp i64 to "
     "internal sql inet"),
    (swap('view: {"15": old', 'view: {"16": old'),
     "31: column wal_bytes: unknown major 16 in view (known: 14, "
     "15, 17, 18)"),
    (swap("    internal: {pos: 1}\n", ""),
     "5: column query: is in the 2.3 view but neither internal nor view_sql "
     "says where it comes from"),
    (swap("view_after: query", "view_after: nobody"),
     "34: column parallel_workers_launched: view_after names the "
     "unknown column nobody"),
    (swap('pg: "15"', 'pg: "18"'),
     "21: column wal_bytes: stands behind query, which only newer servers have"),
    (swap("merge: sum", "merge: sum\n    family: walk\n    role: total"),
     "29: column wal_bytes: unknown family "
     "walk (known: exec, plan)"),
    (swap("merge: sum", "merge: sum\n    family: exec\n    role: king"),
     "30: column wal_bytes: unknown role king "
     "(known: count, total, min, max, mean, stddev)"),
    (swap("merge: sum", "merge: sum\n    family: exec"), "29: column wal_bytes: family and role go together"),
    (swap("merge: sum", "merge: sum\n    role: total"), "29: column wal_bytes: family and role go together"),
    (family(group="io"), "38: column t: family exec belongs to group hot"),
    (family(merge="max"), "43: column t: role total merges by sum"),
    (family(sql="bigint", cpp="i64"), "37: column t: role total cannot be i64"),
    (family(), "34: column t: family exec has no column of role count"),
    (family().replace("\n  - id: 3\n", FAMILY.format(
        name="u", sql="double precision", cpp="f64", group="hot", role="total", merge="sum").replace(
            "id: 4", "id: 5") + "\n  - id: 3\n"), "48: column u: family exec has two columns of role total"),
    (swap("  - {name: version, sql: text, doc", "  - {sql: text, doc"), "49: status column without a name"),
    (swap("{name: version, sql: text, ", "{name: version, "), "49: column version: missing key sql"),
    (swap("{name: version, sql: text, doc: V", "{name: version, sql: text, unit: ms, doc: V"),
     "49: column version: unknown key unit"),
)


class Messages(unittest.TestCase):
    def load(self, text: str):
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "columns.yaml"
            path.write_text(text, encoding="utf-8")
            return rules.load(path, "schema/columns.yaml")

    def test_good(self):
        """the spec that the cases break is good"""
        self.assertEqual([c.name for c in self.load(SMALL).columns],
                         ["query", "wal_bytes", "parallel_workers_launched"])

    def test_messages(self):
        for text, message in CASES:
            with self.subTest(message.split(": ", 1)[1]):
                with self.assertRaises(SpecError) as caught:
                    self.load(text)
                self.assertEqual(str(caught.exception), f"schema/columns.yaml:{message}")

    def test_all_provoked(self):
        """no complaint in the generator's source is left unprovoked"""
        raised = set()

        def record(reader, *arguments):
            frame = sys._getframe(1)
            while frame:
                raised.add((Path(frame.f_code.co_filename).name, frame.f_lineno))
                frame = frame.f_back
            raise SpecError(arguments)

        with unittest.mock.patch.object(Reader, "fail", record):
            for text, _ in CASES:
                self.assertRaises(SpecError, self.load, text)
        for name in ("reader.py", "rules.py"):
            for number, line in enumerate((SCHEMA / name).read_text(encoding="utf-8").splitlines(), 1):
                if re.search(r"(?<!def )\bfail\(", line):
                    self.assertIn((name, number), raised, line.strip())


if __name__ == "__main__":
    tap.run()
