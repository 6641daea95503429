"""compare_counts.py explains what its rules say, and nothing else: small invented counts, and the same with one thing wrong."""
import contextlib
import csv
import io
from pathlib import Path
import sys
import tempfile
import unittest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).resolve().parents[1] / "codegen")]
import compare_counts  # noqa: E402
import compare_errors  # noqa: E402
import tap  # noqa: E402


def row(queryid, query, calls=1, toplevel="t", user=10, failed="f", sqlcodes="", **counts):
    made = {"userid": user, "dbid": 5, "queryid": queryid, "toplevel": toplevel, "query": query, "failed": failed, "warned": "f",
            "sqlcodes": sqlcodes, "applications": "test", "calls": calls}
    made.update({name: counts.get(name, 0) for name in compare_counts.COUNTS if name != "calls"})
    return made


def explained(theirs, ours, major=17):
    with tempfile.TemporaryDirectory() as folder:
        for name, rows in (("pg_stat_statements", theirs), ("pg_stat_monitor", ours)):
            with open(Path(folder) / (name + ".csv"), "w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, list(row(0, "")))
                writer.writeheader()
                writer.writerows(rows)
        (Path(folder) / "major").write_text(str(major))
        with contextlib.redirect_stdout(io.StringIO()):
            return compare_counts.compare(Path(folder))


SELECT = "SELECT a FROM t WHERE b = $1"


class CompareCounts(unittest.TestCase):
    def check(self, what, theirs, ours, right=True, major=17):
        with self.subTest(what):
            self.assertEqual(explained(theirs, ours, major), right)

    def test_compare(self):
        """all"""
        self.check("the same", [row(1, SELECT, 3, rows=2)], [row(1, SELECT, 3, rows=2)])
        for wrong in ({"calls": 4}, {"rows": 3}, {"wal_bytes": 1}, {"plans": 1}, {"calls": 2}):
            self.check("a wrong count of %s" % wrong, [row(1, SELECT, 3, rows=2)],
                       [row(1, SELECT, **{"calls": 3, "rows": 2, **wrong})], False)
        self.check("a statement that we miss", [row(1, SELECT)], [], False)
        self.check("a statement that they miss", [], [row(1, SELECT)], False)
        self.check("another user", [row(1, SELECT)], [row(1, SELECT, user=11)], False)

        settings = [row(1, "SET work_mem = 1"), row(2, "SET work_mem = '2MB'")]
        self.check("one id for constants", settings, [row(3, "SET work_mem = $1", 2)])
        self.check("… as often", settings, [row(3, "SET work_mem = $1", 3)], False)
        self.check("one id for spellings", [row(1, "SET work_mem TO 1", 2)],
                   [row(3, "SET work_mem = $1"), row(4, "set work_mem to $1")])

        self.check("… also in functions", [row(1, "EXPLAIN SELECT a IN ($1)", 4, "f")],
                   [row(2, "EXPLAIN SELECT a IN ($1)", 2, "f"), row(3, "EXPLAIN SELECT a = ANY (ARRAY[$1])", 2, "f")])

        role = [row(1, "SET ROLE a", 2, user=11), row(2, "RESET ROLE", 2)]
        self.check("who changes the role", role, [row(1, "SET ROLE a", 2), row(2, "RESET ROLE", 2, user=11)])
        self.check("… as often", role, [row(1, "SET ROLE a", 3), row(2, "RESET ROLE", 2, user=11)], False)

        self.check("a cursor that a function leaves open", [row(1, SELECT, rows=5)], [row(1, SELECT, toplevel="f", rows=5)])
        self.check("… with its rows", [row(1, SELECT, rows=5)], [row(1, SELECT, toplevel="f", rows=6)], False)

        parts = [row(1, SELECT, toplevel="f")], [row(1, SELECT, toplevel="f", rows=12)]
        self.check("rows of parts on 15", *parts, major=15)
        self.check("a row at the top more on 17", [row(1, SELECT)], [row(1, SELECT, rows=12)], False)

        self.check("utility statements of a loop", [row(1, "ANALYZE t", toplevel="f")], [row(1, "ANALYZE t", 9, "f")])
        self.check("… not at the top", [row(1, "ANALYZE t")], [row(1, "ANALYZE t", 9)], False)
        self.check("… not less", [row(1, "ANALYZE t", 2, "f")], [row(1, "ANALYZE t", 1, "f")], False)
        self.check("elements", [row(1, "CREATE TABLE t (a serial)")],
                   [row(1, "CREATE TABLE t (a serial)"), row(1, "CREATE TABLE t (a serial)", 1, "f")])

        failed = row(1, SELECT, failed="t", sqlcodes="22012", plans=1, shared_blks_hit=4)
        self.check("a planning in the error's row", [row(1, SELECT, 0, plans=1, shared_blks_hit=3)], [failed])
        self.check("planned, not executed", [row(1, "x + $1", 0, "f", plans=1)], [])
        self.check("… nor anything else", [row(1, "x + $1", 0, "f", plans=1, rows=1)], [], False)

        ended = [(row(n, SELECT, 1, "f", rows=1), row(n, SELECT, 2, "f", rows=2)) for n in range(9)]
        self.check("a few ends that an error discards", [t for t, _ in ended[:6]], [o for _, o in ended[:6]])
        self.check("… no more than a few", [t for t, _ in ended], [o for _, o in ended], False)

    def test_errors(self):
        """errors"""
        log = ["2026-11-26 08:00:00 UTC|client backend|a|22012|ERROR:  division by zero",
               "2026-11-26 08:00:00 UTC|client backend|a|01000|WARNING:  beware", "and a line more",
               "2026-11-26 08:00:00 UTC|parallel worker||22012|ERROR:  division by zero",
               "2026-11-26 08:00:00 UTC|client backend|a|00000|LOG:  nothing"]
        for what, rows, right in (
                ("the same", ["a,21,22012,1", "a,19,01000,1"], True),
                ("in one row", ["a,21,22012,2"], True),
                ("one is missing", ["a,21,22012,1"], False),
                ("one too many", ["a,21,22012,2", "a,19,01000,1"], False),
                ("of another", ["b,21,22012,1", "a,19,01000,1"], False)):
            with self.subTest("errors: " + what), tempfile.TemporaryDirectory() as folder:
                (Path(folder) / "server.log").write_text("\n".join(log) + "\n", encoding="utf-8")
                (Path(folder) / "errors.csv").write_text("\n".join(["application_name,elevel,sqlcode,calls", *rows]) + "\n",
                                                         encoding="utf-8")
                with contextlib.redirect_stdout(io.StringIO()):
                    self.assertEqual(compare_errors.compare(Path(folder)), right)


if __name__ == "__main__":
    tap.run()
