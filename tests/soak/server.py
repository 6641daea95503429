"""A throw-away server out of a private copy of PostgreSQL's tree, by the scripts that everything else uses."""
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

import libpq

SCRIPTS = pathlib.Path(__file__).resolve().parent.parent.parent / "scripts"
DATABASE = "soak"
START_TIMEOUT_S = 120


def can_run():
    return subprocess.run(["bash", "-c", '. "$0/private_server.sh"; can_run_servers', str(SCRIPTS)],
                          check=False).returncode == 0


class Server:
    def __init__(self, build_dir, pg_config, settings):
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="pgsm-soak."))
        self.data = self.work / "data"
        bin_dir = subprocess.run([SCRIPTS / "private_tree.sh", build_dir, pg_config, self.work / "tree"],
                                 check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
        os.chmod(self.work, 0o755)
        if os.geteuid() == 0:
            shutil.chown(self.work, "postgres")
        self.env = dict(os.environ, bin=bin_dir, data=str(self.data), sockets=str(self.work), port="5432")
        self.shell("server_init", settings)
        self.shell("server_start")

    def shell(self, call, stdin="", check=True):
        return subprocess.run(["bash", "-c", 'set -e; . "$0/private_server.sh"; ' + call, str(SCRIPTS)],
                              cwd=self.work, env=self.env, input=stdin, text=True, check=check)

    def conninfo(self, user, name, database=DATABASE):
        return "host=%s port=5432 dbname=%s user=%s application_name='%s'" % (self.work, database, user, name)

    def start(self):
        self.shell("server_start")

    def stop(self):
        """A clean, fast stop; returns the seconds that it took."""
        begin = time.monotonic()
        self.shell("server_stop")
        return time.monotonic() - begin

    def stop_immediately(self):
        self.shell('as_server_user "$bin/pg_ctl" stop -m immediate -w -D "$data" >/dev/null')

    def kill_while_stopping(self, after_s):
        """kill -9 of the postmaster in the middle of a fast stop. Its children end by themselves."""
        postmaster = int((self.data / "postmaster.pid").read_text().split()[0])
        children = children_of(postmaster)
        os.kill(postmaster, signal.SIGINT)
        time.sleep(after_s)
        try:
            os.kill(postmaster, signal.SIGKILL)
        except ProcessLookupError:
            pass
        wait_until(lambda: not any(is_alive(pid) for pid in [postmaster] + children), "the server to be gone")

    def wait_for_connections(self):
        """Until crash recovery is over."""
        def connects():
            try:
                libpq.Connection(self.conninfo("postgres", "wait")).close()
                return True
            except libpq.Lost:
                return False
        wait_until(connects, "the server to take connections")

    def log(self):
        return (self.work / "data.log").read_text(errors="replace")

    def remove(self):
        self.shell("server_stop || as_server_user \"$bin/pg_ctl\" stop -m immediate -D \"$data\"", check=False)
        shutil.rmtree(self.work, ignore_errors=True)


def children_of(pid):
    """Out of /proc, since a minimal Debian has no ps. A process that goes while we look has no children for us."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # The name, in parentheses, may hold anything; the parent is the second field behind it.
            parent = int((entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == pid:
            found.append(int(entry.name))
    return found


def is_alive(pid):
    """Or a zombie: a postmaster that nobody has waited for yet still owns its data directory."""
    return pathlib.Path("/proc/%d" % pid).exists()


def wait_until(condition, what, seconds=START_TIMEOUT_S):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise SystemExit("not ok: waited %d s for %s" % (seconds, what))
        time.sleep(0.02)
