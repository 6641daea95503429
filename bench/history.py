"""What the history costs on the disk, what keeping it costs, and what it costs those who read and export meanwhile.

A bucket of the rate is recorded and exported many times; then its rows fill whole days, copied as they lie on the disk,
for nobody waits days for a benchmark. What is done to these days is done by the exporter itself. Times of merging are
what auto_explain logs of the exporter's statements, waits are what log_lock_waits logs.
"""
import datetime
import re
import subprocess
import threading
import time

from tables import median, number, show, verdict

RATES = (30, 100, 300)
DISK_MB = {30: 100, 300: 700}
MOST_WAIT_MS = 50
MOST_VIEW_MS = 200
BY_HAND = "pg_stat_monitor.pgsm_bucket_time = 1000000\npg_stat_monitor.pgsm_history_rollup_after = 0\n"
# Buckets end each second, so that the exporter works as often; all that it merges is logged, and every wait.
AT_WORK = """
shared_preload_libraries = 'pg_stat_monitor, auto_explain'
pg_stat_monitor.pgsm_bucket_time = 1
auto_explain.log_min_duration = 0
log_line_prefix = '%b|%p|'
log_lock_waits = on
deadlock_timeout = 1ms
"""
WIDE = 30


def statement(n):
    """About 150 characters, a different statement for each number."""
    chosen = [i for i in range(WIDE) if n >> (i % 9) & 1 or i == n % WIDE][:7]
    names = ["%s_%s" % (("customer", "invoice", "delivery", "article", "amount")[i % 5], "abcdefghijklmnopqrstuvwxyz"
                        [i % 26] * (1 + i % 3)) for i in chosen]
    return "SELECT %s FROM sales_orders WHERE customer_a = %d AND %s IS NOT NULL" % (", ".join(names), n, names[-1])


def make_tables(server):
    columns = sorted({name for n in range(4096) for name in re.findall(r"[a-z]+_[a-z]+(?=,| FROM)", statement(n))})
    server.psql("CREATE TABLE sales_orders (customer_a int, %s);" % ", ".join(
        "%s int" % name for name in columns if name != "customer_a"))


def record(server, rate):
    # Numbers whose texts differ in more than the constants.
    seen, burst, n = set(), [], 0
    while len(seen) < rate:
        shape = re.sub(r"= \d+", "", statement(n))
        if shape not in seen:
            seen.add(shape)
            burst += [statement(n) + ";"] * (1 + n % 3)
        n += 1
    return "\n".join(burst)


def exports(server, rate, times):
    """Bytes of WAL and milliseconds of each export, the first ones left out; and the bucket of the last."""
    burst = record(server, rate)
    wal, ms = [], []
    server.psql("CHECKPOINT")
    for _ in range(times):
        server.psql("\\o /dev/null\n" + burst)
        said = server.psql("SET pg_stat_monitor.pgsm_track = 'none'; SELECT pg_current_wal_insert_lsn();\n"
                           "SELECT pg_stat_monitor_export();\nSELECT pg_current_wal_insert_lsn();\n"
                           "SELECT last_export_ms FROM pg_stat_monitor_status;").split()
        wal.append(int(server.value("SELECT pg_wal_lsn_diff('%s', '%s')" % (said[2], said[0]))))
        ms.append(float(said[3]))
    return wal[3:], ms[3:]


def fill_sql(server):
    """Copies the bucket in table `one` to each minute of a span: %s are the target, the first and last number of a
    minute counted from now, and the sign of the number added to bucket."""
    columns = server.value("SELECT string_agg(attname, ',' ORDER BY attnum) FROM pg_attribute WHERE attnum > 0 AND "
                           "NOT attisdropped AND attrelid = 'public.pg_stat_monitor'::regclass").split(",")
    values = {"bucket": "o.bucket + m", "bucket_start_time": "start", "exported_at": "start + interval '60.05 s'",
              "stats_since": "start + interval '1 s'", "minmax_stats_since": "start + interval '1 s'"}
    return ("INSERT INTO {0} (%s) SELECT %s FROM generate_series({1}, {2}) AS m, "
            "LATERAL (SELECT date_trunc('minute', now()) + m * interval '1 minute') AS s(start), one AS o "
            "ORDER BY m, o.queryid;" % (", ".join(columns), ", ".join(values.get(c, "o." + c) for c in columns)))


def make_day(server, back):
    """As the exporter does it, of the day before `back` days; returns its name."""
    day = datetime.datetime.now(datetime.timezone.utc).date() - datetime.timedelta(days=back)
    name = "pg_stat_monitor_" + day.strftime("%Y%m%d")
    if server.value("SELECT to_regclass('public.%s')" % name):
        return name
    server.psql("CREATE TABLE public.%s (LIKE public.pg_stat_monitor INCLUDING DEFAULTS INCLUDING INDEXES);"
                "ALTER EXTENSION pg_stat_monitor ADD TABLE public.%s;"
                "ALTER TABLE public.pg_stat_monitor ATTACH PARTITION public.%s "
                "FOR VALUES FROM ('%s 00:00+00') TO ('%s 00:00+00');"
                % (name, name, name, day, day + datetime.timedelta(days=1)))
    return name


def fill_day(server, back):
    name = make_day(server, back)
    since = server.value("SELECT ceil(extract(epoch FROM date_trunc('day', now(), 'UTC') - interval '%d days' - "
                         "date_trunc('minute', now())) / 60)" % back)
    # The last two minutes of a day are exported on the next one.
    server.psql(fill_sql(server).format(name, since, int(since) + 1440 - 3))
    return name


def size_of(server, name):
    return [int(v) for v in server.value("SELECT count(*), pg_table_size('%s'), pg_total_relation_size('%s') FROM %s"
                                         % (name, name, name)).split("|")]


def set_history(server, **settings):
    server.psql("".join("ALTER SYSTEM SET pg_stat_monitor.pgsm_history_%s = '%s';\n" % s for s in settings.items())
                + "SELECT pg_reload_conf();")


def wait_for(server, sql, seconds=300):
    end = time.time() + seconds
    while server.value(sql) != "t":
        if time.time() > end:
            raise SystemExit("not within %d s: %s\n%s" % (seconds, sql, server.value("TABLE pg_stat_monitor_status")))
        time.sleep(0.2)


def log_of(server):
    return (server.workshop.folder / (server.name + ".log")).read_text(errors="replace")


def merge(server, name):
    """Has the exporter merge the one day that is due; milliseconds of each hour, and of the whole by the clock."""
    begin = time.time()
    set_history(server, rollup_after="1d", retention="30d")
    wait_for(server, "SELECT coalesce(obj_description('%s'::regclass, 'pg_class') LIKE '%%in hours%%', false)" % name)
    hours = re.findall(r"duration: ([0-9.]+) ms  plan:\s+Query Text:\s+WITH rows AS MATERIALIZED", log_of(server))
    return list(map(float, hours)), time.time() - begin


def at_rate(workshop, rate, quick, rows, notes):
    with workshop.server("history %d" % rate, "ours", BY_HAND) as server:
        make_tables(server)
        wal, ms = exports(server, rate, 8 if quick else 24)
        server.psql("CREATE TABLE one AS SELECT * FROM pg_stat_monitor WHERE exported_at < 'infinity' AND query LIKE "
                    "'SELECT%sales%' AND bucket = (SELECT max(bucket) FROM pg_stat_monitor WHERE exported_at < "
                    "'infinity' AND query LIKE 'SELECT%sales%')")
        text = server.value("SELECT round(avg(length(query))) FROM one")
        day = fill_day(server, 3)
        count, table, total = size_of(server, day)
    with open(server.data / "postgresql.conf", "a", encoding="ascii") as conf:
        conf.write(AT_WORK)
    with server:
        hours, whole = merge(server, day)
        merged_count, _, merged = size_of(server, day)
        if rate == RATES[-1]:
            full_week(server, day, notes)
            view_rows(server, rows_of_view := [], quick)
            wait_rows(server, rows_of_waits := [], quick)
        else:
            rows_of_view = rows_of_waits = []
    seven = (2 * total + 6 * merged) / 2 ** 20
    rows.append([number(rate), text, number(table / count), number(total / count), number(total / 2 ** 20),
                 number(merged / 2 ** 20, 1), number(seven), verdict(seven, DISK_MB[rate]) if rate in DISK_MB else "",
                 number(sum(wal) / len(wal) * 1440 / 2 ** 20), number(median(ms), 1), number(median(hours)),
                 number(max(hours)), number(whole, 1)])
    notes.append("%d a minute: %s rows a day, %s when merged." % (rate, number(count), number(merged_count)))
    return rows_of_view, rows_of_waits


def full_week(server, merged_day, notes):
    """Two days of minutes, five of hours, and today until now."""
    for back in (1, 2):
        fill_day(server, back)
    for back in range(4, 8):
        server.psql("INSERT INTO %s SELECT * FROM (SELECT (jsonb_populate_record(m, jsonb_build_object('exported_at', "
                    "m.exported_at - interval '%d days', 'bucket_start_time', "
                    "m.bucket_start_time - interval '%d days', "
                    "'bucket', m.bucket - %d))).* FROM %s AS m) AS s" % (
                        make_day(server, back), back - 3, back - 3, 1440 * (back - 3), merged_day))
    minutes = server.value("SELECT ceil(extract(epoch FROM date_trunc('day', now(), 'UTC') - "
                           "date_trunc('minute', now())) / 60)")
    server.psql(fill_sql(server).format("pg_stat_monitor", minutes, -3))
    server.psql("VACUUM ANALYZE pg_stat_monitor")
    said = server.value("SELECT count(*), round(sum(pg_total_relation_size(inhrelid)) / 2 ^ 20) FROM pg_inherits "
                        "WHERE inhparent = 'public.pg_stat_monitor'::regclass").split("|")
    notes.append("With days of before and today until now: %s partitions, %s MB." % tuple(said))


def read_ms(server, sql, times):
    """Milliseconds of each run: in the server alone, and until the client has all of it."""
    said = server.psql("\\timing on\n\\o /dev/null\n" + "%s;\n" % sql * times)
    whole = [float(ms) for ms in re.findall(r"Time: ([0-9.]+) ms", said)]
    said = server.psql("EXPLAIN (ANALYZE, TIMING OFF, COSTS OFF) %s;\n" % sql * times)
    inside = [float(ms) for ms in re.findall(r"Execution Time: ([0-9.]+) ms", said)]
    return inside[1:], whole[1:]


def planning_ms(server, sql, times):
    said = server.psql("EXPLAIN (SUMMARY) %s;\n" % sql * times)
    return [float(ms) for ms in re.findall(r"Planning Time: ([0-9.]+) ms", said)][1:]


def view_rows(server, rows, quick):
    times = 7 if quick else 21
    server.psql("SELECT pg_stat_monitor_serve_2_3('postgres')")
    newest = int(server.value("SELECT running_bucket FROM pg_stat_monitor_status"))
    server.psql("UPDATE one SET bucket = %d; %s" % (newest, fill_sql(server).format("public.pg_stat_monitor", -12, -3)))
    for what, sql, most in (
            ("the view for tools of 2.3", "SELECT * FROM pgsm_2_3.pg_stat_monitor", MOST_VIEW_MS),
            ("the live rows", "SELECT * FROM public.pg_stat_monitor WHERE exported_at = 'infinity'", None),
            ("the last ten minutes", "SELECT * FROM public.pg_stat_monitor WHERE exported_at > now() - "
                                     "interval '10 minutes'", None),
            ("calls of the week", "SELECT queryid, sum(calls) FROM public.pg_stat_monitor GROUP BY 1", None)):
        inside, whole = read_ms(server, sql, 3 if what == "calls of the week" else times)
        count = server.value("SELECT count(*) FROM (%s) AS s" % sql)
        rows.append([what, number(int(count)), number(median(planning_ms(server, sql, times)), 1),
                     number(median(inside), 1), number(median(whole), 1), number(max(whole), 1),
                     verdict(max(whole), most) if most else ""])


def run_load(server, stop, name, sql, found):
    """One client that runs a statement again and again; the latencies, in milliseconds."""
    script = server.workshop.folder / (name + ".sql")
    script.write_text(sql + ";\n", encoding="ascii")
    logs = server.workshop.folder / (name + ".log.d")
    logs.mkdir(exist_ok=True)
    process = subprocess.Popen(server.client("pgbench", "-n", "-f", str(script), "-c", "1", "-T", "100000", "--log",
                                             "--log-prefix=%s/l" % logs, "postgres"),
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    stop.wait()
    process.terminate()
    process.wait()
    for log in logs.glob("l.*"):
        found += [int(line.split()[2]) / 1000 for line in log.read_text(encoding="ascii").splitlines()
                  if len(line.split()) > 2]


LOADS = {"a reader of the last minutes": "SELECT count(calls) FROM public.pg_stat_monitor WHERE exported_at > now() - "
                                         "interval '3 minutes'",
         "a reader of live rows": "SELECT count(*) FROM public.pg_stat_monitor WHERE exported_at = 'infinity'",
         "exports by hand": "SELECT pg_stat_monitor_export()"}


def wait_rows(server, rows, quick):
    """Merges, swaps and drops of many small days, one after the other, while others read and export."""
    days = 10 if quick else 40
    set_history(server, rollup_after="0", retention="0", max_size="0")
    wait_for(server, "SELECT NOT EXISTS (SELECT FROM pg_class WHERE relname LIKE '%hours' AND relkind = 'r')")
    for back in range(10, 10 + days):
        name = make_day(server, back)
        server.psql("INSERT INTO public.%s (bucket, bucket_start_time, exported_at, userid, queryid, calls, "
                    "resp_calls) SELECT -%d * 10 - g, at, at, 10, g, 1, '{1}' FROM generate_series(1, 3) AS g, "
                    "LATERAL (SELECT date_trunc('day', now(), 'UTC') - interval '%d days' + g * interval '2 hours') "
                    "AS t(at)" % (name, back, back))
    before = len(log_of(server))
    own = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'public.pg_stat_monitor'::regclass"
    parts = int(server.value(own))
    stop, found = threading.Event(), {name: [] for name in LOADS}
    clients = [threading.Thread(target=run_load, args=(server, stop, re.sub(r"\W", "_", name), sql, found[name]))
               for name, sql in LOADS.items()]
    for client in clients:
        client.start()
    try:
        set_history(server, rollup_after="1d")
        wait_for(server, "SELECT count(*) >= %d FROM pg_class AS c JOIN pg_inherits AS i ON i.inhrelid = c.oid WHERE "
                         "obj_description(c.oid, 'pg_class') LIKE '%%in hours%%' AND c.relname < 'pg_stat_monitor_' || "
                         "to_char(now() - interval '9 days', 'YYYYMMDD')" % (days - 1))
        set_history(server, retention="9d")
        wait_for(server, "SELECT count(*) <= %d FROM pg_inherits WHERE inhparent = 'public.pg_stat_monitor'::regclass"
                 % (parts - days + 1))
    finally:
        stop.set()
        for client in clients:
            client.join()
    waits = {}
    for who, relation, ms in re.findall(
            r"([a-z_ ]+)\|\d+\|LOG:  process \d+ (?:acquired|still waiting for) \w+ on (\w+) \d+ of database \d+ "
            r"after ([0-9.]+) ms", log_of(server)[before:]):
        if relation == "relation":
            waits.setdefault(who, []).append(float(ms))
    longest = max(waits.get("client backend", [0]))
    for name, ms in found.items():
        rows.append([name, number(len(ms)), number(median(ms), 2), number(max(ms, default=0), 1), "", ""])
    rows.append(["their waits for a lock", number(len(waits.get("client backend", []))),
                 number(median(waits.get("client backend", [0])), 2), number(longest, 1), number(MOST_WAIT_MS),
                 verdict(longest, MOST_WAIT_MS)])
    for who in sorted(set(waits) - {"client backend"}):
        rows.append(["waits of: " + who, number(len(waits[who])), number(median(waits[who]), 2),
                     number(max(waits[who]), 1), "", ""])


def table(workshop, quick):
    if "ours" not in workshop.trackers:
        return
    rows, notes, view, waits = [], [], [], []
    for rate in RATES:
        more_view, more_waits = at_rate(workshop, rate, quick, rows, notes)
        view += more_view
        waits += more_waits
    show("History on the disk",
         ["statements a minute", "text", "B/row", "with indexes", "MB/day", "merged", "7 days", "reached", "WAL MB/day",
          "ms/export", "ms/hour merged", "longest", "s/day merged"], rows,
         ["7 days: the most that is there at once with the defaults, two days of minutes and six of hours; at most "
          + " and ".join("%d MB at %d" % (mb, rate) for rate, mb in DISK_MB.items()) + " a minute.",
          "WAL without full page images; times without waiting for the disk; s/day merged: with buckets of a second, "
          "a second of work at most after each."] + notes)
    show("Reading with a week at %d statements a minute behind it, milliseconds" % RATES[-1],
         ["what", "rows", "planning", "in the server", "until psql has it", "longest", "reached"], view,
         ["the view for tools of 2.3: at most %d ms." % MOST_VIEW_MS])
    show("Waiting while days are merged, put in place and dropped, milliseconds",
         ["who", "times", "median", "longest", "at most", "reached"], waits,
         ["Every wait for a lock of a table of 1 ms and more is logged by the server."])
