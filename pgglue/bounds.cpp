#include "core/api.hpp"

#include "pgglue/bounds.hpp"

#include "pgglue/as_owner.hpp"
#include "pgglue/export.hpp"
#include "pgglue/shmem.hpp"

extern "C" {
#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
}

namespace pgsm::glue {
namespace {

struct Note {
    Relation bounds;
    Relation history;
    int64 bucket;
    TimestampTz bucket_start;
    int64 oldest;  ///< bucket that is stored; of nothing stored: the one that will be
    bool changed;
};

/// `argument` is the Note.
void insert_bounds(void* argument) {
    auto& note = *static_cast<Note*>(argument);
    char timings[core::kTimingsTextCap];
    const std::size_t length = core::timings_text(histogram_bounds(), timings);
    Oid types[] = {INT8OID, TIMESTAMPTZOID, TEXTOID};
    Datum values[] = {Int64GetDatum(note.bucket), TimestampTzGetDatum(note.bucket_start),
                      PointerGetDatum(cstring_to_text_with_len(timings, static_cast<int>(length)))};
    const char* table = quoted_name(note.bounds);
    const char* sql = psprintf(
        "INSERT INTO %s (bucket, bucket_start_time, ranges) SELECT $1, $2, t.ranges "
        "FROM (SELECT pg_catalog.string_to_array($3, ',') AS ranges) AS t WHERE t.ranges IS DISTINCT FROM "
        "(SELECT b.ranges FROM %s AS b ORDER BY b.bucket DESC LIMIT 1)",
        table, table);
    const int result = SPI_execute_with_args(sql, 3, types, values, nullptr, false, 0);
    if (result != SPI_OK_INSERT)
        elog(ERROR, "SPI_execute_with_args failed: %s", SPI_result_code_string(result));
    note.changed = SPI_processed != 0;
}

/// `argument` is the Note. The live part is asked nothing.
void ask_oldest(void* argument) {
    auto& note = *static_cast<Note*>(argument);
    const char* sql = psprintf("SELECT pg_catalog.min(bucket) FROM %s WHERE exported_at < 'infinity'",
                               quoted_name(note.history));
    if (SPI_execute(sql, true, 1) != SPI_OK_SELECT || SPI_processed != 1) return;
    bool is_null = true;
    const Datum found = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null);
    if (!is_null) note.oldest = DatumGetInt64(found);
}

/// `argument` is the Note.
void forget_bounds(void* argument) {
    const auto& note = *static_cast<Note*>(argument);
    const char* table = quoted_name(note.bounds);
    const char* sql =
        psprintf("DELETE FROM %s AS b WHERE EXISTS (SELECT FROM %s AS n WHERE n.bucket > b.bucket AND "
                 "n.bucket <= " INT64_FORMAT ")",
                 table, table, note.oldest);
    const int result = SPI_execute(sql, false, 0);
    if (result != SPI_OK_DELETE) elog(ERROR, "SPI_execute failed: %s", SPI_result_code_string(result));
}

}  // namespace

Oid find_bounds_table() {
    const Oid table = find_member("pg_stat_monitor_bounds", RELKIND_RELATION);
    if (!OidIsValid(table))
        ereport(ERROR,
                (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                 errmsg("library and SQL objects of pg_stat_monitor do not match"),
                 errdetail("This database has no table \"%s\" that belongs to the extension.",
                           "pg_stat_monitor_bounds"),
                 errhint("Run ALTER EXTENSION pg_stat_monitor UPDATE, or drop and create the extension.")));
    return table;
}

void note_bounds(Relation history, int64 bucket, TimestampTz bucket_start) {
    // Each table as its owner: they need not be the same.
    Relation bounds = table_open(find_bounds_table(), RowExclusiveLock);
    Note note{bounds, history, bucket, bucket_start, bucket, false};
    run_as_owner(bounds, insert_bounds, &note);
    if (note.changed) {
        run_as_owner(history, ask_oldest, &note);
        run_as_owner(bounds, forget_bounds, &note);
    }
    table_close(bounds, NoLock);
}

}  // namespace pgsm::glue
