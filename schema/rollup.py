"""How the rows of an hour become one, out of the merge rules of columns.yaml, as SQL.

The rows are called m. Beside the table's columns they have pgsm_group (number of the group), pgsm_by_time and
pgsm_by_age (place in the group, most time and newest bucket first), pgsm_<family>_mean (mean of the whole
group), pgsm_bucket and pgsm_exported_at (of the whole hour); c.cells are the group's histogram cells.
"""

# What keeps two rows of a bucket apart, as core::Identity and the query id do.
KEY = ("userid", "dbid", "client_ip", "application_name", "queryid", "top_queryid", "planid", "toplevel", "elevel",
       "sqlcode")
HOUR = {"bucket": "min(m.pgsm_bucket)", "bucket_start_time": "{hour}", "exported_at": "max(m.pgsm_exported_at)"}


def key(spec) -> list:
    names = {c.name for c in spec.columns}
    return [f"m.{name}" for name in KEY if name in names]


def families(spec) -> dict:
    """Family -> its columns by role."""
    return {family: {c.role: c.name for c in spec.columns if c.family == family}
            for family in dict.fromkeys(c.family for c in spec.columns if c.family)}


def value(spec, column, hour: str) -> str:
    own = f"m.{column.name}"
    if column.name in HOUR:
        return HOUR[column.name].format(hour=hour)
    if own in key(spec):
        return f"min({own})" if column.sql != "boolean" else f"bool_or({own})"
    roles = families(spec).get(column.family)
    if column.merge == "sum":
        total = f"sum({own})"
        if column.sql == "integer":
            total = f"least({total}, 2147483647)"
        return total if column.sql in ("numeric", "double precision") else f"{total}::{column.sql}"
    if column.merge in ("min", "max"):
        if not roles:
            return f"{column.merge}({own})"
        # Of a series without values the extremes are 0 and mean nothing.
        return f"coalesce({column.merge}({own}) FILTER (WHERE m.{roles['count']} > 0), 0)"
    if column.merge == "mean":
        return f"coalesce(max(m.pgsm_{column.family}_mean), 0)"
    if column.merge == "stddev":
        # Chan's formula for many parts at once: what each spreads by itself, and what its mean is off.
        return (f"coalesce(sqrt(sum(m.{roles['count']} * (m.{roles['stddev']} * m.{roles['stddev']} + "
                f"(m.{roles['mean']} - m.pgsm_{column.family}_mean) * "
                f"(m.{roles['mean']} - m.pgsm_{column.family}_mean))) / "
                f"nullif(sum(m.{roles['count']}), 0)::double precision), 0)")
    if column.merge == "cells":
        return "min(c.cells)"
    place = {"first": "pgsm_by_time", "last": "pgsm_by_age"}[column.merge]
    pick = "bool_or" if column.sql == "boolean" else "min"
    return f"{pick}({own}) FILTER (WHERE m.{place} = 1)"


# What a row of several statements shows in the place of what they do not have in common (core/snapshot.cpp).
FOLDED = {"query": "'<other statements>'::text", "client_ip": "'127.0.0.1'::inet", "cmd_type": "0",
          "cmd_type_text": "''::text", "sqlcode": "substr(m.sqlcode, 1, 2) || '000'"}
FOLDED |= dict.fromkeys(("pgsm_query_id", "queryid", "top_queryid", "top_query", "planid", "query_plan",
                         "application_name", "comments", "relations", "message"), "NULL")


def source(column) -> str:
    """A row's value before the merge; c.id is null where the row stays by itself."""
    own = f"m.{column.name}"
    return f"CASE WHEN c.id IS NULL THEN {own} ELSE {FOLDED[column.name]} END AS {column.name}" \
        if column.name in FOLDED else own
