// The stored partitions: which there are, how one is made, how one goes. See history_days.cpp.
#pragma once

#include "pgglue/pg.hpp"

namespace pgsm::glue {

/// A partition of the table that holds stored rows.
struct HistoryPart {
    Oid oid;
    TimestampTz from, to;  ///< of exported_at; from inclusive, to exclusive
    bool own;              ///< belongs to the extension; the others are users' own, and left alone
    bool merged;           ///< own, and its rows are hours
    int64 bytes;           ///< of own ones: table, indexes, TOAST
};

struct History {
    HistoryPart* parts;  ///< by time
    int count;
    Oid rest;       ///< the default partition; InvalidOid when there is none
    bool rest_own;  ///< it is the extension's, and its rows are ours to move and delete
    int64 rest_bytes;
    int64 side_bytes;  ///< of own tables that are not attached: hours being made
};

/// All stored partitions of `table`, in the current memory context. Without `sizes` no file is looked at.
History read_history(Oid table, bool sizes);

/// Of the table, its indexes and its TOAST.
int64 bytes_of(Oid oid);

/// Start of the UTC day that holds `at`.
TimestampTz day_of(TimestampTz at);

/// 'YYYY-MM-DD HH:MM:SS+00', quoted, for our own SQL; the settings of the session do not matter.
const char* instant_literal(TimestampTz at);

/// Runs one statement of our own by SPI and returns the number of rows; ERROR when it fails.
uint64 run_sql(const char* sql);

/// YYYY-MM-DD of the UTC day.
const char* date_text(TimestampTz at);

/// YYYYMMDD and `suffix`: the end of a partition's name.
const char* day_label(TimestampTz day, const char* suffix);

/// Moves the rows that meet an SQL condition from one partition of `table` to another table like it, with
/// another exported_at unless that is null. Returns how many.
uint64 move_rows(Oid table, Oid from, Oid to, const char* condition, const char* exported_at);

/// Copies them.
void copy_rows(Oid table, Oid from, Oid to, const char* condition);

/// A table like `table`, with its policy and indexes, as a member of the extension, not attached.
Oid make_detached(Oid table, const char* label, const char* comment);

/// Takes the locks under which a partition comes or goes: of the table, of its default partition, of `part`
/// unless it is InvalidOid. Each is waited for as long as lock_timeout says.
void lock_for_change(Oid table, Oid rest, Oid part);

void attach(Oid table, Oid part, TimestampTz from, TimestampTz to);

/// Makes the partition of the day that begins at `day`, unless another has a part of that day, and moves the
/// rows of the default partition into it. False when it was not made.
bool make_day(Oid table, TimestampTz day);

/// Drops a table of ours, attached or not.
void drop_own(Oid oid);

/// The qualified name as SQL wants it.
const char* qualified_name(Oid oid);

}  // namespace pgsm::glue
