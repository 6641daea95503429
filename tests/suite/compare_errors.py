#!/usr/bin/env python3
"""compare_errors.py DIR

Compares the errors and warnings that pg_stat_monitor has counted with those that the server has logged of clients: DIR has
errors.csv and server.log, with log_line_prefix '%m|%b|%a|%e|'. For each application (the suite gives each test its own) and SQLSTATE
both have to have the same number of errors and of warnings. Exits 1 when one is missing or too many. What is counted with another level or
SQLSTATE than that of the log is no error of the number, but said: several of one statement that share a row.
"""
import collections
import csv
import pathlib
import re
import sys

LINE = re.compile(r"[^|]*\|client backend\|([^|]*)\|(\w{5})\|(ERROR|WARNING|FATAL):  ")
LEVELS = {"19": "WARNING", "20": "WARNING", "21": "ERROR", "22": "FATAL"}


def logged(folder):
    counts = collections.Counter()
    with open(folder / "server.log", encoding="utf-8", errors="replace") as log:
        for line in log:
            match = LINE.match(line)
            if match:
                counts[match.group(1), match.group(3), match.group(2)] += 1
    return counts


def recorded(folder):
    counts = collections.Counter()
    with open(folder / "errors.csv", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            counts[row["application_name"], LEVELS[row["elevel"]], row["sqlcode"]] += int(row["calls"])
    return counts


def by_application(counts):
    total = collections.Counter()
    for (application, _, _), count in counts.items():
        total[application] += count
    return total


def compare(folder):
    """Prints the comparison; returns whether the numbers agree."""
    theirs, ours = logged(folder), recorded(folder)
    print("%d errors and warnings of clients are in the log, %d are recorded" % (sum(theirs.values()), sum(ours.values())))
    logged_by, recorded_by = by_application(theirs), by_application(ours)
    wrong = sorted(name for name in logged_by | recorded_by if logged_by[name] != recorded_by[name])
    for name in wrong:
        print("DIFFERENT %s: %d logged, %d recorded" % (name, logged_by[name], recorded_by[name]))
    moved = sum(abs(theirs[key] - ours[key]) for key in theirs | ours) // 2
    print("%d of them have the level or SQLSTATE of another of the same statement" % moved)
    return not wrong and sum(theirs.values()) > 0


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    return 0 if compare(pathlib.Path(sys.argv[1])) else 1


if __name__ == "__main__":
    sys.exit(main())
