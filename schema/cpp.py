"""How a spec looks in C++: parts of an entry with their layout, fields of the row, converters to Datum."""

from dataclasses import dataclass

import model

# C++ type, size, alignment of a row's field, by `cpp`.
FIELD = {
    "i64": ("std::int64_t", 8, 8), "u32": ("std::uint32_t", 4, 4), "i32": ("std::int32_t", 4, 4),
    "bool": ("bool", 1, 1), "f64": ("double", 8, 8), "ts": ("std::int64_t", 8, 8),
    "text": ("std::string_view", 16, 8), "text_list": ("std::string_view", 16, 8),
    "sqlstate": ("std::uint32_t", 4, 4), "inet": ("ClientAddress", 17, 1), "cells": ("ResponseCells", 8 + 8 * 52, 8),
}
MOMENTS = ("Moments", 40, 8)
NOTE = {"ts": "microseconds since 2000-01-01", "sqlstate": "as the server packs it", "text_list": "elements separated by \\n"}

# Expression that makes a Datum out of {}, by (sql, cpp).
TO_DATUM = {
    ("bigint", "i64"): "Int64GetDatum({})",
    ("oid", "u32"): "ObjectIdGetDatum({})",
    ("text", "text"): "text_datum(ctx, {})",
    ("text", "sqlstate"): "sqlstate_datum({})",
    ("text[]", "text_list"): "text_list_datum(ctx, {})",
    ("text[]", "cells"): "cells_datum(ctx, {})",
    ("integer", "i32"): "Int32GetDatum({})",
    ("boolean", "bool"): "BoolGetDatum({})",
    ("double precision", "f64"): "Float8GetDatum({})",
    ("numeric", "i64"): "i64_numeric_datum({})",
    ("timestamp with time zone", "ts"): "TimestampTzGetDatum({})",
    ("inet", "inet"): "inet_datum({})",
    ("bigint", "inet"): "address_int8_datum({})",
    ("text", "text_list"): "text_list_joined_datum(ctx, {})",
    ("text", "cells"): "cells_joined_datum(ctx, {})",
}
TYPE_OID = {
    "bigint": "INT8OID", "oid": "OIDOID", "text": "TEXTOID", "text[]": "TEXTARRAYOID", "integer": "INT4OID",
    "boolean": "BOOLOID", "double precision": "FLOAT8OID", "numeric": "NUMERICOID",
    "timestamp with time zone": "TIMESTAMPTZOID", "inet": "INETOID",
}


@dataclass
class Field:
    """A member of a generated struct."""
    name: str
    type: str
    offset: int
    note: str
    merge: str  # of a part's field: sum, min, max, or moments


@dataclass
class Struct:
    name: str
    fields: list
    size: int


def struct(name: str, members: list) -> Struct:
    """Lays out (name, (type, size, alignment), note, merge) as a C++ compiler does."""
    fields, end, widest = [], 0, 1
    for member, (cpp_type, size, align), note, merge in members:
        offset = _aligned(end, align)
        fields.append(Field(member, cpp_type, offset, note, merge))
        end, widest = offset + size, max(widest, align)
    return Struct(name, fields, _aligned(end, widest))


def _aligned(offset: int, align: int) -> int:
    return (offset + align - 1) // align * align


def parts(spec: model.Spec) -> list:
    """(group, Struct) for every part of an entry; a family becomes one Moments."""
    result = []
    for group in model.PART_GROUPS:
        members, families = [], set()
        for column in spec.columns:
            if column.group != group:
                continue
            if column.family is None:
                field = FIELD["f64"] if column.cpp == "f64" else FIELD["i64"]
                members.append((column.name, field, column.unit, column.merge))
            elif column.family not in families:
                families.add(column.family)
                count, total = (_role(spec, column.family, role) for role in ("count", "total"))
                members.append((column.family, MOMENTS, f"{count.name}; {total.unit}", "moments"))
        if members:
            result.append((group, struct(group.capitalize() + "Part", members)))
    return result


def _role(spec: model.Spec, family: str, role: str) -> model.Column:
    return next(c for c in spec.columns if (c.family, c.role) == (family, role))


def counters(spec: model.Spec) -> Struct:
    members = [(group, (part.name, part.size, 8), "", "") for group, part in parts(spec)]
    return struct("Counters", members)


def row(spec: model.Spec) -> Struct:
    members = [(c.name, FIELD[c.cpp], NOTE.get(c.cpp, c.unit), "") for c in spec.columns]
    members.append(("is_null[kAllColumnCount]", ("bool", len(spec.columns), 1), "by Column", ""))
    return struct("Row", members)


def zero_test(part: Struct) -> str:
    """Condition under which a part holds nothing."""
    integers = [f"part.{f.name}" for f in part.fields if f.type == "std::int64_t"]
    integers += [f"part.{f.name}.count" for f in part.fields if f.merge == "moments"]
    tests = [wrapped(integers, " | ", "         ", first=12)]
    if len(integers) > 1:
        tests = [f"({tests[0]})"]
    tests = [f"{tests[0]} == 0"] if integers else []
    tests += [f"part.{f.name} == 0.0" for f in part.fields if f.type == "double"]
    return wrapped(tests, " && ", "        ", first=11)


def merge_statement(name: str, merge: str) -> str:
    """Statement that adds a counter of `from` to that of `into`."""
    into, source = f"into.{name}", f"from.{name}"
    if merge == "moments":
        return f"merge({into}, {source});"
    if merge == "sum":
        return f"{into} += {source};"
    return f"{into} = {source} {'<' if merge == 'min' else '>'} {into} ? {source} : {into};"


def counter_source(column: model.Column) -> str:
    """Expression over `counters` that gives a row's counter."""
    group = f"counters.{column.group}"
    if column.family is None:
        value = f"{group}.{column.name}"
        return f"saturated_i32({value})" if column.cpp == "i32" else value
    moments = f"{group}.{column.family}"
    return f"{column.role}({moments})" if column.role in ("mean", "stddev") else f"{moments}.{column.role}"


def wrapped(items: list, separator: str, indent: str, first: int = 0, width: int = 106) -> str:
    """Joins items, breaking the line before one that would pass `width`: a comma stays at the line's end, an
    operator moves to the next. `first`: columns that the first line has lost already."""
    comma = separator.startswith(",")
    lines, room = [], width - first
    for item in items:
        text = item if not lines else lines[-1] + separator + item
        if lines and len(text.rsplit("\n", 1)[-1]) > room:
            lines[-1] += "," if comma else ""
            lines.append(indent + (item if comma else separator.lstrip() + item))
            room = width
        else:
            lines[-1:] = [text]
    return "\n".join(lines)
