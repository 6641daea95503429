#!/usr/bin/env python3
"""Compares pg_stat_monitor of a live server with generated/tests/catalog.tsv: names, order, types, comments.

Connects with psql (or $PSQL) by the PG* environment. Prints TAP, one line a column and one for the number of
columns; exits with 1 when something differs.
"""

import os
from pathlib import Path
import subprocess
import sys

EXPECTED = Path(__file__).resolve().parent.parent.parent / "generated/tests/catalog.tsv"
MAJOR = "SELECT current_setting('server_version_num')::integer / 10000"
COLUMNS = """
SELECT row_number() OVER (ORDER BY a.attnum), a.attname, format_type(a.atttypid, a.atttypmod),
       col_description(a.attrelid, a.attnum)
FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
WHERE c.oid = 'pg_stat_monitor'::regclass AND c.relkind = 'p' AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY 1"""


def psql(query: str) -> list:
    """Rows of a query, each a list of texts."""
    done = subprocess.run([os.environ.get("PSQL", "psql"), "-XAtq", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-c",
                           query], capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"Bail out! psql: {done.stderr.strip()}")
        sys.exit(1)
    return [line.split("\t") for line in done.stdout.splitlines()]


def expected(major: int) -> list:
    lines = [line for line in EXPECTED.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    rows = [line.split("\t") for line in lines]
    return [row[1:] for row in rows if int(row[0]) <= major]


def compare(wanted: list, found: list) -> list:
    """(ok, name, explanation) for the number of columns and for each of them."""
    results = [(len(wanted) == len(found), "number of columns",
                f"expected {len(wanted)}, found {len(found)}")]
    for place in range(max(len(wanted), len(found))):
        want = wanted[place] if place < len(wanted) else ["nothing"]
        have = found[place] if place < len(found) else ["nothing"]
        results.append((want == have, f"column {' '.join((want if place < len(wanted) else have)[:2])}",
                        f"expected {want}, found {have}"))
    return results


def main() -> int:
    results = compare(expected(int(psql(MAJOR)[0][0])), psql(COLUMNS))
    for number, (ok, name, explanation) in enumerate(results, 1):
        print(f"{'ok' if ok else 'not ok'} {number} - {name}")
        if not ok:
            print(f"# {explanation}")
    print(f"1..{len(results)}")
    return 0 if all(ok for ok, _, _ in results) else 1


if __name__ == "__main__":
    sys.exit(main())
