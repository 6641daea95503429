#!/usr/bin/env python3
"""settings.py [--write]

Compares the table of settings in docs/operating.md with pg_settings of a live server (psql, PG* environment): TAP, one
line a setting. With --write renews the table instead; `tests/server/run_on_server BUILD PG_CONFIG python3
tests/docs/settings.py --write` starts a server for it.
"""
from pathlib import Path
import re
import sys

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "codegen"))

from check_catalog import psql  # noqa: E402

PAGE = Path(__file__).resolve().parents[2] / "docs/operating.md"
TABLE = re.compile(r"(<!-- settings: [^\n]*-->\n)(.*?)(<!-- end of settings -->)", re.DOTALL)
SETTINGS = """
SELECT replace(name, 'pg_stat_monitor.', ''), boot_val, coalesce(unit, ''), coalesce(min_val, ''),
       coalesce(max_val, ''), array_to_string(enumvals, ', '), vartype, context,
       short_desc || coalesce(' ' || extra_desc, '')
FROM pg_settings WHERE name LIKE 'pg\\_stat\\_monitor.%' ORDER BY name COLLATE "C"
"""
WHEN = {"postmaster": "restart", "sighup": "reload", "user": "session"}
NO_LIMIT = "2147483647"


def plain(number):
    """50000000 for PostgreSQL's 5e+07."""
    return "%d" % float(number) if "e+" in number else number


def row(setting):
    name, boot, unit, least, most, words, kind, context, text = setting
    allowed = words or "on, off"
    if kind == "string":
        allowed = ""
    elif least:
        allowed = "%s to %s" % (least, plain(most)) if most != NO_LIMIT else "from " + least
    default = ("%s %s" % (boot, unit)).strip() if boot else "empty"
    return "| `%s` | %s | %s | %s | %s |" % (name, default, allowed, WHEN[context], text)


def table():
    return ["| name | default | allowed | takes effect | |", "|---|---|---|---|---|"] + [row(s) for s in psql(SETTINGS)]


def main():
    page = PAGE.read_text(encoding="utf-8")
    wanted = table()
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(TABLE.sub(lambda m: m.group(1) + "\n" + "\n".join(wanted) + "\n\n" + m.group(3), page),
                        encoding="utf-8")
        return 0
    found = [line for line in TABLE.search(page).group(2).splitlines() if line]
    results = [(line in found, line, "not in docs/operating.md") for line in wanted]
    results += [(False, line, "pg_settings does not say so") for line in found if line not in wanted]
    for number, (ok, line, trouble) in enumerate(results, 1):
        name = line.split("|")[1].strip()
        print("%s %d - %s" % ("ok" if ok else "not ok", number, name.replace("#", "")))
        if not ok:
            print("# %s: %s\n# Renew the table: %s" % (trouble, line, __doc__.split("`")[1]))
    print("1..%d" % len(results))
    return 0 if all(ok for ok, _, _ in results) else 1


if __name__ == "__main__":
    sys.exit(main())
