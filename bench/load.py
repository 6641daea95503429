"""CPU time per transaction and transactions per second: the servers run side by side and take turns."""
import pathlib
import random
import re
import time

from libpq import OneCore, Session
from servers import PGBENCH_SCALE
from tables import median, midmean, number, quartiles, ratio, show, standard_error, verdict

SERIES = 100

HOT = "\\set aid 4711\nSELECT abalance FROM pgbench_accounts WHERE aid = :aid;\n"


def wide_script(number_of):
    """A script of pgbench that runs servers.wide_statement() of a number that it draws.

    Under -M simple pgbench replaces variables in the text itself, within words, too.
    """
    digits = "".join("\\set d%d (:n / %d) %% 10\n" % (i, 10 ** (7 - i)) for i in range(8))
    return "\\set n %s\n%sSELECT %s FROM wide WHERE id = 1;\n" % (
        number_of, digits, ", ".join("value_:d%d" % i for i in range(8)))


ZIPF = wide_script("random_zipfian(1, 5000, 1.07)")
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

    def rounds(self, count, measure):
        """{tracker: [figure of each round]}; the order turns, so that nobody always follows the same one."""
        names = list(self.servers)
        figures = {name: [] for name in names}
        for i in range(count):
            for name in names[i % len(names):] + names[:i % len(names)]:
                figures[name].append(measure(self.servers[name]))
        return figures


def cpu_us(session, mode, keys):
    before = session.cpu_us()
    session.run(mode, keys)
    return (session.cpu_us() - before) / len(keys)


def cpu_table(workshop, quick):
    seconds = 15 if quick else 90
    rows = []
    with Turns(workshop) as turns:
        sessions = {name: Session(server) for name, server in turns.servers.items()}
        with OneCore(sessions.values()):
            for mode in ("prepared", "simple"):
                found = cpu_series(sessions, mode, seconds)
                rows += cpu_rows(mode, found)
        for session in sessions.values():
            session.close()
    show("CPU time per transaction, what pgbench -S asks, microseconds",
         ["mode, tracker", "median", "middle half", "extra", "+-", "ours/pgss", "reached"], rows,
         ["User and system time of the backend that answers one client, %d s of series of %d transactions in turn."
          % (seconds, SERIES),
          "extra: to the server without a tracker in the same turn; mean of the middle half of the differences.",
          "+-: standard error of that, by bootstrap."])


def cpu_series(sessions, mode, seconds):
    """{tracker: [microseconds per transaction of each series]}"""
    names = list(sessions)
    found = {name: [] for name in names}
    draw = random.Random(1)
    for name in names:
        cpu_us(sessions[name], mode, [b"1"] * SERIES)
    end = time.monotonic() + seconds
    turn = 0
    while time.monotonic() < end:
        keys = [b"%d" % draw.randint(1, 100000 * PGBENCH_SCALE) for _ in range(SERIES)]
        for name in names[turn % len(names):] + names[:turn % len(names)]:
            found[name].append(cpu_us(sessions[name], mode, keys))
        turn += 1
    return found


def cpu_rows(mode, found):
    # Differences within a turn of some milliseconds: what disturbs the machine (another load on the same core's other
    # thread changes CPU times by half) disturbs all three.
    extra = {t: [a - b for a, b in zip(found[t], found["none"])] for t in found}
    middle = {t: midmean(extra[t]) for t in extra}
    rows = []
    for tracker, figures in found.items():
        ours, none = tracker == "ours", tracker == "none"
        rows.append(["%s, %s" % (mode, tracker), number(median(figures), 2), quartiles(figures, 2),
                     "" if none else number(middle[tracker], 3),
                     "" if none else number(standard_error(extra[tracker], midmean), 3),
                     ratio(middle[tracker], middle["pgss"]) if ours else "",
                     verdict(middle[tracker], middle["pgss"]) if ours else ""])
    return rows


def tps(server, file, mode, clients, seconds):
    said = server.pgbench("-n", "-f", str(file), "-M", mode, "-c", str(clients), "-j", "2", "-T", str(seconds))
    return float(re.search(r"tps = ([0-9.]+) \(without", said).group(1))


def tps_table(workshop, quick):
    rounds, seconds = (3, 1) if quick else (14, 1)
    rows = []
    with Turns(workshop) as turns:
        for name, text, mode in (("hot, prepared", HOT, "prepared"), ("5,000 by Zipf", ZIPF, "simple"),
                                 ("new each time", NEW, "simple")):
            file = pathlib.Path(workshop.folder) / "load.sql"
            file.write_text(text, encoding="ascii")
            turns.rounds(1, lambda s, f=file, m=mode: tps(s, f, m, 8, 1))
            for clients in (2, 8, 32):
                found = turns.rounds(rounds, lambda s, f=file, m=mode, c=clients: tps(s, f, m, c, seconds))
                middle = {t: median(found[t]) for t in found}
                paired = [o / p for o, p in zip(found.get("ours", []), found["pgss"])]
                rows.append(["%s, %d clients" % (name, clients), number(middle["none"]), number(middle["pgss"]),
                             quartiles(found["pgss"], 0), number(middle.get("ours")),
                             quartiles(found.get("ours", []), 0), number(median(paired), 3),
                             verdict(-median(paired), -1) if paired else "-"])
    show("Transactions per second",
         ["load", "none", "pgss", "middle half", "ours", "middle half", "ours/pgss", "reached"], rows,
         ["%d rounds of %d s in turn; ours/pgss: median of the rounds' ratios, at least 1." % (rounds, seconds)])
