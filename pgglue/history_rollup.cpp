// Merging a day's rows into hours, so that every reader sees each hour exactly once, as it was or merged.
//
// A day of ours is merged as a whole, when its last row is old enough, into a table on the side that nobody
// reads: one transaction an hour, the oldest first. When all hours are there and every snapshot that is left
// sees them, the two tables change places in one transaction, and the old one is dropped. So a reader finds
// either the one or the other, and in both all rows are visible to it, however old its snapshot; the room is
// given back at once; nothing is deleted row by row, so nothing has to be vacuumed, logged or published.
//
// Where the work stands is in the tables: the last hour on the side says what is done. Before the places are
// changed both must have the same sums; if somebody deleted or added rows meanwhile, it starts over.
//
// A day that is as big as one with a busy server behind it is read in full only a few times, not once an
// hour: how long after their buckets' start its rows were exported is found at the beginning and kept in the
// comment on the side, so that the index on exported_at finds an hour's rows. Rows without a start of their
// bucket, which are nobody's but the user's, are taken along as they are.
//
// A bucket at the end of a day is exported on the next one. Such rows are moved into the day of their bucket
// first (one transaction, exported_at becomes the day's last microsecond), lest an hour be in two pieces.
//
// A merged row: bucket_start_time is the hour, bucket the number of the hour's first bucket, exported_at when
// the last of them was exported. Merging hours again gives the same hours.
#include "core/api.hpp"

#include "pgglue/history_rollup.hpp"

#include "pgglue/bounds.hpp"
#include "pgglue/history_cap.hpp"

extern "C" {
#include "access/table.h"
#include "access/transam.h"
#include "catalog/pg_class.h"
#include "commands/comment.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "storage/lmgr.h"
#include "storage/procarray.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
}

namespace pgsm::glue {
namespace {

#include "generated/pgglue/history.inc"

/// How the comment on a table on the side begins; the oid of the day and the two delays follow.
constexpr char kSideComment[] = "Hours being made of ";
constexpr char kSideDetails[] = "%u, whose rows were exported %lld to %lld microseconds after their start";

constexpr int64 kHourUs = 3600 * USECS_PER_SEC;

struct Side {
    Oid oid;
    Oid day;
    /// exported_at of the day's rows is so much later than their bucket_start_time, in microseconds.
    int64 least_delay_us, most_delay_us;
};

/// One value of a query that gives one row; false when it is NULL.
bool ask(const char* sql, Datum* value) {
    if (run_sql(sql) != 1) elog(ERROR, "one row expected of: %s", sql);
    bool is_null = false;
    *value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null);
    return !is_null;
}

/// The table on the side that is there, if any.
Side find_side() {
    Side side{};
    const char* sql =
        psprintf("SELECT c.oid, substr(obj_description(c.oid, 'pg_class'), %d) FROM pg_depend AS d "
                 "JOIN pg_class AS c ON c.oid = d.objid WHERE d.classid = 'pg_class'::regclass "
                 "AND d.refclassid = 'pg_extension'::regclass AND d.refobjid = %u AND d.deptype = 'e' "
                 "AND c.relkind = 'r' AND NOT c.relispartition "
                 "AND obj_description(c.oid, 'pg_class') ~ '^%s[0-9]{1,10},' ORDER BY c.oid LIMIT 1",
                 static_cast<int>(strlen(kSideComment)) + 1, get_extension_oid("pg_stat_monitor", false),
                 kSideComment);
    if (run_sql(sql) == 0) return side;
    bool is_null = false;
    side.oid = DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null));
    long long least = 0, most = 0;
    if (sscanf(SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2), kSideDetails, &side.day, &least,
               &most) != 3)
        side.day = InvalidOid;
    side.least_delay_us = least;
    side.most_delay_us = most;
    return side;
}

const HistoryPart* find_day(const History& history, Oid oid) {
    for (int i = 0; i < history.count; ++i)
        if (history.parts[i].oid == oid) return &history.parts[i];
    return nullptr;
}

/// Rows whose bucket began in `day` out of the partition behind it.
void fetch_late_rows(Oid table, const History& history, const HistoryPart& day) {
    for (int i = 0; i < history.count; ++i) {
        const HistoryPart& next = history.parts[i];
        if (next.from != day.to || !next.own || next.merged) continue;
        move_rows(table, next.oid, day.oid,
                  psprintf("bucket_start_time >= %s AND bucket_start_time < %s", instant_literal(day.from),
                           instant_literal(day.to)),
                  instant_literal(day.to - 1));
    }
}

/// An interval of the rows of `day` that have a start, in microseconds; 0 where there is none.
int64 ask_delay(const HistoryPart& day, const char* aggregate) {
    Datum value = 0;
    const bool found =
        ask(psprintf("SELECT (extract(epoch FROM %s(exported_at - bucket_start_time)) * 1000000)::bigint "
                     "FROM ONLY %s WHERE isfinite(bucket_start_time)",
                     aggregate, qualified_name(day.oid)),
            &value);
    return found ? DatumGetInt64(value) : 0;
}

void begin_day(Oid table, const History& history, const HistoryPart& day) {
    fetch_late_rows(table, history, day);
    const char* details = psprintf(kSideDetails, day.oid, static_cast<long long>(ask_delay(day, "min")),
                                   static_cast<long long>(ask_delay(day, "max")));
    const Oid side =
        make_detached(table, day_label(day.from, "_hours"), psprintf("%s%s", kSideComment, details));
    copy_rows(table, day.oid, side, "isfinite(bucket_start_time) IS NOT TRUE");
}

/// The start of the first bucket that is not on the side yet; false when there is none.
bool find_next(const Side& side, TimestampTz* start) {
    const char* day = qualified_name(side.day);
    const char* rest = "isfinite(bucket_start_time)";
    Datum value = 0;
    if (ask(psprintf("SELECT max(bucket_start_time) FROM ONLY %s WHERE %s", qualified_name(side.oid), rest),
            &value)) {
        const TimestampTz next = DatumGetTimestampTz(value) + kHourUs;
        rest = psprintf("%s AND bucket_start_time >= %s AND exported_at >= %s", rest, instant_literal(next),
                        instant_literal(next + side.least_delay_us));
    }
    if (!ask(psprintf("SELECT min(exported_at) FROM ONLY %s WHERE %s", day, rest), &value)) return false;
    // The first that was exported need not be the first that began.
    const TimestampTz first = DatumGetTimestampTz(value);
    if (!ask(psprintf("SELECT min(bucket_start_time) FROM ONLY %s WHERE %s AND exported_at >= %s AND "
                      "exported_at <= %s",
                      day, rest, instant_literal(first),
                      instant_literal(first + side.most_delay_us - side.least_delay_us)),
             &value))
        return false;
    *start = DatumGetTimestampTz(value);
    return true;
}

/// Where the rows of an hour are: a source, and SQL literals.
struct Span {
    const char *source, *from, *to, *first_export, *last_export;
};

const char* rows_of(const Span& span, const char* before, const char* source) {
    return psprintf(kMergeRowsSql, before, qualified_name(find_bounds_table()), source, span.from, span.to, span.first_export, span.last_export);
}

/// Merges the rows of an hour so that they take no more than `most` bytes: what is worth less becomes
/// residual rows.
void merge_within(const Span& span, int64 most, const char* late, const char* insert) {
    const char* day = span.source + strlen("ONLY ");
    const char* choose = psprintf(kChooseRowsSql, day, span.from, span.to, span.first_export,
                                  span.last_export, static_cast<long long>(most), late, day, span.from,
                                  span.to, span.first_export, span.last_export);
    Datum folded = 0;
    if (ask(psprintf(kMergeChosenSql, rows_of(span, choose, "source"), insert), &folded))
        note_folded(static_cast<uint64>(DatumGetInt64(folded)));
}

/// Merges the next hour that has rows; false when there is none.
bool merge_hour(Oid table, const Side& side) {
    TimestampTz start = 0;
    if (!find_next(side, &start)) return false;
    const TimestampTz past = start % kHourUs;
    const TimestampTz hour = start - (past < 0 ? past + kHourUs : past);
    const Span span{psprintf("ONLY %s", qualified_name(side.day)), instant_literal(hour),
                    instant_literal(hour + kHourUs), instant_literal(hour + side.least_delay_us),
                    instant_literal(hour + kHourUs + side.most_delay_us)};
    const bool late = kLateMergeLast[0] != '\0' && get_attnum(table, kLateMergeLast) != InvalidAttrNumber;
    const char* insert = psprintf(kMergeInsertSql, qualified_name(side.oid), late ? kLateMergeColumns : "",
                                  span.from, late ? kLateMergeValues : "");
    if (const int64 most = hour_bytes(); most == 0)
        run_sql(psprintf("%s%s", rows_of(span, "", span.source), insert));
    else
        merge_within(span, most, late ? kLateMergeColumns : "", insert);
    return true;
}

/// Whether every snapshot that there is sees all rows on the side. SQL's xmin is what was written once, also of a row
/// that was frozen since, and means nothing then: a row that is not frozen is of a transaction since relfrozenxid.
bool seen_by_all(const Side& side) {
    Relation relation = table_open(side.oid, AccessShareLock);
    const TransactionId oldest = GetOldestNonRemovableTransactionId(relation);
    const TransactionId since = relation->rd_rel->relfrozenxid;
    const TransactionId span = ReadNextTransactionId() - since;
    table_close(relation, NoLock);
    run_sql(psprintf("SELECT DISTINCT xmin FROM ONLY %s", qualified_name(side.oid)));
    for (uint64 i = 0; i < SPI_processed; ++i) {
        bool is_null = false;
        const TransactionId writer =
            DatumGetTransactionId(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &is_null));
        const bool frozen = !TransactionIdIsNormal(writer) || writer - since > span;
        if (!frozen && !TransactionIdPrecedes(writer, oldest)) return false;
    }
    return true;
}

bool same_sums(const Side& side) {
    const char* sums = "SELECT ROW(sum(calls), sum(rows), sum(plans))::text FROM ONLY";
    Datum value = 0;
    ask(psprintf("SELECT (%s %s) = (%s %s)", sums, qualified_name(side.day), sums, qualified_name(side.oid)),
        &value);
    return DatumGetBool(value);
}

void change_places(Oid table, const History& history, const HistoryPart& day, const Side& side) {
    const char* name = pstrdup(get_rel_name(day.oid));
    const TimestampTz from = day.from;
    lock_for_change(table, history.rest, day.oid);
    run_sql(psprintf("ALTER TABLE %s DETACH PARTITION %s", qualified_name(table), qualified_name(day.oid)));
    attach(table, side.oid, day.from, day.to);
    drop_own(day.oid);
    run_sql(psprintf("ALTER TABLE %s RENAME TO %s", qualified_name(side.oid), quote_identifier(name)));
    run_sql(
        psprintf("COMMENT ON TABLE %s IS %s", qualified_name(side.oid),
                 quote_literal_cstr(psprintf("%s, of the day (UTC) %s.", kMergedComment, date_text(from)))));
}

Progress finish_day(Oid table, const History& history, const HistoryPart& day, const Side& side,
                    TimestampTz expired_before) {
    if (!seen_by_all(side)) return Progress::waits;
    // Nobody adds or deletes rows there from now on; readers do not mind.
    LockRelationOid(day.oid, ShareLock);
    if (!same_sums(side)) {
        drop_own(side.oid);
        return Progress::more;
    }
    change_places(table, history, day, side);
    for (int i = 0; i < history.count; ++i) {
        const HistoryPart& part = history.parts[i];
        // Something keeps one that has been there for longer, and would keep the hours from their place.
        if (!part.own || part.to > expired_before || part.to <= expired_before - kWaitForMergeUs) continue;
        LockRelationOid(part.oid, AccessExclusiveLock);
        drop_own(part.oid);
    }
    return Progress::more;
}

}  // namespace

bool is_due(const HistoryPart& part, TimestampTz before) {
    return part.own && !part.merged && part.to <= before && part.from != DT_NOBEGIN;
}

Progress merge_step(Oid table, TimestampTz before, TimestampTz expired_before) {
    const History history = read_history(table, false);
    const Side side = find_side();
    if (OidIsValid(side.oid)) {
        const HistoryPart* day = find_day(history, side.day);
        if (day == nullptr || !is_due(*day, before) || day->to <= expired_before) {
            // Dropped, detached, taken over or expired meanwhile.
            drop_own(side.oid);
            return Progress::more;
        }
        return merge_hour(table, side) ? Progress::more
                                       : finish_day(table, history, *day, side, expired_before);
    }
    for (int i = 0; i < history.count; ++i) {
        if (!is_due(history.parts[i], before) || history.parts[i].to <= expired_before) continue;
        begin_day(table, history, history.parts[i]);
        return Progress::more;
    }
    return Progress::nothing;
}

int64 side_bytes() {
    const Side side = find_side();
    return OidIsValid(side.oid) ? bytes_of(side.oid) : 0;
}

}  // namespace pgsm::glue
