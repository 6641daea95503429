"""How long statements wait while a bucket ends: latencies around the ends of buckets, against those at other times.

A client runs 4,000 different statements; every bucket gets nearly all of them. With a bucket time of a whole number of
seconds, buckets end at whole seconds of the clock. The longest latency within some milliseconds after that is set
against the longest in as long a window half a bucket later, and against what servers show that have no buckets: the
scheduler's share is in all of them.

The client and its backend have a core to themselves, the server's other processes the rest: what a statement waits for
then is the extension's locks. A last row lets all of them share the cores, as a server does that has no core to spare;
what is more there is the scheduler's, which gives a core to the export.
"""
import os
import pathlib
import shutil

from cores import PinnedClients
from libpq import Session
from load import wide_script
from reading import ENTRIES
from tables import median, number, show, verdict

BUCKET_S = 2
WINDOW_US = 200000  # the export and what it hands back lie within
MOST_US = 100


def server_processes(server):
    """The postmaster and its children."""
    found = [server.postmaster]
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            # Of proc(5), behind the name: state, parent.
            if int(stat.read_text().rpartition(")")[2].split()[1]) == server.postmaster:
                found.append(int(stat.parent.name))
        except OSError:
            continue
    return found


def leave_core(server, core):
    """Gives all of a server that runs so far, and what it starts, the other cores."""
    for pid in server_processes(server):
        os.sched_setaffinity(pid, (os.sched_getaffinity(0) - {core}) or {core})


def latencies(server, folder, seconds, apart):
    """(end, duration) of every statement, microseconds; ends are of the clock."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    script = folder / "draw.sql"
    script.write_text(wide_script("random(0, %d)" % (ENTRIES - 1)), encoding="ascii")
    options = ["-f", str(script), "-M", "simple", "-T", str(seconds), "--log", "--log-prefix=%s/log" % folder]
    if apart:
        core = max(os.sched_getaffinity(0))
        watch = Session(server)
        leave_core(server, core)
        PinnedClients(server, watch, [core], 1, *options).results()
        watch.close()
    else:
        server.pgbench("-n", "-c", "1", *options)
    found = []
    for log in folder.glob("log.*"):
        for line in log.read_text(encoding="ascii").splitlines():
            # client, transaction, latency, script, seconds, microseconds
            field = line.split()
            found.append((int(field[4]) * 1000000 + int(field[5]), int(field[2])))
    return found


def longest(found, offset_us):
    """The longest latency in each window that begins `offset_us` after a bucket's end."""
    windows = {}
    for end, duration in found:
        bucket, past = divmod(end - offset_us, BUCKET_S * 1000000)
        if past < WINDOW_US + duration:
            windows[bucket] = max(windows.get(bucket, 0), duration)
    # The first bucket has no entries that the ones after it could have to wait for.
    return [windows[bucket] for bucket in sorted(windows)][1:]


def row_of(name, tracker, server, found):
    every = sorted(duration for _, duration in found)
    at_end, elsewhere = longest(found, 0), longest(found, BUCKET_S * 500000)
    excess = median(at_end) - median(elsewhere)
    exported = ""
    if tracker == "ours":
        said = server.value("SELECT exports, coalesce(last_export_ms, 0) FROM pg_stat_monitor_status").split("|")
        exported = "%.0f exports, %.1f ms the last" % tuple(map(float, said))
    return [name, number(len(every)), number(median(every)), number(every[int(len(every) * .9999)]),
            number(median(at_end)), number(max(at_end)), number(median(elsewhere)), number(max(elsewhere)),
            number(excess), verdict(excess, MOST_US) if tracker == "ours" else "", exported]


def table(workshop, quick):
    seconds = 12 if quick else 40
    rows = []
    buckets = "pg_stat_monitor.pgsm_bucket_time = %d" % BUCKET_S
    variants = [(tracker, tracker, buckets if tracker == "ours" else "", True) for tracker in workshop.trackers]
    if "ours" in workshop.trackers:
        variants.append(("ours, cores shared", "ours", buckets, False))
    for name, tracker, settings, apart in variants:
        with workshop.server("rotation " + name, tracker, settings) as server:
            found = latencies(server, pathlib.Path(workshop.folder) / "rotation", seconds, apart)
            rows.append(row_of(name, tracker, server, found))
    show("Longest wait while a bucket ends, microseconds",
         ["tracker", "statements", "median", "99.99 %", "longest at end", "(worst)", "elsewhere", "(worst)", "excess",
          "reached", ""], rows,
         ["1 client, %d different statements, bucket time %d s, windows of %d ms, %d ends."
          % (ENTRIES, BUCKET_S, WINDOW_US // 1000, seconds // BUCKET_S),
          "excess: median of the longest at a bucket's end minus that of the longest elsewhere; at most %d." % MOST_US,
          "The client and its backend have a core to themselves; shared: as the scheduler likes, the export beside."])
