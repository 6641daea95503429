"""Runs unittest cases and prints their results as TAP, so that meson counts each of them."""

import sys
import unittest


class TapResult(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.number = 0
        self.split = None  # the test that is reported by its subtests

    def line(self, test, verdict="ok", note="", trouble=""):
        self.number += 1
        name = test.shortDescription() or test.id().rsplit(".", 1)[-1]
        print(f"{verdict} {self.number} - {name}{note}")
        for text in trouble.splitlines():
            print(f"# {text}")

    def addSuccess(self, test):
        if test is not self.split:
            self.line(test)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        name = subtest._message  # the only place where unittest keeps it
        self.split = test
        self.number += 1
        print(f"{'not ok' if err else 'ok'} {self.number} - {name}")
        if err:
            print("\n".join(f"# {text}" for text in self._exc_info_to_string(err, test).splitlines()))

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.line(test, "not ok", trouble=self._exc_info_to_string(err, test))

    def addError(self, test, err):
        super().addError(test, err)
        self.line(test, "not ok", trouble=self._exc_info_to_string(err, test))

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.line(test, note=f" # SKIP {reason}")


def run(module: str = "__main__") -> None:
    """Runs every case of `module`; exits with 1 when one failed or none ran."""
    result = TapResult()
    unittest.defaultTestLoader.loadTestsFromName(module).run(result)
    print(f"1..{result.number}")
    sys.exit(0 if result.wasSuccessful() and result.testsRun else 1)
