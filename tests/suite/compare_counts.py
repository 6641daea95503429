#!/usr/bin/env python3
"""compare_counts.py DIR

Compares what pg_stat_statements and pg_stat_monitor have counted of the same statements: DIR has a CSV file of each, which
the SQL files beside this script write, and `major`. For each (user, database, query id, top level) all counts have to be the same.
What is not goes through the rules below, one after the other. A rule takes keys together that it holds for one and the same thing,
and where the sums of both sides then agree, or differ in the way that the rule says, the difference is explained. Prints how many keys
and how much each rule explains, and every key that none does; exits 1 when there is such a key. docs/postgres_suite.md explains the rules.
"""
import collections
import csv
import pathlib
import re
import sys

COUNTS = ["calls", "rows", "plans", "shared_blks_hit", "shared_blks_read", "shared_blks_dirtied", "shared_blks_written",
          "local_blks_hit", "local_blks_read", "local_blks_dirtied", "local_blks_written", "temp_blks_read",
          "temp_blks_written", "wal_records", "wal_fpi", "wal_bytes"]
PLANNING = set(COUNTS) - {"calls", "rows"}  # what planning adds to

TOKEN = re.compile(r"""
    (?P<skip> \s+ | /\*.*?\*/ | --[^\n]* )
  | (?P<literal> [eEbBxXnN]?'(?:[^'\\]|''|\\.)*' | [uU]&'(?:[^']|'')*' | \$(?P<tag>[A-Za-z_]*)\$.*?\$(?P=tag)\$
      | \$\d+ | (?<![\w"])\.?\d[\w.]* | \*\*\* )
  | (?P<other> "(?:[^"]|"")*" | \w+ | . )""", re.S | re.X)
NOT_UTILITY = {"select", "insert", "update", "delete", "merge", "values", "with", "table", "("}
CHANGES_ROLE = re.compile(r"((?:set|reset) (?:session |local )*(?:role|authorization)|rollback|abort|discard all)\b")
SETS = re.compile(r"set (?:session |local )?(time zone|[\w.]+)")


def shape(text):
    """A statement without comments and spelling, with ? for each constant."""
    words = []
    for token in TOKEN.finditer(text):
        if token.group("literal"):
            # A sign belongs to its number in one text, and not in the other.
            if words and words[-1] in "+-":
                words.pop()
            words.append("?")
        elif token.group("other"):
            word = token.group("other").lower()
            # These are constants only where an expression is, which is not known here.
            words.append("?" if word in ("true", "false", "null") else word)
    # Behind a secret the rest of the text is not shown.
    while words and words[-1] in ";)":
        words.pop()
    return " ".join(words)


class Key:
    """What both have of one key. left: what pg_stat_statements has more than pg_stat_monitor, as far as it is not explained."""

    def __init__(self, user, database, queryid, toplevel):
        self.user, self.database, self.queryid, self.toplevel = user, database, queryid, toplevel == "t"
        self.theirs = self.ours = None
        self.errors = []
        self.left = {}

    def settle(self):
        self.left = {}
        for count in COUNTS:
            difference = number(self.theirs, count) - number(self.ours, count)
            if difference:
                self.left[count] = difference
        text = (self.theirs or self.ours)["query"]
        self.shape = shape(text)
        self.utility = self.is_utility()

    def is_utility(self):
        first = self.shape.split(" ", 1)[0]
        if first == "select" and " into " not in self.shape or first in NOT_UTILITY - {"select"}:
            return False
        # An expression of PL/pgSQL is none, whatever it begins with.
        return number(self.theirs, "plans") + number(self.ours, "plans") == 0

    def line(self):
        parts = ["%s %s/%s" % (name, plain(number(self.theirs, name)), plain(number(self.ours, name)))
                 for name in self.left]
        row = self.theirs or self.ours
        return "user %s database %s queryid %s %s: %s; errors %s; %s: %s" % (
            self.user, self.database, self.queryid, "top" if self.toplevel else "nested", ", ".join(parts),
            " ".join(e["sqlcodes"] for e in self.errors) or "none",
            (self.ours or {}).get("applications", ""), " ".join(row["query"].split())[:200])


def number(row, name):
    return float(row[name] or 0) if row else 0.0


def plain(value):
    return "%d" % value if value == int(value) else "%g" % value


def load(folder):
    csv.field_size_limit(1 << 30)
    keys = {}

    def key_of(row):
        identity = row["userid"], row["dbid"], row["queryid"], row["toplevel"]
        return keys.setdefault(identity, Key(*identity))

    with open(folder / "pg_stat_statements.csv", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            key_of(row).theirs = row
    failed = []
    with open(folder / "pg_stat_monitor.csv", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["failed"] == "t" or row["warned"] == "t":
                failed.append(row)
            else:
                key_of(row).ours = row
    # What could not be planned is in an error's row alone.
    for row in failed:
        identity = row["userid"], row["dbid"], row["queryid"], row["toplevel"]
        if identity in keys:
            keys[identity].errors.append(row)
    for key in keys.values():
        key.settle()
    return list(keys.values())


def sums(keys):
    total = collections.Counter()
    for key in keys:
        total.update(key.left)
    return {name: value for name, value in total.items() if value}


class Comparison:
    def __init__(self, keys, major):
        self.keys, self.major = keys, major
        self.explained = collections.OrderedDict()
        self.named = collections.defaultdict(list)

    def is_rare(self, name, most):
        """A rule that could hide a real difference: what it explains is named, and is wrong if it is more than `most` keys."""
        keys = self.named.get(name, [])
        for line in keys:
            print("        %s" % line)
        return len(keys) <= most

    def open_keys(self):
        return [key for key in self.keys if key.left]

    def settle(self, name, keys, left=None):
        """The keys are explained by the rule but for what is left, which stays with the first of them."""
        count, calls = self.explained.get(name, (0, 0.0))
        changed = [key for key in keys if key.left]
        self.named[name] += [key.line() for key in changed]
        self.explained[name] = (count + len(changed),
                                calls + sum(abs(key.left.get("calls", 0)) for key in changed))
        for key in keys:
            key.left = {}
        if left:
            keys[0].left = left

    def together(self, name, which, by, rest=lambda left, keys: left):
        """Keys for which `which` is true and `by` the same are one. `rest` says what of the difference of their sums the rule
        leaves to the next ones, or None where it doesn't hold."""
        groups = collections.defaultdict(list)
        for key in self.keys:
            if which(key):
                groups[by(key)].append(key)
        for keys in groups.values():
            if not any(key.left for key in keys):
                continue
            left = rest(sums(keys), keys)
            if left is not None and (not left or any(key.left != left for key in keys if key.left)):
                self.settle(name, keys, left)

    def alone(self, name, rest):
        for key in self.open_keys():
            left = rest(key.left, key)
            if left is not None and left != key.left:
                self.settle(name, [key], left)


RARE = "had reached their end when an error elsewhere discarded them, or scrolled back after it"
RARE_AT_MOST = 6  # keys; the suite has two on 15, three on 17


def only_if(holds):
    """All of the difference is explained if it holds."""
    return lambda left, keys: {} if holds(left, keys) else None


def without(left, names):
    return {name: value for name, value in left.items() if name not in names}


def planned_only(left, _):
    """What is left when the keys are seen as one is at most what planning adds there."""
    return left if all(value > 0 and name in PLANNING for name, value in left.items()) else None


def in_error_rows(left, key):
    """As many plannings as the errors' rows have; they have used what the failed executions have, too."""
    def failed(name):
        return sum(number(row, name) for row in key.errors)
    if left.get("plans", 0) <= 0 or left["plans"] != failed("plans"):
        return None
    return {} if all(name in PLANNING and 0 < value <= failed(name) for name, value in left.items()) else None


def same_text(key):
    return key.user, key.database, key.toplevel, key.shape


def role_change(text, exact):
    """What the statement sets; exact: to which role."""
    kind = re.sub("session |local |set |reset ", "", CHANGES_ROLE.match(text).group(1))
    return (kind, text.split(" ")[0], text.split(" ")[-1]) if exact else kind


def same_command(key):
    """Spelled otherwise: SET a TO b, SET a = b; FETCH c, FETCH 1 IN c; EXPLAIN of IN, of = ANY (ARRAY)."""
    setting = SETS.match(key.shape)
    return key.user, key.database, key.toplevel, setting.group(1).replace(" ", "") if setting else key.shape.split(" ")[0]


def classify(comparison):
    def utility(key):
        return key.utility

    def nested_utility(key):
        return key.utility and not key.toplevel

    def theirs(keys):
        return sum(number(key.theirs, "calls") for key in keys)

    def spellings():
        comparison.together("utility statements of one id there, which are spelled differently", utility, same_command,
                            only_if(lambda left, keys: not left))

    comparison.together("utility statements that differ in constants alone have one id here", utility, same_text,
                        only_if(lambda left, keys: not left))
    # Blocks: SET ROLE looks its role up in the catalog, which is in the cache or not.
    for which_role in (True, False):  # SET ROLE 'a' and SET ROLE a are one id there, from 16 on
        comparison.together("who a statement that changes the role belongs to",
                            lambda key: CHANGES_ROLE.match(key.shape),
                            lambda key, exact=which_role: (key.database, key.toplevel, role_change(key.shape, exact)),
                            only_if(lambda left, keys: not left.get("calls")))
    spellings()
    comparison.together("what a function leaves open, and what the planner runs, is nested here, at the top there",
                        lambda key: not key.utility, lambda key: (key.user, key.database, key.queryid), planned_only)
    if comparison.major < 16:
        comparison.alone("rows of a query that is read in parts are those of the last part there, until 15",
                         lambda left, key: without(left, {"rows"}) if left.get("rows", 0) < 0 and not key.utility
                         and not left.get("calls") else None)
    comparison.together("utility statements of PL/pgSQL are counted once there", nested_utility, same_text,
                        only_if(lambda left, keys: left.get("calls", 0) < 0 < theirs(keys)))
    comparison.together("elements of CREATE TABLE, ALTER TABLE and CREATE SCHEMA are statements here", nested_utility,
                        same_text, only_if(lambda left, keys: left.get("calls", 0) < 0
                                           and keys[0].shape.startswith(("create ", "alter "))))
    comparison.together("utility statements of SQL functions are not counted there", nested_utility, same_text,
                        only_if(lambda left, keys: left.get("calls", 0) < 0 and not theirs(keys)))
    spellings()
    comparison.alone("DEALLOCATE is not counted here", only_if(lambda left, key: key.shape.startswith("deallocate")
                                                               and key.ours is None))
    comparison.alone(RARE,
                     only_if(lambda left, key: "rows" in left and left.get("calls", 0) <= 0 and "plans" not in left
                             and not key.utility and not key.toplevel))
    comparison.alone("planned, and failed: the planning is in the error's row here", in_error_rows)
    comparison.alone("planned, and failed: the planning is lost here",
                     only_if(lambda left, key: planned_only(left, key) and left.get("plans") and key.errors))
    comparison.alone("planned, and never executed: expressions of PL/pgSQL, plans that an error elsewhere discards",
                     only_if(lambda left, key: planned_only(left, key) and left.get("plans")))


def compare(folder):
    """Prints the comparison; returns whether all is explained."""
    keys = load(folder)
    comparison = Comparison(keys, int((folder / "major").read_text()))
    print("%d keys, %d of them in both; %d have the same counts" % (
        len(keys), sum(1 for key in keys if key.theirs and key.ours), sum(1 for key in keys if not key.left)))
    classify(comparison)
    right = True
    for name, (count, calls) in comparison.explained.items():
        print("%7d keys, %8d calls: %s" % (count, calls, name))
        if name == RARE and not comparison.is_rare(name, RARE_AT_MOST):
            print("TOO MANY of these")
            right = False
    rest = comparison.open_keys()
    for key in rest:
        print("UNEXPLAINED " + key.line())
    print("%d keys differ without an explanation" % len(rest))
    return right and not rest


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    return 0 if compare(pathlib.Path(sys.argv[1])) else 1


if __name__ == "__main__":
    sys.exit(main())
