#!/usr/bin/env python3
"""commands.py

Types the SQL of README.md and docs/ word for word on a live server (psql, PG* environment): blocks of SQL, and what
begins with SELECT between backquotes. What has a … in it is for the reader to complete, a text with $1 is one that is
shown. TAP, one line a command.
"""
from pathlib import Path
import re
import subprocess
import sys
import time

ROOT = Path(__file__).resolve().parents[2]
PAGES = ["README.md"] + sorted(str(page.relative_to(ROOT)) for page in ROOT.glob("docs/*.md"))
FENCED = r"^ *```sql\n(?P<fenced>.*?)^ *```$"
INDENTED = r"(?<=\n\n)(?P<indented>(?:    [^\n]*\n|\n(?=    ))+)"
INLINE = r"`(?P<inline>SELECT [^`$]*)`"
COMMANDS = re.compile("|".join((FENCED, INDENTED, INLINE)), re.MULTILINE | re.DOTALL)
SQL = re.compile(r"\s*(?:-- |(?:SELECT|CREATE|ALTER|DROP|GRANT|DELETE|INSERT|UPDATE|REVOKE)\b)")
# What a page takes for granted.
BEFORE = "CREATE ROLE pmm; CREATE ROLE keeper; CREATE ROLE its_name;"
EXTENSION = "CREATE EXTENSION IF NOT EXISTS pg_stat_monitor; SELECT pg_stat_monitor_export();"
DAY = "SELECT to_regclass('pgsm_history.pg_stat_monitor_' || to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD'))"


def psql(command):
    return subprocess.run(["psql", "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1"], input=command, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)


def needed(command):
    done = psql(command)
    if done.returncode != 0:
        sys.exit(f"{command}: {done.stdout}")
    return done.stdout.strip()


def commands(page):
    for found in COMMANDS.finditer((ROOT / page).read_text(encoding="utf-8")):
        text = found["fenced"] or found["indented"] or found["inline"]
        # A block may begin with commands of another kind; a name of a day stands for one that there is.
        if SQL.match(text) and "…" not in text:
            yield re.sub(r"\s+", " ", text).strip()[:70], text


def today():
    """The partition of today, which the exporter makes after an export of its own."""
    for _ in range(1200):
        day = needed(DAY)
        if day:
            return day
        needed("SELECT pg_sleep(0.1)")
    return sys.exit("no partition for today")


def main():
    needed(BEFORE)
    number = failed = 0
    for page in PAGES:
        for name, text in commands(page):
            number += 1
            needed(EXTENSION)
            if text.strip().startswith("CREATE EXTENSION"):
                needed("DROP EXTENSION pg_stat_monitor")
            if "pgsm_history.pg_stat_monitor_2" in text:
                text = re.sub(r"pgsm_history\.pg_stat_monitor_\d+", today(), text)
            done = psql(text)
            failed += done.returncode != 0
            print(f"{'not ok' if done.returncode else 'ok'} {number} - {page}: {name.replace('#', '')}")
            if done.returncode:
                print("\n".join(f"# {line}" for line in done.stdout.splitlines()[-5:]))
    print(f"1..{number}")
    return 1 if failed or number < 20 else 0


if __name__ == "__main__":
    sys.exit(main())
