#!/usr/bin/env python3
"""page_commands.py PAGE WAY MAJOR

Prints the shell commands of a page, in order, for a script to follow it word for word: the blocks marked `sh`, and those
marked `sh WAY` where there are several ways. MAJOR takes the place of the 15 that the page is written with.
"""
import re
import sys
import textwrap

BLOCK = re.compile(r"^( *)```sh(?: (\w+))?\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def commands(page, way, major):
    blocks = [textwrap.dedent(text) for _, mark, text in BLOCK.findall(page) if mark in ("", way)]
    return "".join(re.sub(r"\b15\b", major, block) for block in blocks)


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as page_file:
        print(commands(page_file.read(), *sys.argv[2:]), end="")
