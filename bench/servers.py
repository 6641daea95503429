"""Private servers to measure: one copied PostgreSQL tree, one template cluster, a copy of it for every server.

scripts/private_tree.sh and scripts/private_server.sh do the work; nothing here touches the system's PostgreSQL.
"""
import os
import pathlib
import pwd
import shutil
import subprocess

SOURCE = pathlib.Path(__file__).resolve().parents[1]
TRACKERS = {"none": "", "pgss": "pg_stat_statements", "ours": "pg_stat_monitor"}
PGBENCH_SCALE = 5

# Nothing of the server's own joins in while it is measured; the trackers stay at their defaults.
QUIET = """
autovacuum = off
checkpoint_timeout = 1h
max_wal_size = 8GB
shared_buffers = 256MB
synchronous_commit = off
"""

# A hundred million statements that differ in what they select, with texts that are kept as 100 bytes (id =$1).
WIDE_TABLE = """
CREATE TABLE wide (id int PRIMARY KEY, %s);
INSERT INTO wide VALUES (1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9);
CREATE TABLE sink (n int);
""" % ", ".join("value_%d int" % i for i in range(10))


def wide_statement(number):
    """Statement `number` of those that differ to a tracker."""
    return "SELECT %s FROM wide WHERE id =1" % ", ".join("value_" + digit for digit in "%08d" % number)


def wide_write(number):
    """The same for statements that write, of which more has to be counted."""
    return "INSERT INTO sink SELECT %s FROM wide WHERE id =1" % " + ".join("value_" + d for d in "%06d" % number)


def in_shell(script, *args, stdin=""):
    """Runs `script` with the functions of private_server.sh; returns what it prints."""
    done = subprocess.run(["bash", "-c", "set -eu; . %s/scripts/private_server.sh; %s" % (SOURCE, script), "bash",
                           *map(str, args)], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          check=False, cwd="/")
    if done.returncode != 0:
        raise SystemExit("failed: %s %s\n%s%s" % (script, args, done.stdout[-2000:], done.stderr[-4000:]))
    return done.stdout


def account():
    """What subprocess needs to run something as the server's user: nothing unless we are root."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam("postgres")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


class Workshop:
    """The folder that everything is in, with the tree and the template cluster."""

    def __init__(self, folder, build, pg_config, trackers):
        self.folder = pathlib.Path(folder)
        self.trackers = trackers
        self.bin = subprocess.run([str(SOURCE / "scripts/private_tree.sh"), build, pg_config,
                                   str(self.folder / "tree")], check=True, stdout=subprocess.PIPE,
                                  text=True).stdout.strip()
        self.build_empty_hooks(pg_config)
        self.folder.chmod(0o755)
        self.running = []
        if account():
            os.chown(self.folder, account()["user"], account()["group"])
        template = Server(self, "template", "none", made=True)
        in_shell(template.names + "server_init", *template.args, stdin=QUIET)
        with template:
            template.pgbench("-i", "-q", "-s", str(PGBENCH_SCALE))
            template.psql(WIDE_TABLE + "VACUUM ANALYZE;")
        self.template = template.data

    def build_empty_hooks(self, pg_config):
        """The module that the price of a switched-off tracker is compared with, installed into the private tree."""
        where = {what: subprocess.run([pg_config, "--" + what], check=True, stdout=subprocess.PIPE, text=True
                                      ).stdout.strip() for what in ("includedir-server", "pkglibdir")}
        subprocess.run(["cc", "-O2", "-fPIC", "-shared", "-D_GNU_SOURCE",
                        "-I", where["includedir-server"], str(SOURCE / "bench/empty_hooks.c"),
                        "-o", "%s/tree%s/empty_hooks.so" % (self.folder, where["pkglibdir"])], check=True)

    def server(self, name, tracker, settings=""):
        return Server(self, name, tracker, settings)

    def stop_all(self):
        for server in list(self.running):
            server.stop()


class Server:
    names = "bin=$1 data=$2 sockets=$3 port=5432; "

    def __init__(self, workshop, name, tracker, settings="", made=False):
        self.workshop = workshop
        self.tracker = tracker
        # PostgreSQL takes a comma in the folder of a socket for the end of its name.
        self.name = name = name.replace(", ", " ")
        self.data = workshop.folder / name
        self.sockets = workshop.folder / (name + ".socket")
        self.args = (workshop.bin, self.data, self.sockets)
        self.settings = settings
        self.sockets.mkdir(exist_ok=True)
        if account():
            os.chown(self.sockets, account()["user"], account()["group"])
        if not made:
            self.copy_template()

    def copy_template(self):
        """A data directory just like the template's, whatever was in this one."""
        shutil.rmtree(self.data, ignore_errors=True)
        subprocess.run(["cp", "-a", "--reflink=auto", self.workshop.template, self.data], check=True)
        with open(self.data / "postgresql.conf", "a", encoding="ascii") as conf:
            conf.write("shared_preload_libraries = '%s'\nunix_socket_directories = '%s'\n%s\n" % (
                TRACKERS[self.tracker], self.sockets, self.settings))

    def __enter__(self):
        in_shell(self.names + "server_start", *self.args)
        self.workshop.running.append(self)
        self.postmaster = int((self.data / "postmaster.pid").read_text().split()[0])
        if self.tracker != "none":
            self.psql("CREATE EXTENSION IF NOT EXISTS " + TRACKERS[self.tracker])
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        in_shell(self.names + "server_stop", *self.args)
        self.workshop.running.remove(self)

    def psql(self, sql, *options):
        """Runs the statements, in one session; returns what they print, unaligned."""
        return in_shell(self.names + 'shift 3; server_psql -d postgres -At "$@"', *self.args, *options, stdin=sql)

    def value(self, sql):
        return self.psql(sql).strip()

    def client(self, program, *options):
        """The command line of a client program, for subprocess."""
        return [self.workshop.bin + "/" + program, "-h", str(self.sockets), "-U", "postgres", *options]

    def pgbench(self, *options, cwd="/"):
        done = subprocess.run(self.client("pgbench", *options, "postgres"), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, check=False, cwd=cwd)
        if done.returncode != 0:
            raise SystemExit("pgbench %s failed on %s:\n%s" % (options, self.name, done.stderr[-4000:]))
        return done.stdout
