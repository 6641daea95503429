"""docs/operating.md has every message of ours, with its SQLSTATE; and no message of ours that is gone."""
from pathlib import Path
import re
import sys
import unittest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/codegen"))
import tap  # noqa: E402

REPORT = re.compile(r"ereport\(\s*(\w+),(.*?)\)\s*;", re.DOTALL)
MESSAGE = re.compile(r'errmsg\(\s*((?:"(?:[^"\\]|\\.)*"\s*)+)')
RAISE = re.compile(r"RAISE\s+(\w+)\s+USING\s+MESSAGE = (?:format\()?'((?:[^']|'')*)'"
                   r"|RAISE (WARNING|NOTICE) '((?:[^']|'')*)'")
# https://www.postgresql.org/docs/current/errcodes-appendix.html, as far as they are used.
STATES = {
    "ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE": "55000", "ERRCODE_FEATURE_NOT_SUPPORTED": "0A000",
    "ERRCODE_WARNING_DEPRECATED_FEATURE": "01P01", "ERRCODE_INVALID_PARAMETER_VALUE": "22023",
    "ERRCODE_DATA_CORRUPTED": "XX001", "for_file_access": "by the cause", "LOG": "00000", "NOTICE": "00000",
    "WARNING": "01000", "null_value_not_allowed": "22004", "undefined_object": "42704",
    "insufficient_privilege": "42501", "ERRCODE_INSUFFICIENT_PRIVILEGE": "42501",
    "ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED": "39P01", "duplicate_schema": "42P06", "ERRCODE_T_R_SERIALIZATION_FAILURE": "40001",
    "sqlerrcode": "its own", "ERRCODE_CONFIGURATION_LIMIT_EXCEEDED": "53400", "ERRCODE_WARNING": "01000",
}


def own_messages():
    """{message with … for what differs: SQLSTATE} out of the sources."""
    found = {}
    for path in sorted(ROOT.glob("pgglue/*.cpp")):
        for level, body in REPORT.findall(path.read_text(encoding="utf-8")):
            literal = MESSAGE.search(body)
            if literal is None:
                continue
            text = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', literal.group(1))).replace('\\"', '"')
            code = re.search(r"errcode(?:\((\w+)\)|_(for_file_access)\(\))", body)
            found[re.sub(r"%\w", "…", text)] = STATES[(code.group(1) or code.group(2)) if code else level]
    for path in sorted(ROOT.glob("schema/templates/*.j2")):
        for state, message, level, text in RAISE.findall(path.read_text(encoding="utf-8")):
            found[re.sub(r"%\w?", "…", (message or text).replace("''", "'"))] = STATES[state or level]
    return found


def documented():
    """The same out of the first table of the page's section on messages."""
    section = (ROOT / "docs/operating.md").read_text(encoding="utf-8").split("\n## Messages\n")[1]
    table = section.split("\nPostgreSQL's own")[0]
    found = {}
    for cells in (line.split(" | ") for line in table.splitlines() if line.startswith("| `")):
        messages, states = re.findall(r"`([^`]*)`", cells[0]), cells[1].replace("LOG, ", "").replace("NOTICE, ", "")
        states = states.split(", ") if ", " in states else [states] * len(messages)
        found.update(zip(messages, states))
    return found


class Messages(unittest.TestCase):
    def test_messages(self):
        """every message"""
        have = documented()
        ours = own_messages()
        self.assertGreater(len(ours), 15)
        for message, state in ours.items():
            with self.subTest(message):
                self.assertEqual(have.get(message), state)
        with self.subTest("nothing that is gone"):
            self.assertEqual(sorted(set(have) - set(ours)), [])


if __name__ == "__main__":
    tap.run()
