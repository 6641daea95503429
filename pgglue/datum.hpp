// core::Row -> Datum: the converters that generated/pgglue/row_datum.inc is made of, and the functions in it.
//
// Texts are kept as the bytes that a session of any database wrote, and are read from databases of other
// encodings. A reader gets what can be shown in its own encoding with '?' for the rest: one odd text must not
// take the whole relation away from everybody (compat-2.3.md 4.6). Everything here allocates in the current
// memory context.
#pragma once

#include "core/api.hpp"

#include "pgglue/pg.hpp"

namespace pgsm::glue {

/// How the texts of one entry are to be read.
struct DatumContext {
    int encoding;  ///< PostgreSQL's number of the encoding that the entry's texts are in
};

/// The context for the texts of `entry`, which is in `store`, a private copy that has its texts.
DatumContext datum_context(core::Store store, const core::Entry& entry);

Datum text_datum(const DatumContext& ctx, std::string_view value);

/// text[] of the lines of `value`.
Datum text_list_datum(const DatumContext& ctx, std::string_view value);

/// The lines of `value` as one text, separated by commas: what 2.3's view splits again.
Datum text_list_joined_datum(const DatumContext& ctx, std::string_view value);

/// text[] of the counts.
Datum cells_datum(const DatumContext& ctx, const core::ResponseCells& cells);

/// The counts as one text, separated by commas.
Datum cells_joined_datum(const DatumContext& ctx, const core::ResponseCells& cells);

Datum sqlstate_datum(uint32 sqlstate);

Datum inet_datum(const core::ClientAddress& address);

/// What 2.3's view adds to 0.0.0.0: an IPv4 address as a number; 255.255.255.255 stands for any IPv6 address.
Datum address_int8_datum(const core::ClientAddress& address);

Datum i64_numeric_datum(int64 value);

/// Fills the kTableColumns values of the table's tuple.
void row_to_datums(const core::Row& row, const DatumContext& ctx, Datum* values, bool* nulls);

/// Room for the values of either function.
constexpr int kWidestRow = static_cast<int>(core::kAllColumnCount);

/// Columns that pg_stat_monitor_internal() had in an SQL version, which is given times ten.
int internal_columns(int sql_version);

/// Fills the values of those columns.
void row_to_internal_datums_of(int sql_version, const core::Row& row, const DatumContext& ctx, Datum* values,
                               bool* nulls);

}  // namespace pgsm::glue
