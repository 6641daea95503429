#!/usr/bin/env python3
"""test_setup.py MESON PG_CONFIG

`meson setup` names what is missing, and the package that has it, instead of letting the compile fail. What is missing is
hidden behind a header of the same name that cannot be used, and behind a pg_config of our own.
"""
import os
from pathlib import Path
import subprocess
import sys
import tempfile
import unittest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/codegen"))
import tap  # noqa: E402

PG_CONFIG = sys.argv.pop()
MESON = sys.argv.pop()
FAKE_PG_CONFIG = """#!/bin/sh
case $1 in
    {option}) echo '{answer}' ;;
    *) exec {pg_config} "$@" ;;
esac
"""


def server_has(name):
    """Whether PostgreSQL was built with it."""
    folder = subprocess.run([PG_CONFIG, "--includedir-server"], stdout=subprocess.PIPE, text=True, check=True).stdout
    return f"\n#define {name} 1" in (Path(folder.strip()) / "pg_config.h").read_text(encoding="utf-8")


class Setup(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.work = Path(directory.name)

    def setup(self, pg_config=PG_CONFIG, tests=False):
        """The exit status of `meson setup`, and its message."""
        done = subprocess.run(
            [MESON, "setup", self.work / "build", ROOT, f"-Dpg_config={pg_config}", f"-Dtests={str(tests).lower()}"],
            env={**os.environ, "CXXFLAGS": f"-I{self.work / 'include'}"}, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, check=False)
        message = [line for line in done.stdout.splitlines() if "ERROR" in line]
        return done.returncode, "".join(message) if done.returncode else done.stdout

    def hide(self, *headers):
        for header in headers:
            path = self.work / "include" / header
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("#error hidden\n", encoding="utf-8")

    def fake_pg_config(self, option, answer):
        path = self.work / "pg_config"
        path.write_text(FAKE_PG_CONFIG.format(option=option, answer=answer, pg_config=PG_CONFIG), encoding="utf-8")
        path.chmod(0o755)
        return path

    def test_nothing_missing(self):
        """where nothing is missing it succeeds"""
        status, said = self.setup()
        self.assertEqual(status, 0, said)

    def test_headers(self):
        """all missing headers at once"""
        self.hide("xxhash.h", "gssapi.h", "gssapi/gssapi.h", "openssl/ssl.h", "doctest/doctest.h")
        status, said = self.setup(tests=True)
        self.assertNotEqual(status, 0)
        self.assertIn("missing headers, with the Debian package that each is in: ", said)
        wanted = {"xxhash.h": "libxxhash-dev", "doctest/doctest.h": "doctest-dev"}
        if server_has("ENABLE_GSS"):
            wanted["gssapi.h"] = "libkrb5-dev"
        if server_has("USE_OPENSSL"):
            wanted["openssl/ssl.h"] = "libssl-dev"
        for header, package in wanted.items():
            with self.subTest(header):
                self.assertIn(f"{header} ({package}", said)

    def test_no_tests(self):
        """what only the tests need is not asked for without them"""
        self.hide("doctest/doctest.h")
        status, said = self.setup()
        self.assertEqual(status, 0, said)

    def test_server_headers(self):
        """a PostgreSQL without its server headers"""
        status, said = self.setup(self.fake_pg_config("--includedir-server", self.work))
        self.assertNotEqual(status, 0)
        self.assertIn(f"postgres.h in {self.work} (postgresql-server-dev-", said)

    def test_other_headers(self):
        """anything else that PostgreSQL's headers include"""
        if not server_has("USE_OPENSSL"):
            self.skipTest("this PostgreSQL includes nothing of others")
        self.hide("openssl/err.h")
        status, said = self.setup()
        self.assertNotEqual(status, 0)
        self.assertIn("what libpq/libpq-be.h of PostgreSQL includes", said)

    def test_old_server(self):
        """a PostgreSQL that is too old"""
        status, said = self.setup(self.fake_pg_config("--version", "PostgreSQL 14.22 (Debian 14.22-1)"))
        self.assertNotEqual(status, 0)
        self.assertIn("PostgreSQL 15 or newer is needed, not PostgreSQL 14.22", said)

    def test_no_pg_config(self):
        """no pg_config of that name"""
        status, said = self.setup(self.work / "nowhere")
        self.assertNotEqual(status, 0)
        self.assertIn("install postgresql-server-dev of your PostgreSQL", said)


if __name__ == "__main__":
    tap.run()
