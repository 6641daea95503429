#!/usr/bin/env python3
"""Expands schema/columns.yaml into generated/ and docs/columns.md.

Without options it writes what differs. --check writes nothing: it is silent when all is well, and prints
the differences and the command that fixes them when not (exit 1). Exit 77 (skipped test) without PyYAML or
Jinja2.
"""

import argparse
import difflib
from pathlib import Path
import sys

try:
    import jinja2
    import yaml  # noqa: F401  (for rules.py; asked for here so that its absence is a skip, not a failure)
except ImportError as error:
    print(f"codegen needs Debian's python3-yaml and python3-jinja2: {error}", file=sys.stderr)
    sys.exit(77)

import cpp
import model
import rollup
from reader import SpecError
import rules

SPEC = "schema/columns.yaml"
FIX = "meson compile -C build regen"
OUTPUTS = {
    "generated/core/counters.hpp": "counters.hpp.j2",
    "generated/core/row.hpp": "row.hpp.j2",
    "generated/pgglue/row_datum.inc": "row_datum.inc.j2",
    "generated/pgglue/columns.inc": "columns.inc.j2",
    "generated/pgglue/history.inc": "history.inc.j2",
    "generated/sql/pg_stat_monitor--2.3.sql": "2.3.sql.j2",
    "generated/sql/pg_stat_monitor--2.4.sql": "2.4.sql.j2",
    "generated/sql/pg_stat_monitor--2.3--2.4.sql": "2.3--2.4.sql.j2",
    "generated/tests/catalog.tsv": "catalog.tsv.j2",
    "docs/columns.md": "columns.md.j2",
}


def sql_literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def markdown_cell(text: str) -> str:
    return text.replace("<", "&lt;").replace("|", "\\|")


def environment(templates: Path) -> jinja2.Environment:
    env = jinja2.Environment(loader=jinja2.FileSystemLoader(templates), undefined=jinja2.StrictUndefined,
                             trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
                             autoescape=False)
    env.filters.update(literal=sql_literal, cell=markdown_cell)
    env.globals.update(cpp=cpp, model=model, rollup=rollup, fix=FIX)
    return env


def render(root: Path) -> dict:
    """Output path below root -> text. SpecError when the spec is wrong."""
    spec = rules.load(root / SPEC, SPEC)
    env = environment(root / "schema" / "templates")
    return {path: env.get_template(name).render(spec=spec) for path, name in OUTPUTS.items()}


def differences(root: Path, outputs: dict) -> list:
    """Lines of a unified diff between what is there and what the spec gives."""
    lines = []
    for path, wanted in outputs.items():
        file = root / path
        present = file.read_text(encoding="utf-8") if file.exists() else ""
        lines += difflib.unified_diff(present.splitlines(), wanted.splitlines(), path,
                                      f"{path} (from {SPEC})", lineterm="")
    return lines


def write(root: Path, outputs: dict) -> None:
    """Writes the files that differ; the others keep their time stamps, so that nothing is rebuilt for them."""
    for path, text in outputs.items():
        file = root / path
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
            print(f"wrote {path}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare only")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent,
                        help="tree that holds schema/ and generated/ (default: this one)")
    options = parser.parse_args()
    try:
        outputs = render(options.root)
    except SpecError as error:
        print(error, file=sys.stderr)
        return 1
    if not options.check:
        write(options.root, outputs)
        return 0
    lines = differences(options.root, outputs)
    if lines:
        print("\n".join(lines))
        print(f"\ngenerated files differ from {SPEC}; to fix it: {FIX}")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
