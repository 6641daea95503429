"""Who runs on which core: where the scheduler puts clients and backends makes more of a difference than any tracker."""
import contextlib
import itertools
import os
import subprocess
import time

RUNS = itertools.count(1)


class OneCore:
    """Sessions and ourselves on one core, so that none is ever moved to a cold one and nobody waits for another."""

    def __init__(self, sessions):
        self.sessions = sessions
        self.before = os.sched_getaffinity(0)

    def __enter__(self):
        for pid in [os.getpid()] + [session.pid for session in self.sessions]:
            os.sched_setaffinity(pid, {max(self.before)})

    def __exit__(self, *_):
        os.sched_setaffinity(os.getpid(), self.before)


class PinnedClients:
    """One pgbench on each of `cores`, and as soon as they are there its backends, too."""

    def __init__(self, server, cores, clients, *options):
        self.name = "run %d on core " % next(RUNS)
        self.clients = clients
        self.server = server
        self.programs = [
            subprocess.Popen(["taskset", "-c", str(core),
                              *server.client("pgbench", "-n", "-c", str(clients // len(cores)), *options, "postgres")],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/",
                             env=dict(os.environ, PGAPPNAME=self.name + str(core)))
            for core in cores]

    def backends(self, watch):
        lines = watch.first_column("SELECT pid || ' ' || substr(application_name, %d) FROM pg_stat_activity WHERE "
                                   "application_name LIKE '%s%%'" % (len(self.name) + 1, self.name))
        return {tuple(map(int, line.split())) for line in lines}

    def pin(self, watch):
        """`watch`: a session on the same server. pgbench's first connection of all goes again after some milliseconds,
        so they are all there when two looks show the same ones."""
        before, there = None, set()
        while (len(there) != self.clients or there != before) and all(p.poll() is None for p in self.programs):
            time.sleep(0.02)
            before, there = there, self.backends(watch)
            for pid, core in there:
                with contextlib.suppress(ProcessLookupError):
                    os.sched_setaffinity(pid, {core})

    def results(self):
        """What they printed."""
        said = [program.communicate() for program in self.programs]
        for program, (_, complaint) in zip(self.programs, said):
            if program.returncode != 0:
                raise SystemExit("pgbench failed on %s:\n%s" % (self.server.name, complaint[-4000:]))
        return [out for out, _ in said]
