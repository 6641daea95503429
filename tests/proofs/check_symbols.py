#!/usr/bin/env python3
"""Proofs on object files: check_symbols.py PROOF FILE [LIST]. Prints what is wrong and exits 1, or says nothing."""
import pathlib
import re
import subprocess
import sys

# What a compiler may call for plain C++ without asking, and the C library's arithmetic.
CORE_MAY_CALL = {"memcpy", "memmove", "memset", "memcmp", "memchr", "strlen", "log", "exp", "sqrt",
                 "_GLOBAL_OFFSET_TABLE_", "__stack_chk_fail"}


def nm(*args):
    return subprocess.run(["nm", *args], check=True, capture_output=True, text=True).stdout


def symbols(path, *args):
    """(type, name) of each symbol line."""
    for line in nm(*args, path).splitlines():
        match = re.match(r"^\s*[0-9a-f]*\s+([A-Za-z])\s+(\S+)$", line)
        if match:
            yield match.group(1), match.group(2)


def plain_frames(path):
    return [f"{name}: a destructor is alive across a call into PostgreSQL"
            for _, name in symbols(path, "-u") if name.startswith("_Unwind_Resume")]


def closed_core(path):
    undefined = {name for kind, name in symbols(path) if kind == "U"}
    defined = {name for kind, name in symbols(path) if kind != "U"}
    sanitizer = {name for name in undefined if re.match(r"__(asan|ubsan|tsan|sanitizer|gcov|llvm)", name)}
    return [f"{name}: not for the core to call" for name in sorted(undefined - defined - CORE_MAY_CALL - sanitizer)]


def no_load_time_code(path):
    return [f"{name}: runs when the library is loaded or left" for _, name in symbols(path)
            if name.startswith("_GLOBAL__sub_I_") or name.startswith("__cxa_atexit") or name.startswith("__cxa_guard")]


def exports(path, listing):
    wanted = set(pathlib.Path(listing).read_text().split())
    found = {name for _, name in symbols(path, "-D", "--defined-only")}
    return ([f"{name}: exported, but not in {listing}" for name in sorted(found - wanted)] +
            [f"{name}: in {listing}, but not exported" for name in sorted(wanted - found)])


def no_runtime(path):
    needed = subprocess.run(["readelf", "-d", path], check=True, capture_output=True, text=True).stdout
    return [f"needs {name}" for name in re.findall(r"NEEDED.*\[(.*?)\]", needed) if "stdc++" in name or "gcc_s" in name]


def firewall(root):
    wrong = []
    for source in sorted(pathlib.Path(root, "core").glob("*pp")):
        text = source.read_text()
        if re.search(r'#include\s+["<](postgres|pgglue/)', text):
            wrong.append(f"{source}: the core must not know PostgreSQL")
        if source.suffix == ".hpp" and source.name != "firewall.hpp" and "core/firewall.hpp" not in text:
            wrong.append(f"{source}: does not include core/firewall.hpp")
    for source in sorted(pathlib.Path(root, "pgglue").glob("*pp")):
        text = source.read_text()
        if source.name != "pg.hpp" and re.search(r'#include\s+["<]postgres\.h', text):
            wrong.append(f"{source}: only pg.hpp includes postgres.h")
        if re.search(r"\bnoexcept\b", text):
            wrong.append(f"{source}: noexcept in the glue hides what plain-frames looks for")
    return wrong


PROOFS = {"plain-frames": plain_frames, "closed-core": closed_core, "no-load-time-code": no_load_time_code,
          "exports": exports, "no-runtime": no_runtime, "firewall": firewall}


def main():
    problems = PROOFS[sys.argv[1]](*sys.argv[2:])
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
