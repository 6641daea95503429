"""What columns.yaml must look like: each column alone, and the columns beside each other."""

import re

import yaml

import model
from reader import Reader

REQUIRED = ("id", "name", "sql", "cpp", "group", "unit", "source", "merge", "pg", "doc")
OPTIONAL = ("family", "role", "private", "statistics", "null_when", "not_null", "default", "internal", "view",
            "view_after", "view_sql", "served")
# What only a reader of the whole list can follow; psql's \d+ and pg_description show each column's comment alone.
LEANS = re.compile(r"\b(?:that|this|those|these) (?:role|database|name|text|plan|error|warning|bucket|row's)s?\b")


def load(path, file_name: str) -> model.Spec:
    """Reads and validates the spec at `path`; messages call it `file_name`."""
    reader = Reader(file_name)
    try:
        with open(path, encoding="utf-8") as stream:
            root = yaml.compose(stream, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        reader.fail(error.problem_mark.line + 1, error.problem)
    if root is None:
        reader.fail(1, "the file is empty")
    top = reader.mapping(root, keys=("column_count", "columns", "status"))
    for key in ("column_count", "columns", "status"):
        if key not in top:
            reader.fail(1, f"missing key {key}")
    declared = reader.scalar(top["column_count"], "number", "column_count")
    columns = [read_column(reader, node) for node in reader.sequence(top["columns"][1])]
    status = [read_status(reader, node) for node in reader.sequence(top["status"][1])]
    spec = model.Spec(columns, status)
    check(reader, spec, declared, top["column_count"][0])
    return spec


def read_column(reader, node) -> model.Column:
    """One element of `columns`, complete and with known values, not yet compared with the others."""
    line = reader.line(node)
    keys = reader.mapping(node, reader.name_of(node), REQUIRED + OPTIONAL)
    name = _name(reader, keys, line)
    for key in REQUIRED:
        if key not in keys:
            what = {"merge": "missing merge rule"}.get(key, f"missing key {key}")
            reader.fail(line, what, name)

    def text(key):
        return reader.scalar(keys[key], "text", key, name) if key in keys else None

    def flag(key):
        return reader.scalar(keys[key], "boolean", key, name) if key in keys else False

    column = model.Column(
        id=reader.scalar(keys["id"], "number", "id", name), name=name, line=line,
        sql=reader.choice(keys["sql"], "sql", model.SQL_TYPES, name),
        cpp=reader.choice(keys["cpp"], "cpp", model.CPP_TYPES, name),
        group=reader.choice(keys["group"], "group", model.ROW_GROUPS + model.PART_GROUPS, name),
        merge=reader.choice(keys["merge"], "merge", model.MERGES, name),
        pg=reader.choice(keys["pg"], "pg", model.MAJORS, name),
        unit=text("unit"), source=text("source"), doc=text("doc"), private=flag("private"),
        statistics=flag("statistics"),
        null_when=text("null_when"), not_null=flag("not_null"), default=text("default"),
        view_after=text("view_after"), view_sql=text("view_sql"), served=text("served"))
    for key, choices in (("family", tuple(model.FAMILIES)), ("role", model.ROLES)):
        if key in keys:
            setattr(column, key, reader.choice(keys[key], key, choices, name))
    column.internal = _internal(reader, keys, column)
    column.view = _view(reader, keys, column)
    _check_alone(reader, keys, column)
    return column


def _name(reader, keys, line, what="column") -> str:
    if "name" not in keys:
        reader.fail(line, f"{what} without a name")
    name = reader.scalar(keys["name"], "text", "name")
    if not model.IDENTIFIER.match(name):
        reader.fail(keys["name"][0], f"{name} is no name for a column (small letters, digits, underscores)")
    return name


def _internal(reader, keys, column):
    if "internal" not in keys:
        return None
    inner = reader.mapping(keys["internal"][1], column.name, ("name", "sql", "pos", "since"))
    if "pos" not in inner:
        reader.fail(keys["internal"][0], "internal without pos", column.name)
    position = reader.scalar(inner["pos"], "number", "pos", column.name)
    internal = model.Internal(position, column.name, column.sql, model.SINCE[0])
    if "name" in inner:
        internal.name = reader.scalar(inner["name"], "text", "name", column.name)
    if "sql" in inner:
        internal.sql = reader.choice(inner["sql"], "sql", model.SQL_TYPES, column.name)
    if "since" in inner:
        internal.since = reader.choice(inner["since"], "since", model.SINCE, column.name)
    return internal


def _view(reader, keys, column) -> dict:
    if "view" not in keys:
        return {model.VIEW_MAJORS[0]: column.name}
    inner = reader.mapping(keys["view"][1], column.name)
    for major, (line, _) in inner.items():
        if major not in model.VIEW_MAJORS:
            reader.fail(line, f"unknown major {major} in view (known: {', '.join(model.VIEW_MAJORS)})",
                        column.name)
    return {m: reader.scalar(inner[m], "text", "view", column.name) for m in model.VIEW_MAJORS if m in inner}


def _check_alone(reader, keys, column):
    """Rules that need no other column."""
    def fail(key, message):
        reader.fail(keys[key][0] if key in keys else column.line, message, column.name)

    if (column.sql, column.cpp) not in model.PAIRS:
        fail("cpp", f"no conversion from cpp {column.cpp} to sql {column.sql}")
    if column.internal and (column.internal.sql, column.cpp) not in model.INTERNAL_PAIRS:
        fail("internal", f"no conversion from cpp {column.cpp} to internal sql {column.internal.sql}")
    if column.view and not (column.internal or column.view_sql):
        fail("view", "is in the 2.3 view but neither internal nor view_sql says where it comes from")
    if not column.doc.endswith("."):
        fail("doc", "doc is not a sentence (no full stop at its end)")
    leans = LEANS.search(column.doc)
    if leans:
        fail("doc", f"doc leans on another column's sentence ({leans[0]})")
    if column.cpp in model.NUMBERS:
        if column.unit not in model.UNITS:
            fail("unit", f"unknown unit {column.unit} of a number (known: {', '.join(model.UNITS)})")
        words = model.UNITS[column.unit]
        if not any(re.search(rf"\b{word}\b", column.doc, re.IGNORECASE) for word in words):
            fail("doc", f"doc does not say the unit {column.unit} (in words: {', '.join(words)})")
    if column.private and column.statistics:
        fail("statistics", "statistics of a private column would tell what is in it")
    if (column.merge == "cells") != (column.cpp == "cells"):
        fail("merge", f"merge {column.merge} does not fit cpp {column.cpp}")
    if (column.family is None) != (column.role is None):
        fail("family" if column.family else "role", "family and role go together")
    if column.family:
        if column.group != model.FAMILIES[column.family]:
            fail("group", f"family {column.family} belongs to group {model.FAMILIES[column.family]}")
        if column.merge != model.ROLE_MERGE[column.role]:
            fail("merge", f"role {column.role} merges by {model.ROLE_MERGE[column.role]}")
        if column.cpp != ("i64" if column.role == "count" else "f64"):
            fail("cpp", f"role {column.role} cannot be {column.cpp}")
    elif column.merge in ("mean", "stddev"):
        fail("merge", f"merge {column.merge} needs a family")
    elif column.counter:
        if column.cpp not in ("i64", "i32", "f64"):
            fail("cpp", f"a counter cannot be {column.cpp}")
        if column.merge not in ("sum", "min", "max"):
            fail("merge", f"a counter merges by sum, min or max, not {column.merge}")


def read_status(reader, node) -> model.StatusColumn:
    keys = reader.mapping(node, reader.name_of(node), ("name", "sql", "doc"))
    name = _name(reader, keys, reader.line(node), "status column")
    for key in ("sql", "doc"):
        if key not in keys:
            reader.fail(reader.line(node), f"missing key {key}", name)
    return model.StatusColumn(name, reader.choice(keys["sql"], "sql", model.SQL_TYPES, name),
                              reader.scalar(keys["doc"], "text", "doc", name), reader.line(node))


def check(reader, spec, declared: int, declared_line: int):
    """Rules about the columns together."""
    _unique(reader, spec.columns, "name", lambda c: c.name)
    _unique(reader, spec.columns, "id", lambda c: c.id)
    _unique(reader, spec.status, "name", lambda c: c.name)
    _unique(reader, spec.internal, "internal pos", lambda c: c.internal.pos)
    _unique(reader, spec.internal, "internal name", lambda c: c.internal.name)
    for place, column in enumerate(spec.internal, 1):
        if column.internal.pos != place:
            reader.fail(column.line, f"internal pos {column.internal.pos} leaves a gap at {place}",
                        column.name)
    seen_late = None
    for column in spec.columns:
        if column.late:
            seen_late = column
        elif seen_late:
            reader.fail(column.line, f"stands behind {seen_late.name}, which only newer servers have",
                        column.name)
    for column in spec.columns:
        if column.view_after and column.view_after not in {c.name for c in spec.columns if c is not column}:
            reader.fail(column.line, f"view_after names the unknown column {column.view_after}", column.name)
    for family in model.FAMILIES:
        roles = {c.role: c for c in spec.columns if c.family == family}
        for column in spec.columns:
            if column.family == family and roles[column.role] is not column:
                reader.fail(roles[column.role].line, f"family {family} has two columns of role {column.role}",
                            roles[column.role].name)
        missing = [role for role in model.ROLES if roles and role not in roles]
        if missing:
            last = list(roles.values())[-1]
            reader.fail(last.line, f"family {family} has no column of role {missing[0]}", last.name)
    if len(spec.table) != declared:
        reader.fail(declared_line,
                    f"column_count says {declared}, but {len(spec.table)} columns are declared")


def _unique(reader, columns, what, key):
    first = {}
    for column in columns:
        value = key(column)
        if value in first:
            reader.fail(column.line, f"duplicate {what} {value} (first on line {first[value].line})",
                        column.name)
        first[value] = column
