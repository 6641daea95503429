"""CPU time per transaction and transactions per second: the servers run side by side and take turns.

Where the memory of a server happens to lie makes it faster or slower than its neighbours by more than a tracker costs,
so all of it is done on several servers, one after another.
"""
import os
import pathlib
import random
import re
import time
from statistics import fmean, stdev

from cores import OneCore, PinnedClients
from libpq import Session
from servers import PGBENCH_SCALE, wide_statement
from tables import median, midmean, number, quartiles, ratio, show, verdict

SERIES = 100
ZIPF_STATEMENTS = 5000
ZIPF_EXPONENT = 1.07
ZIPF_WEIGHTS = [(rank + 1) ** -ZIPF_EXPONENT for rank in range(ZIPF_STATEMENTS)]

HOT = "\\set aid 4711\nSELECT abalance FROM pgbench_accounts WHERE aid = :aid;\n"


def wide_script(number_of):
    """A script of pgbench that runs servers.wide_statement() of a number that it draws.

    Under -M simple pgbench replaces variables in the text itself, within words, too.
    """
    digits = "".join("\\set d%d (:n / %d) %% 10\n" % (i, 10 ** (7 - i)) for i in range(8))
    return "\\set n %s\n%sSELECT %s FROM wide WHERE id = 1;\n" % (
        number_of, digits, ", ".join("value_:d%d" % i for i in range(8)))


ZIPF = wide_script("random_zipfian(1, %d, %s)" % (ZIPF_STATEMENTS, ZIPF_EXPONENT))
NEW = wide_script("random(0, 99999999)")


class Turns:
    """One server for each tracker, all of them running; measures them in turn."""

    def __init__(self, workshop):
        self.servers = {t: workshop.server("turn " + t, t) for t in workshop.trackers}

    def __enter__(self):
        for server in self.servers.values():
            server.__enter__()
            server.psql("CREATE EXTENSION pg_prewarm; SELECT pg_prewarm('pgbench_accounts')")
        return self

    def __exit__(self, *_):
        for server in self.servers.values():
            server.stop()

    def each(self, turn):
        """The servers; the order turns, so that nobody always follows the same one."""
        names = list(self.servers)
        return names[turn % len(names):] + names[:turn % len(names)]


def cpu_us(session, run):
    """CPU time of each of SERIES statements."""
    before = session.cpu_us()
    run(session)
    return (session.cpu_us() - before) / SERIES


def draw_by_key(draw):
    return [b"%d" % draw.randint(1, 100000 * PGBENCH_SCALE) for _ in range(SERIES)]


def draw_by_zipf(draw):
    ranks = draw.choices(range(ZIPF_STATEMENTS), ZIPF_WEIGHTS, k=SERIES)
    return [wide_statement(rank).encode() for rank in ranks]


# What is drawn for a series, and how a session runs it.
CPU_LOADS = {
    "by key, prepared": (draw_by_key, Session.run_prepared),
    "by key, simple": (draw_by_key, Session.run_simple),
    "5,000 by Zipf, simple": (draw_by_zipf, Session.run_texts),
}


def cpu_series(turns, load, seconds):
    """{tracker: [microseconds per transaction of each series]}, with sessions that are new."""
    draw_some, run = CPU_LOADS[load]
    draw = random.Random(1)
    sessions = {name: Session(server) for name, server in turns.servers.items()}
    found = {name: [] for name in sessions}
    with OneCore(sessions.values()):
        if draw_some is draw_by_zipf:
            for session in sessions.values():
                session.run_texts([wide_statement(rank).encode() for rank in range(ZIPF_STATEMENTS)])
        end = time.monotonic() + seconds
        turn = 0
        while time.monotonic() < end:
            drawn = draw_some(draw)
            for name in turns.each(turn):
                found[name].append(cpu_us(sessions[name], lambda session, what=drawn: run(session, what)))
            turn += 1
    for session in sessions.values():
        session.close()
    return found


def error_of_mean(figures):
    return stdev(figures) / len(figures) ** 0.5


def difference(extra):
    """Of ours to pg_stat_statements on servers that ran at the same time, and its standard error."""
    pairs = [a - b for a, b in zip(extra["ours"], extra["pgss"])]
    return fmean(pairs), error_of_mean(pairs)


def cpu_table(workshop, quick):
    lives, seconds = (2, 3) if quick else (8, 6)
    medians = {load: {t: [] for t in workshop.trackers} for load in CPU_LOADS}
    extras = {load: {t: [] for t in workshop.trackers} for load in CPU_LOADS}
    for _ in range(lives):
        with Turns(workshop) as turns:
            for load in CPU_LOADS:
                found = cpu_series(turns, load, seconds)
                for tracker, figures in found.items():
                    medians[load][tracker].append(median(figures))
                    extras[load][tracker].append(midmean([a - b for a, b in zip(figures, found["none"])]))
    rows = []
    for load, extra in extras.items():
        middle = {tracker: fmean(figures) for tracker, figures in extra.items()}
        for tracker in workshop.trackers:
            ours, none = tracker == "ours", tracker == "none"
            rows.append(["%s, %s" % (load, tracker), number(median(medians[load][tracker]), 2),
                         "" if none else number(middle[tracker], 2),
                         "" if none else number(error_of_mean(extra[tracker]), 2),
                         ratio(middle[tracker], middle["pgss"]) if ours else "",
                         "%.2f +- %.2f" % difference(extra) if ours else "",
                         verdict(middle[tracker], middle["pgss"]) if ours else ""])
    show("CPU time per transaction, microseconds",
         ["load, tracker", "median", "extra", "+-", "ours/pgss", "ours - pgss", "reached"], rows,
         ["User and system time of the backend of one client, which asks what pgbench -S asks, or 5,000 statements.",
          "%d times new servers, on each %d s of series of %d transactions in turn." % (lives, seconds, SERIES),
          "extra: to the server without a tracker in the same turn; mean of the middle half of the differences, mean "
          "of the servers.", "+-: standard error of that mean. Where a server's memory lies makes most of it."])


def tps(server, watch, file, mode, clients, seconds):
    """Half of the clients on each of two cores, with their backends."""
    cores = sorted(os.sched_getaffinity(0))[-2:]
    pgbench = PinnedClients(server, watch, cores, clients, "-f", str(file), "-M", mode, "-T", str(seconds))
    return sum(float(re.search(r"tps = ([0-9.]+) \(without", said).group(1)) for said in pgbench.results())


def tps_table(workshop, quick):
    lives, rounds, seconds = (1, 3, 1) if quick else (3, 4, 1)
    loads = {"hot, prepared": (HOT, "prepared"), "5,000 by Zipf": (ZIPF, "simple"), "new each time": (NEW, "simple")}
    found = {(load, clients): {t: [] for t in workshop.trackers} for load in loads for clients in (2, 8, 32)}
    for _ in range(lives):
        with Turns(workshop) as turns:
            watches = {name: Session(server) for name, server in turns.servers.items()}
            for (load, clients), figures in found.items():
                text, mode = loads[load]
                file = pathlib.Path(workshop.folder) / "load.sql"
                file.write_text(text, encoding="ascii")
                if clients == 2:
                    for name, server in turns.servers.items():
                        tps(server, watches[name], file, mode, 8, 1)
                for turn in range(rounds):
                    for name in turns.each(turn):
                        figures[name].append(tps(turns.servers[name], watches[name], file, mode, clients, seconds))
            for watch in watches.values():
                watch.close()
    rows = []
    for (load, clients), figures in found.items():
        middle = {t: median(figures[t]) for t in figures}
        paired = [o / p for o, p in zip(figures.get("ours", []), figures["pgss"])]
        rows.append(["%s, %d clients" % (load, clients), number(middle["none"]), number(middle["pgss"]),
                     quartiles(figures["pgss"], 0), number(middle.get("ours")),
                     quartiles(figures.get("ours", []), 0), number(median(paired), 3), quartiles(paired, 3),
                     verdict(-median(paired), -1) if paired else "-"])
    show("Transactions per second",
         ["load", "none", "pgss", "middle half", "ours", "middle half", "ours/pgss", "middle half", "reached"], rows,
         ["%d times new servers, %d rounds of %d s in turn; ours/pgss: median of the rounds' ratios, at least 1."
          % (lives, rounds, seconds), "Half of the clients and their backends on each of two cores."])
