"""What the evil hand does to the stored table, its extension and its database while everything works with them.

Each deed takes the soak and returns {role: (calls, rows)} of the stored rows that are gone with what it dropped:
they are summed up under the lock that the drop needs anyway, so the books stay exact.
"""
import time

import checks
import libpq
import server as servers

# What sessions may be told while the thing is away: no such table, no such function, no table of the extension.
STATES = ("42P01", "42883", "55000")
DAYS = ("SELECT inhrelid::regclass, inhrelid FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid "
        "WHERE inhparent = 'pg_stat_monitor'::regclass AND relkind = 'r' AND relname <> 'pg_stat_monitor_default'")
MOVES = (
    ("ALTER TABLE pg_stat_monitor RENAME TO renamed", "ALTER TABLE renamed RENAME TO pg_stat_monitor"),
    ("ALTER TABLE pg_stat_monitor SET SCHEMA away", "ALTER TABLE away.pg_stat_monitor SET SCHEMA public"),
    ("ALTER EXTENSION pg_stat_monitor SET SCHEMA away", "ALTER EXTENSION pg_stat_monitor SET SCHEMA public"),
    ("ALTER EXTENSION pg_stat_monitor DROP TABLE pg_stat_monitor",
     "ALTER EXTENSION pg_stat_monitor ADD TABLE pg_stat_monitor"),
)


def transaction(soak, act):
    """Runs `act` with a connection of its own; again when PostgreSQL has chosen it to resolve a deadlock."""
    while True:
        connection = libpq.Connection(soak.server.conninfo("postgres", "deed"))
        try:
            connection.run("BEGIN")
            result = act(connection)
            connection.run("COMMIT")
            return result
        except libpq.Failed as failed:
            if failed.state != "40P01":
                raise
        finally:
            connection.close()


def lock(connection):
    connection.run("LOCK TABLE pg_stat_monitor IN ACCESS EXCLUSIVE MODE")


def lock_table(soak):
    """Now and then for longer than the exporter waits for it."""
    def act(connection):
        lock(connection)
        time.sleep(0.5 + soak.random.random() * 4)
    transaction(soak, act)
    return {}


def move_table(soak):
    """To another name, another schema, or out of the extension; and back."""
    away, back = soak.random.choice(MOVES)

    def bring_back(connection):
        connection.run(back)
        for name, _ in connection.run(DAYS)[1]:
            if name.startswith("away."):  # made meanwhile, beside its table
                connection.run("ALTER TABLE %s SET SCHEMA public" % name)
    transaction(soak, lambda connection: connection.run(away))
    time.sleep(soak.random.random() * 4)
    transaction(soak, bring_back)
    return {}


def drop_extension(soak):
    in_one = soak.random.random() < 0.3

    def act(connection):
        lock(connection)
        gone = checks.sums(connection, checks.STORED)
        connection.run("DROP EXTENSION pg_stat_monitor")
        if in_one:
            connection.run("CREATE EXTENSION pg_stat_monitor")
        return gone
    gone = transaction(soak, act)
    if not in_one:
        time.sleep(soak.random.random() * 3)
        transaction(soak, lambda connection: connection.run("CREATE EXTENSION pg_stat_monitor"))
    return gone


def drop_days(soak):
    """Every day's partition; the exporter makes them anew."""
    def act(connection):
        lock(connection)
        days = connection.run(DAYS)[1]
        gone = checks.sums(connection, "AND tableoid IN (%s)" % ", ".join([oid for _, oid in days] or ["0"]))
        for name, _ in days:
            connection.run("ALTER EXTENSION pg_stat_monitor DROP TABLE " + name)
            connection.run("DROP TABLE " + name)
        return gone
    return transaction(soak, act)


def rename_database(soak):
    """And back. Whoever is connected is thrown out both times; the exporter alone goes on under the other name."""
    soak.forget_admin()
    outside = libpq.Connection(soak.server.conninfo("postgres", "deed", "postgres"))

    def rename(old, new):
        def done():
            outside.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '%s' "
                        "AND backend_type = 'client backend'" % old)
            try:
                outside.run("ALTER DATABASE %s RENAME TO %s" % (old, new))
                return True
            except libpq.Failed as failed:
                if failed.state != "55006":  # in use
                    raise
                return False
        outside.run("ALTER DATABASE %s ALLOW_CONNECTIONS false" % old)
        servers.wait_until(done, "a database that is not in use")
        outside.run("ALTER DATABASE %s ALLOW_CONNECTIONS true" % new)
    try:
        rename(servers.DATABASE, "renamed")
        time.sleep(soak.random.random() * 4)
        rename("renamed", servers.DATABASE)
    finally:
        outside.close()
    return {}


# Weight, and what is done. While the second kind is on, readers and books do not compare: rows go.
MOVING = {"lock table": (2, lock_table), "move table": (3, move_table), "rename database": (1, rename_database)}
DROPPING = {"drop extension": (2, drop_extension), "drop days": (1, drop_days)}
