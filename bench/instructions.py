"""Instructions per statement, counted by callgrind in a single-user backend.

One backend runs all kinds of statements one after another. Between them stands a call of pg_backend_pid(), at which
callgrind writes down what was counted since the one before: first some statements that fill caches, then a short and a
long series. (long - short) / (difference in length) is what one statement takes; the mark itself drops out.
There is no exporter and no background writer in such a backend. System calls count as the instructions before and
after them: for what the kernel does, see the table of CPU times.
"""
import concurrent.futures
import os
import pathlib
import re
import subprocess

from servers import TRACKERS, account, wide_statement
from tables import number, ratio, show, verdict

MARK = "SELECT pg_backend_pid()"
WARM_UP, SHORT, LONG = 60, 100, 800

KINDS = {
    "SELECT by key": lambda n: "SELECT abalance FROM pgbench_accounts WHERE aid = %d" % (n * 37 + 1),
    "SELECT constant": lambda n: "SELECT %d" % n,
    "UPDATE": lambda n: "UPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid = %d" % (n * 37 + 1),
    "SET": lambda n: "SET work_mem = 4096",
    "new SELECT": lambda n: wide_statement(n * 7919),
    # PostgreSQL replaces no constants in utility statements: each of these is one of its own.
    "new SET": lambda n: "SET work_mem = %d" % (64 + n),
}
MOST_OFF = 50
MOST = {"new SELECT": 2.0, "new SET": 2.0}  # of pg_stat_statements' extra; else 1.0
CONFIGS = {
    "none": ("none", ()),
    # Neither makes query ids by itself. With a tracker switched off they are still made, as its makers want it: these
    # two tell that apart from what the hooks cost.
    "query id": ("none", ("compute_query_id=on",)),
    "empty hooks": ("none", ("compute_query_id=on", "shared_preload_libraries=$libdir/empty_hooks")),
    "pgss": ("pgss", ()),
    "pgss off": ("pgss", ("pg_stat_statements.track=none",)),
    "ours": ("ours", ()),
    "ours off": ("ours", ("pg_stat_monitor.pgsm_track=none",)),
}


def script():
    statements = [MARK]
    number_of = 0
    for make in KINDS.values():
        for series in (WARM_UP, SHORT, LONG):
            statements += [make(number_of + i) for i in range(series)] + [MARK]
            number_of += series
    return "".join(statement + "\n" for statement in statements)


def run_backend(server, settings, out):
    """Runs the script; leaves one callgrind file for every section between two marks."""
    out.mkdir()
    if account():
        os.chown(out, account()["user"], account()["group"])
    command = ["valgrind", "--tool=callgrind", "--dump-before=pg_backend_pid", "--callgrind-out-file=%s/out" % out,
               server.workshop.bin + "/postgres", "--single", "-D", str(server.data)]
    for setting in settings:
        command += ["-c", setting]
    done = subprocess.run(command + ["postgres"], input=script(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          text=True, check=False, cwd="/", **account())
    if done.returncode != 0 or "ERROR:" in done.stderr:
        raise SystemExit("the single-user backend failed:\n" + done.stderr[-4000:])


def sections(out):
    """Instructions of each section, the first mark's left out."""
    files = sorted(out.glob("out.*"), key=lambda f: int(f.suffix[1:]))
    counts = []
    for file in files:
        with open(file, encoding="ascii", errors="replace") as lines:
            counts.append(next(int(m.group(1)) for m in (re.match(r"(?:summary|totals): (\d+)", line)
                                                         for line in lines) if m))
    if len(counts) < 3 * len(KINDS) + 1:
        raise SystemExit("callgrind wrote %d sections, wanted %d" % (len(counts), 3 * len(KINDS) + 1))
    return counts[1:3 * len(KINDS) + 1]


def measure(workshop, config, keep):
    tracker, settings = CONFIGS[config]
    server = workshop.server("single " + config, tracker)
    if tracker != "none":
        # Objects of the extension, as a user has them; some of a tracker's work may depend on their being there.
        with server:
            pass
    out = pathlib.Path(keep or workshop.folder) / ("callgrind " + config).replace(" ", "-")
    run_backend(server, settings, out)
    counts = sections(out)
    per_statement = {}
    for place, kind in enumerate(KINDS):
        _, short, long = counts[3 * place:3 * place + 3]
        per_statement[kind] = (long - short) / (LONG - SHORT)
    return per_statement


def table(workshop, keep=None):
    """`keep`: folder in which the callgrind files stay, for callgrind_annotate."""
    configs = [c for c, (tracker, _) in CONFIGS.items() if tracker in workshop.trackers]
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        found = dict(zip(configs, pool.map(lambda c: measure(workshop, c, keep), configs)))
    rows = []
    for kind in KINDS:
        base = found["none"][kind]
        extra = {c: found[c][kind] - base for c in configs}
        pgss, ours = extra["pgss"], extra.get("ours")
        off = {c: extra[c] - extra["empty hooks"] for c in ("pgss off", "ours off") if c in extra}
        most = MOST.get(kind, 1.0)
        rows.append([kind, number(base), number(pgss), number(ours), ratio(ours, pgss), "%.1f" % most,
                     verdict(ours, most * pgss), number(extra["query id"]),
                     number(extra["empty hooks"] - extra["query id"]), number(off["pgss off"]),
                     number(off.get("ours off")), verdict(off.get("ours off"), MOST_OFF)])
    show("Instructions per statement",
         ["statement", "none", "+pgss", "+ours", "ours/pgss", "at most", "reached", "query id", "hooks",
          "pgss off", "ours off", "reached"],
         rows, ["callgrind, single-user backend; +: more than without a tracker, its query id included.",
                "query id: the server's own; hooks: seven hooks that only call the next one.",
                "off: track = none, beyond query id and such hooks; at most %d." % MOST_OFF])
