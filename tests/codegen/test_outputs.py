#!/usr/bin/env python3
"""Tests of schema/codegen.py: what it makes of three columns, and that a forgotten regen is noticed.

RENEW_GOLDEN=1 rewrites the golden files instead of comparing; look at the difference before committing it.
"""

import os
from pathlib import Path
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import tap

HERE = Path(__file__).resolve().parent
REPO = HERE.parent.parent
GOLDEN = ("generated/core/counters.hpp", "generated/core/row.hpp", "generated/pgglue/row_datum.inc",
          "generated/pgglue/columns.inc", "generated/tests/catalog.tsv", "docs/columns.md")
ADDED = """  - id: 999
    name: spills
    sql: bigint
    cpp: i64
    group: io
    unit: count
    source: nowhere
    merge: sum
    pg: "15"
    view: {}
    doc: Number of spills of the statement.

"""
COMPILER = os.environ.get("CXX", "c++").split()


def codegen(root: Path, *options: str, **surroundings: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-B", REPO / "schema/codegen.py", "--root", root, *options],
                          capture_output=True, text=True, check=False, env={**os.environ, **surroundings})


def compiles(test: unittest.TestCase, root: Path) -> None:
    """The generated headers below `root` agree with the compiler about sizes and offsets."""
    if not shutil.which(COMPILER[0]):
        test.skipTest(f"no C++ compiler ({COMPILER[0]})")
    options = ["-std=c++20", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", f"-I{root}", f"-I{REPO}"]
    done = subprocess.run([*COMPILER, *options, "-x", "c++", "-"],
                          input='#include "generated/core/row.hpp"\n', capture_output=True, text=True,
                          check=False, cwd=root)
    test.assertEqual(done.returncode, 0, done.stderr)


class Tree(unittest.TestCase):
    """A copy of schema/ in a directory of its own."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = Path(directory.name)
        shutil.copytree(REPO / "schema", self.root / "schema", ignore=shutil.ignore_patterns("__pycache__"))
        self.spec = self.root / "schema/columns.yaml"

    def render(self):
        done = codegen(self.root)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done

    def text(self, path: str) -> str:
        return (self.root / path).read_text(encoding="utf-8")


class ThreeColumns(Tree):
    def setUp(self):
        super().setUp()
        shutil.copy(HERE / "small.yaml", self.spec)
        self.render()

    def test_golden(self):
        for path in GOLDEN:
            golden = HERE / "golden" / Path(path).name
            if os.environ.get("RENEW_GOLDEN"):
                golden.write_text(self.text(path), encoding="utf-8")
            with self.subTest(f"golden {golden.name}"):
                self.maxDiff = None
                self.assertEqual(self.text(path), golden.read_text(encoding="utf-8"))

    def test_compile(self):
        """headers of three columns compile"""
        compiles(self, self.root)

    def test_table(self):
        """the table has the base columns, a newer server's behind a condition"""
        sql = self.text("generated/sql/pg_stat_monitor--2.4.sql")
        self.assertIn("CREATE TABLE pg_stat_monitor (\n    query text NOT NULL DEFAULT pg_catalog.now(),\n"
                      "    wal_bytes numeric\n) PARTITION BY RANGE (exported_at);\n", sql)
        self.assertIn("::integer >= 180000 THEN\n        ALTER TABLE pg_stat_monitor\n"
                      "            ADD COLUMN parallel_workers_launched integer;\n", sql)
        self.assertIn("COMMENT ON COLUMN pg_stat_monitor.query IS 'Text of the user''s statement. NULL when it is <unknown>.';\n", sql)

    def test_views(self):
        """the views of 2.3 have their own names, places and absences"""
        sql = self.text("generated/sql/pg_stat_monitor--2.3.sql")
        shapes = {name: sql.split(f"pgsm_create_{name}_view()\n")[1].split("SELECT\n")[1].split("    FROM")[0]
                  for name in ("14", "15", "17", "18")}
        self.assertEqual(shapes["14"], "        query\n")
        self.assertEqual(shapes["15"], "        query,\n        wal AS old_wal_bytes\n")
        self.assertEqual(shapes["17"], "        query,\n        wal AS wal_bytes\n")
        self.assertEqual(shapes["18"], "        query,\n        parallel_workers_launched,\n"
                                       "        wal AS wal_bytes\n")

    def test_served(self):
        """the view for tools of 2.3 has their shape over the table, private columns masked"""
        sql = self.text("generated/sql/pg_stat_monitor--2.4.sql")
        shapes = {major: sql.split(f"{start} $view$")[1].split("SELECT\n")[1].split("FROM (")[0]
                  for major, start in (("18", "major >= 18 THEN"), ("17", "major >= 17 THEN"),
                                       ("15", "ELSE"))}
        masked = ("    CASE WHEN m.seen OR m.query IS NULL THEN m.query ELSE '<insufficient privilege>' END "
                  "AS query,\n")
        self.assertEqual(shapes["15"], masked + "    m.wal_bytes AS old_wal_bytes\n")
        self.assertEqual(shapes["17"], masked + "    m.wal_bytes\n")
        self.assertEqual(shapes["18"], masked + "    m.parallel_workers_launched,\n    m.wal_bytes\n")
        self.assertIn("CASE WHEN major >= 18 THEN 3 WHEN major >= 17 THEN 2 ELSE 2 END;", sql)
        self.assertIn("ADD COLUMN IF NOT EXISTS parallel_workers_launched integer;\n", sql)

    def test_served_expression(self):
        """an expression of the view goes before the rule for private columns"""
        self.spec.write_text(self.text("schema/columns.yaml").replace(
            "    internal: {pos: 1}\n", "    internal: {pos: 1}\n    served: 'lower(m.query)'\n"))
        self.render()
        self.assertIn("    lower(m.query) AS query,\n", self.text("generated/sql/pg_stat_monitor--2.4.sql"))

    def test_internal(self):
        """the internal function has its own order"""
        sql = self.text("generated/sql/pg_stat_monitor--2.3.sql")
        self.assertIn("    OUT query text,\n    OUT parallel_workers_launched integer,\n"
                      "    OUT wal numeric\n)", sql)


class Reproducible(Tree):
    def files(self) -> dict:
        return {path.relative_to(self.root): path.read_bytes() for part in ("generated", "docs")
                for path in (self.root / part).rglob("*") if path.is_file()}

    def test_surroundings(self):
        """neither the hash seed, the locale, the time zone nor the date of the sources makes a difference"""
        seen = []
        for surroundings in ({"PYTHONHASHSEED": "1", "LC_ALL": "C", "PYTHONUTF8": "0", "TZ": "Asia/Kathmandu"},
                             {"PYTHONHASHSEED": "2", "LC_ALL": "C.UTF-8", "TZ": "UTC", "COLUMNS": "40"}):
            done = codegen(self.root, **surroundings)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            seen.append(self.files())
            for part in ("generated", "docs"):
                shutil.rmtree(self.root / part)
            os.utime(self.spec, (1, 1))
        self.assertGreater(len(seen[0]), 5)
        self.assertEqual(seen[0], seen[1])
        for path, content in seen[0].items():
            self.assertEqual(content, (REPO / path).read_bytes(), f"{path} is not what is committed")


class Drift(Tree):
    """DoD 7: a change of the YAML without regen is noticed, and regen is all that it takes."""

    def setUp(self):
        super().setUp()
        self.render()
        done = codegen(self.root, "--check")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def change(self, old: str, new: str):
        text = self.spec.read_text(encoding="utf-8")
        self.assertEqual(text.count(old), 1, old)
        self.spec.write_text(text.replace(old, new), encoding="utf-8")

    def noticed_then_mended(self):
        done = codegen(self.root, "--check")
        self.assertEqual((done.returncode, done.stderr), (1, ""))
        self.assertIn("to fix it: meson compile -C build regen", done.stdout)
        self.render()
        done = codegen(self.root, "--check")
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    def count(self, difference: int) -> int:
        """Changes the declared number of columns; returns the new one."""
        declared = int(re.search(r"^column_count: (\d+)$", self.text("schema/columns.yaml"), re.M)[1])
        self.change(f"column_count: {declared}\n", f"column_count: {declared + difference}\n")
        return declared + difference

    def block(self, name: str) -> str:
        """The YAML of one column."""
        pattern = rf"  - id: \d+\n    name: {name}\n(?:    .*\n)+\n?"
        return re.search(pattern, self.text("schema/columns.yaml"))[0]

    def test_add(self):
        """an added column is noticed, then is everywhere"""
        number = self.count(+1)
        late = self.block("wal_buffers_full")
        self.change(late, ADDED + late)
        self.noticed_then_mended()
        for path, wanted in {
            "generated/sql/pg_stat_monitor--2.4.sql": ("    spills bigint\n",
                                                       "COLUMN pg_stat_monitor.spills IS 'Number of"),
            "generated/sql/pg_stat_monitor--2.3--2.4.sql": ("    spills bigint\n",),
            "generated/core/counters.hpp": ("    std::int64_t spills; // count\n",
                                            "into.spills += from.spills;"),
            "generated/core/row.hpp": ("    std::int64_t spills; // count\n", f"kColumnCount = {number};",
                                       "row.spills = counters.io.spills;"),
            "generated/pgglue/row_datum.inc": ("Int64GetDatum(row.spills)",),
            "generated/pgglue/columns.inc": (
                '{"spills", INT8OID, core::Column::spills}', ", spills", f"${number}\""),
            "generated/tests/catalog.tsv": (f"15\t{number}\tspills\tbigint\tNumber of spills of the statement.\n",),
            "docs/columns.md": (f"| {number} | `spills` | bigint |",),
        }.items():
            for piece in wanted:
                self.assertIn(piece, self.text(path), path)
        compiles(self, self.root)

    def test_remove(self):
        """a removed column is noticed, then is nowhere"""
        self.count(-1)
        self.change(self.block("exported_at"), "")
        self.noticed_then_mended()
        for path in GOLDEN:
            self.assertNotIn("exported_at", self.text(path), path)
        self.assertNotIn("    exported_at", self.text("generated/sql/pg_stat_monitor--2.4.sql"))
        compiles(self, self.root)

    def test_retype(self):
        """a changed type is noticed, then is everywhere"""
        self.change("name: cmd_type\n    sql: integer\n    cpp: i32",
                    "name: cmd_type\n    sql: bigint\n    cpp: i64")
        self.noticed_then_mended()
        self.assertIn("    cmd_type bigint,\n", self.text("generated/sql/pg_stat_monitor--2.4.sql"))
        self.assertIn("    std::int64_t cmd_type;", self.text("generated/core/row.hpp"))
        self.assertIn("Int64GetDatum(row.cmd_type)", self.text("generated/pgglue/row_datum.inc"))
        self.assertIn('{"cmd_type", INT8OID,', self.text("generated/pgglue/columns.inc"))
        compiles(self, self.root)

    def fingerprint(self) -> str:
        self.render()
        return re.search(r"kCounterFingerprint = (0x[0-9a-f]{16});", self.text("generated/core/counters.hpp"))[1]

    def test_fingerprint(self):
        """two counters exchanged, one that was renamed, has another unit or id: the image's fingerprint is another"""
        seen = {self.fingerprint()}
        original = self.text("schema/columns.yaml")
        one, other = self.block("wal_records"), self.block("wal_fpi")
        for changed in (original.replace(one, "@").replace(other, one).replace("@", other),
                        original.replace("name: wal_records", "name: wal_entries"),
                        original.replace(one, one.replace("unit: records", "unit: count"))):
            self.assertNotEqual(changed, original)
            self.spec.write_text(changed, encoding="utf-8")
            found = self.fingerprint()
            self.assertNotIn(found, seen)
            seen.add(found)
        self.spec.write_text(original.replace("doc: ", "doc: About ", 1), encoding="utf-8")
        self.assertIn(self.fingerprint(), seen)

    def test_hand_edit(self):
        """a generated file edited by hand is noticed"""
        file = self.root / "docs/columns.md"
        file.write_text(self.text("docs/columns.md").replace("`bucket`", "`pail`"), encoding="utf-8")
        self.noticed_then_mended()

    def test_untouched(self):
        """a render without a change writes nothing"""
        self.assertEqual(self.render().stdout, "")


if __name__ == "__main__":
    tap.run()
