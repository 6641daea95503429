#!/usr/bin/env python3
"""Tests of check_catalog.py's comparison; the server suite runs it on a live catalog."""

from pathlib import Path
import sys
import unittest

import tap

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

import check_catalog  # noqa: E402


class Comparison(unittest.TestCase):
    def setUp(self):
        self.wanted = check_catalog.expected(15)

    def failures(self, found):
        return [name for ok, name, _ in check_catalog.compare(self.wanted, found) if not ok]

    def test_same(self):
        """an equal catalog passes, with a line for each column and one for their number"""
        self.assertEqual(self.failures([list(row) for row in self.wanted]), [])
        self.assertEqual(len(check_catalog.compare(self.wanted, self.wanted)), len(self.wanted) + 1)

    def test_newer_server(self):
        """17 has the columns of 15, and 18 has more behind them"""
        self.assertEqual(check_catalog.expected(17), self.wanted)
        newer = [row[1] for row in check_catalog.expected(18)[len(self.wanted):]]
        self.assertIn("wal_buffers_full", newer)
        self.assertIn("parallel_workers_launched", newer)

    def test_name_type_comment(self):
        """another name, type or comment fails"""
        for place in (1, 2, 3):
            found = [list(row) for row in self.wanted]
            found[4][place] = "other"
            self.assertEqual(self.failures(found), ["column 5 dbid"])

    def test_order(self):
        """two columns that changed places fail"""
        found = [list(row) for row in self.wanted]
        found[2][1:], found[3][1:] = found[3][1:], found[2][1:]
        self.assertEqual(self.failures(found), ["column 3 userid", "column 4 username"])

    def test_missing_and_extra(self):
        """a missing and an additional column fail"""
        place, name = self.wanted[-1][:2]
        self.assertEqual(self.failures(self.wanted[:-1]), ["number of columns", f"column {place} {name}"])
        self.assertEqual(self.failures(self.wanted + [["999", "more", "text", ""]]),
                         ["number of columns", "column 999 more"])


if __name__ == "__main__":
    tap.run()
