"""What is kept and what reading it costs: time per row, capacity of a bucket, shared memory."""
import contextlib
import re
import time

from cores import OneCore
from libpq import Session
from servers import wide_statement, wide_write
from tables import median, number, quartiles, show, verdict

ENTRIES = 4000
# One bucket for the whole measurement, and nobody exports it.
ONE_BUCKET = """
pg_stat_monitor.pgsm_bucket_time = 1000000
pg_stat_monitor.pgsm_export_database = 'no_such_database'
"""
VIEWS = {"pgss": "pg_stat_statements", "ours": "pg_stat_monitor"}
LIST_ALL = {"pgss": "SELECT * FROM pg_stat_statements",
            "ours": "SELECT * FROM pg_stat_monitor WHERE exported_at = 'infinity'"}


def run_statements(server, numbers, statement=wide_statement):
    server.psql("".join(statement(n) + ";\n" for n in numbers))


def inside_us(session, sql):
    """What the server takes for it, without output."""
    said = session.first_column("EXPLAIN (ANALYZE, TIMING OFF, COSTS OFF) " + sql)
    return float(re.search(r"Execution Time: ([0-9.]+) ms", said[-1]).group(1)) * 1000


def whole_us(session, sql):
    """Until the client has all of it."""
    began = time.perf_counter()
    session.ask(sql)
    return (time.perf_counter() - began) * 1e6


def columns_of(server, tracker):
    return server.value("SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = "
                        "'%s'::regclass AND attnum > 0" % VIEWS[tracker]).split()


def reader_table(workshop, quick):
    times = 10 if quick else 60
    trackers = [t for t in workshop.trackers if t != "none"]
    with contextlib.ExitStack() as stack:
        servers = {t: stack.enter_context(workshop.server("reader " + t, t, ONE_BUCKET if t == "ours" else ""))
                   for t in trackers}
        columns = {t: columns_of(servers[t], t) for t in trackers}
        both = [c for c in columns["pgss"] if all(c in columns[t] for t in trackers)]
        sessions = {t: Session(servers[t]) for t in trackers}
        for tracker in trackers:
            run_statements(servers[tracker], range(ENTRIES))
        counts = {t: int(servers[t].value("SELECT count(*) FROM (%s) s" % LIST_ALL[t])) for t in trackers}
        rows = []
        with OneCore(sessions.values()):
            for what, measure, selected in (("in the server", inside_us, "*"),
                                            ("until the client has it", whole_us, "*"),
                                            ("what both have", whole_us, ", ".join(both))):
                found = {t: [] for t in trackers}
                for _ in range(times):
                    for t in trackers:
                        found[t].append(measure(sessions[t], LIST_ALL[t].replace("*", selected)) / counts[t])
                for t, figures in found.items():
                    paired = median([a / b for a, b in zip(figures, found["pgss"])])
                    rows.append(["%s, %s" % (what, t), number(len(columns[t] if selected == "*" else both)),
                                 number(counts[t]), number(median(figures), 3), quartiles(figures, 3),
                                 number(paired, 2) if t == "ours" else "",
                                 verdict(paired, 1) if t == "ours" else ""])
        for session in sessions.values():
            session.close()
    show("A reader that lists everything, microseconds per row",
         ["what, tracker", "columns", "rows", "median", "middle half", "ours/pgss", "reached"], rows,
         ["SELECT, %d times in turn, %d different statements; ours/pgss: median of the turns' ratios." % (times, ENTRIES),
          "in the server: EXPLAIN (ANALYZE, TIMING OFF); what both have: the columns that are in both views."])


COUNTS = """
SELECT bucket, apart, with_text, length, other, calls FROM (
    SELECT bucket, count(*) FILTER (WHERE query ~ 'value_') AS apart,
        count(*) FILTER (WHERE query ~ '^(SELECT|INSERT).*value_.*FROM wide WHERE id =.*$') AS with_text,
        round(avg(length(query)) FILTER (WHERE query ~ 'value_'), 1) AS length,
        coalesce(sum(calls) FILTER (WHERE query = '<other statements>'), 0) AS other, sum(calls) AS calls
    FROM pg_stat_monitor WHERE exported_at = 'infinity' GROUP BY bucket) s
WHERE calls > 1000 ORDER BY bucket
"""
STATUS = """
SELECT format('%s bytes used for %s entries, %s an entry; %s texts in %s bytes; evicted %s, texts missing %s, '
    'calls lost %s.', store_bytes_used, entries, store_bytes_used / greatest(entries, 1), texts, text_bytes_used,
    entries_evicted, texts_missing, calls_lost)
FROM pg_stat_monitor_status
"""


def capacity_table(workshop, _quick):
    """Two buckets after one another get more statements than they can keep; the first waits for its export."""
    if "ours" not in workshop.trackers:
        return
    bucket_s = 12
    settings = ONE_BUCKET.replace("1000000", str(bucket_s))
    rows, notes = [], []
    for what, statement, ran, next_first in (("reads", wide_statement, 8000, 0), ("writes", wide_write, 8000, 0),
                                             ("others each", wide_statement, ENTRIES, ENTRIES)):
        with workshop.server("capacity " + what, "ours", settings) as server:
            for first in (0, next_first):
                time.sleep(bucket_s - time.time() % bucket_s + 0.2)
                run_statements(server, range(first, first + ran), statement)
            for line in server.psql(COUNTS).splitlines():
                bucket, apart, with_text, length, other, calls = line.split("|")
                rows.append(["%s, bucket %s" % (what, bucket), number(ran), number(int(apart)), number(int(with_text)),
                             length, number(int(float(other))), number(int(float(calls))),
                             verdict(-int(with_text), -ENTRIES)])
            notes.append("%s: %s" % (what, server.value(STATUS)))
    show("Capacity at the defaults (2 MB + 1 MB)",
         ["statements", "different ran", "kept apart", "with text", "text bytes", "calls in residual", "calls",
          "reached"], rows,
         ["at least %d apart, each with its text, in the running bucket and in the one that waits." % ENTRIES] + notes)


def memory_table(workshop, _quick):
    sizes, parts = {}, {}
    for tracker in workshop.trackers:
        with workshop.server("memory " + tracker, tracker) as server:
            sizes[tracker] = int(server.value("SELECT sum(allocated_size) FROM pg_shmem_allocations"))
            parts[tracker] = server.value("SELECT string_agg(name || ' ' || allocated_size, ', ') FROM "
                                          "pg_shmem_allocations WHERE name ~ '^pg_stat_(monitor|statements)'")
    rows = [[tracker, number(size), number(size - sizes["none"]), parts[tracker]] for tracker, size in sizes.items()]
    show("Shared memory, bytes", ["tracker", "all of the server", "extra", "named parts"], rows)
