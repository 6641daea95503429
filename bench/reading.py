"""What is kept and what reading it costs: time per row, capacity of a bucket, shared memory."""
import re
import time

from servers import wide_statement, wide_write
from tables import median, number, quartiles, ratio, show, verdict

ENTRIES = 4000
# One bucket for the whole measurement, and nobody exports it.
ONE_BUCKET = """
pg_stat_monitor.pgsm_bucket_time = 1000000
pg_stat_monitor.pgsm_export_database = 'no_such_database'
"""
LIST_ALL = {"pgss": "SELECT * FROM pg_stat_statements",
            "ours": "SELECT * FROM pg_stat_monitor WHERE exported_at = 'infinity'"}


def run_statements(server, numbers, statement=wide_statement):
    server.psql("".join(statement(n) + ";\n" for n in numbers))


def read_ms(server, sql, times):
    """Milliseconds of each run: in the server alone, and until the client has all of it."""
    said = server.psql("\\timing on\n\\o /dev/null\n" + "%s;\n" % sql * times)
    whole = [float(ms) for ms in re.findall(r"Time: ([0-9.]+) ms", said)]
    said = server.psql("EXPLAIN (ANALYZE, TIMING OFF, COSTS OFF) %s;\n" % sql * times)
    inside = [float(ms) for ms in re.findall(r"Execution Time: ([0-9.]+) ms", said)]
    return inside[1:], whole[1:]


def reader_table(workshop, quick):
    times = 7 if quick else 31
    found = {}
    for tracker in (t for t in workshop.trackers if t != "none"):
        with workshop.server("reader " + tracker, tracker, ONE_BUCKET if tracker == "ours" else "") as server:
            run_statements(server, range(ENTRIES))
            count = int(server.value("SELECT count(*) FROM (%s) s" % LIST_ALL[tracker]))
            found[tracker] = (count, *(([ms * 1000 / count for ms in series])
                                       for series in read_ms(server, LIST_ALL[tracker], times)))
    rows = []
    for place, what in ((1, "in the server"), (2, "until psql has it")):
        for tracker, figures in found.items():
            us, base = median(figures[place]), median(found["pgss"][place])
            ours = tracker == "ours"
            rows.append(["%s, %s" % (what, tracker), number(figures[0]), number(us, 3), quartiles(figures[place], 3),
                         ratio(us, base) if ours else "", verdict(us, base) if ours else ""])
    show("A reader that lists everything, microseconds per row",
         ["what, tracker", "rows", "median", "middle half", "ours/pgss", "reached"], rows,
         ["SELECT *, %d times, %d different statements; pg_stat_monitor has 72 columns, pg_stat_statements 43."
          % (times - 1, ENTRIES), "in the server: EXPLAIN (ANALYZE, TIMING OFF)."])


COUNTS = """
SELECT bucket, apart, with_text, length, other, calls FROM (
    SELECT bucket, count(*) FILTER (WHERE query ~ 'value_') AS apart,
        count(*) FILTER (WHERE query ~ '^(SELECT|INSERT).*value_.*FROM wide WHERE id = .*$') AS with_text,
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
