"""What must hold of the relation at any moment, asked in one statement each, so in one snapshot each."""

# By userid: the name is empty where it could not be known, in a failed transaction for example.
OWN = "userid IN (SELECT oid FROM pg_roles WHERE rolname LIKE 'load_')"
SUMS = ("SELECT userid::regrole, sum(calls), sum(rows) FROM pg_stat_monitor WHERE " + OWN +
        " %s GROUP BY userid")
STORED = "AND exported_at < 'infinity'"
LIVE = "AND exported_at = 'infinity'"
SHAPES = ("SELECT userid::regrole, substring(query FROM 'shape_([a-z]+)'), sum(calls) FROM pg_stat_monitor "
          "WHERE " + OWN + " AND query LIKE '%shape%' GROUP BY 1, 2")

# Each counts what is wrong.
FAULTS = {
    "rows of the same bucket and identity": """
        SELECT count(*) FROM (SELECT FROM pg_stat_monitor
            GROUP BY bucket, userid, dbid, client_ip, application_name, queryid, planid, toplevel, top_queryid,
                     elevel, sqlcode, query = '<other statements>'
            HAVING count(*) > 1) repeated""",
    "buckets with two starts": """
        SELECT count(*) FROM (SELECT FROM pg_stat_monitor
            GROUP BY bucket HAVING count(DISTINCT bucket_start_time) > 1) torn""",
    "starts with two buckets": """
        SELECT count(*) FROM (SELECT FROM pg_stat_monitor
            GROUP BY bucket_start_time HAVING count(DISTINCT bucket) > 1) doubled""",
    "buckets both live and stored": """
        SELECT count(*) FROM (SELECT FROM pg_stat_monitor
            GROUP BY bucket HAVING count(DISTINCT exported_at) > 1) mixed""",
    "rows whose histogram is not their calls": """
        SELECT count(*) FROM pg_stat_monitor
        WHERE """ + OWN + """ AND elevel = 0 AND query <> '<other statements>'
          AND calls <> (SELECT sum(cell::bigint) FROM unnest(resp_calls) cell)""",
    "rows whose times contradict each other": """
        SELECT count(*) FROM pg_stat_monitor
        WHERE """ + OWN + """ AND elevel = 0
          AND NOT (min_exec_time <= mean_exec_time * (1 + 1e-9) AND mean_exec_time <= max_exec_time * (1 + 1e-9)
                   AND abs(total_exec_time - mean_exec_time * calls) <= 1e-6 * total_exec_time + 1e-9)""",
}


def sums(connection, where=""):
    """{role: (calls, rows)}"""
    _, rows = connection.run(SUMS % where)
    return {role: (int(calls), int(count)) for role, calls, count in rows}


def calls_lost(connection):
    return int(connection.run("SELECT calls_lost + calls_without_room + calls_without_memory FROM pg_stat_monitor_status")[1][0][0])


class Findings:
    def __init__(self):
        self.differences = []
        self.comparisons = 0
        self.rows_checked = 0

    def expect(self, holds, what):
        self.comparisons += 1
        if not holds:
            self.differences.append(what)
            print("DIFFERENCE: " + what, flush=True)

    def between(self, what, role, low, shown, high):
        for name, least, value, most in zip(("calls", "rows"), low, shown, high):
            self.expect(least <= value, "%s: %s: %d %s are shown, %d are missing" % (
                what, role, value, name, least - value))
            self.expect(value <= most, "%s: %s: %d %s are shown, %d more than ran" % (
                what, role, value, name, value - most))

    def faults(self, connection, what):
        _, rows = connection.run("SELECT count(*) FROM pg_stat_monitor")
        self.rows_checked += int(rows[0][0])
        for name, sql in FAULTS.items():
            _, rows = connection.run(sql)
            self.expect(rows[0][0] == "0", "%s: %s %s" % (what, rows[0][0], name))

    def shapes(self, connection, what, clients):
        """No text shows more executions than the clients began of it."""
        books = {client.role: client.book for client in clients}
        _, rows = connection.run(SHAPES)
        for role, shape, calls in rows:
            most = books[role].started_of_shape.get(shape, 0)
            self.expect(int(calls) <= most, "%s: %s: %s calls of %s, %d ran" % (what, role, calls, shape, most))
