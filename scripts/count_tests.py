#!/usr/bin/env python3
"""count_tests.py TESTLOG_JSON MESON_STATUS

Counts what really ran out of Meson's test log: the subtests of TAP tests, the cases of doctest programs, and one for
any other program. Prints a line for each suite and, last, the sum. Exits 1 when anything failed, when Meson said so,
or when nothing ran at all.
"""
import json
import re
import sys

TAP_TEST = re.compile(r"(not )?ok(?=\s|$)[^#]*(?:#\s*([Ss][Kk][Ii][Pp]|[Tt][Oo][Dd][Oo])\b)?")
TAP_SKIP_ALL = re.compile(r"1\.\.0\b")
DOCTEST = re.compile(r"\[doctest\] test cases:\s*\d+" + 3 * r"\s*\|\s*(\d+) (?:passed|failed|skipped)")
ANSI = re.compile(r"\x1b\[[0-9;]*m")

MOST_LINES = 300

# Meson's words for a test that went wrong, whatever its output says.
BAD = {"FAIL", "ERROR", "TIMEOUT", "INTERRUPT", "UNEXPECTEDPASS"}


def count_tap(lines):
    passed = failed = skipped = 0
    for line in lines:
        test = TAP_TEST.match(line)
        if test:
            directive = (test.group(2) or "").lower()
            if directive == "skip":
                skipped += 1
            elif directive == "todo":
                # A known gap that is still there is no failure; one that has gone unnoticed is.
                passed, failed = (passed + 1, failed) if test.group(1) else (passed, failed + 1)
            elif test.group(1):
                failed += 1
            else:
                passed += 1
        elif TAP_SKIP_ALL.match(line):
            skipped += 1
    return passed, failed, skipped


def count(test):
    """(passed, failed, skipped) of one test program."""
    output = ANSI.sub("", test.get("stdout") or "")
    doctest = DOCTEST.search(output)
    if doctest:
        counted = tuple(int(n) for n in doctest.groups())
    else:
        counted = count_tap(output.splitlines())
    if counted == (0, 0, 0):
        counted = (0, 0, 1) if test["result"] == "SKIP" else (1, 0, 0)
        if test["result"] in BAD:
            counted = (0, 1, 0)
    elif test["result"] in BAD and counted[1] == 0:
        # All that it reported was well, but it crashed, hung or broke its plan.
        counted = (counted[0], 1, counted[2])
    return counted


def print_failure(test):
    """What a failed TAP test said: Meson shows the names of its subtests only."""
    output = (test.get("stdout") or "").splitlines()
    lines = [line for line in output if line.startswith(("not ok", "#", "Bail"))]
    print("\n".join(["", "---- " + test["name"]] + lines[:MOST_LINES]))
    if len(lines) > MOST_LINES:
        print("---- %d more lines in meson-logs/testlog.txt" % (len(lines) - MOST_LINES))


def main():
    path, meson_status = sys.argv[1], int(sys.argv[2])
    suites = {}
    try:
        with open(path, encoding="utf-8") as log:
            for line in log:
                test = json.loads(line)
                # "project:suite / test", or "suite / test" where there is one project; of newer Mesons
                # "suite - project:test".
                suite = re.split(r" / | - ", test["name"])[0].split("+")[0].split(":")[-1].strip()
                before = suites.get(suite, (0, 0, 0))
                counted = count(test)
                suites[suite] = tuple(a + b for a, b in zip(before, counted))
                if counted[1]:
                    print_failure(test)
    except FileNotFoundError:
        print("no test ran: there is no " + path, file=sys.stderr)

    print()
    for suite, counts in sorted(suites.items()):
        print("suite %-8s %d passed, %d failed, %d skipped" % ((suite,) + counts))
    passed, failed, skipped = (sum(c[i] for c in suites.values()) for i in range(3))
    if meson_status != 0 and failed == 0:
        print("meson test ended with status %d though no test failed" % meson_status)
        failed = 1
    print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
    return 1 if failed or passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
