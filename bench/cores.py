"""Who runs on which core: where the scheduler puts clients and backends makes more of a difference than any tracker."""
import contextlib
import os
import subprocess
import time


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
    """pgbench, one on each of `cores` with an equal part of the clients; their backends are put there, too.

    They start one after another, and each one's backends are those that have come since: all have the same application
    name, which is part of what a statement is counted for.
    """

    def __init__(self, server, watch, cores, clients, *options):
        """`watch`: a session on the server."""
        self.server = server
        self.watch = watch
        self.clients = clients // len(cores)
        self.programs = []
        for core in cores:
            earlier = self.backends()
            self.programs.append(subprocess.Popen(
                ["taskset", "-c", str(core), *server.client("pgbench", "-n", "-c", str(self.clients), *options,
                                                            "postgres")],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/"))
            self.pin(core, earlier)

    def backends(self):
        return set(map(int, self.watch.first_column("SELECT pid FROM pg_stat_activity "
                                                    "WHERE application_name = 'pgbench'")))

    def pin(self, core, earlier):
        """The last program's backends. pgbench's first connection of all goes again after some milliseconds, so they
        are all there when two looks show the same ones."""
        before, there = None, set()
        while (len(there) != self.clients or there != before) and self.programs[-1].poll() is None:
            time.sleep(0.02)
            before, there = there, self.backends() - earlier
            for pid in there:
                with contextlib.suppress(ProcessLookupError):
                    os.sched_setaffinity(pid, {core})

    def results(self):
        """What they printed."""
        said = [program.communicate() for program in self.programs]
        for program, (_, complaint) in zip(self.programs, said):
            if program.returncode != 0:
                raise SystemExit("pgbench failed on %s:\n%s" % (self.server.name, complaint[-4000:]))
        return [out for out, _ in said]
