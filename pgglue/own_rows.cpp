// What the view for tools of 2.3 shows: the newest buckets of this server, live or stored.
//
// A table has no column for the server that wrote a row. But a standby writes none, so all that is stored on
// it is its primary's; and what it stores after a promotion is younger than the promotion. So a file,
// pg_stat_monitor.own_since, holds the instant of the last promotion: infinity on a standby, no file where
// there never was one. A server that is restored from an archive is told apart in the same way.
#include <unistd.h>

#include "core/api.hpp"

#include "pgglue/own_rows.hpp"

#include "pgglue/guc.hpp"
#include "pgglue/number_file.hpp"
#include "pgglue/shmem.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/xlog.h"
#include "catalog/pg_authid.h"
#include "datatype/timestamp.h"
#include "funcapi.h"
#include "utils/acl.h"
}

namespace pgsm::glue {
namespace {

constexpr char kPath[] = "pg_stat_monitor.own_since";

/// Buckets that the view shows, the running one included. It gives them numbers modulo ten (`served` in
/// schema/columns.yaml), as 2.3 with its ten slots, and no two that are shown may share one.
constexpr int64 kServedBuckets = 10;

/// Stored rows that are older are not shown even if nothing ran since: they may have been merged into hours.
constexpr int64 kServedUs = 3600 * USECS_PER_SEC;

/// What was exported before is not this server's.
TimestampTz own_since() {
    if (RecoveryInProgress()) return DT_NOEND;
    int64 since = DT_NOBEGIN;
    static_cast<void>(read_number(kPath, &since));
    return since;
}

TimestampTz stored_since() {
    const int64 ten_buckets_us = kServedBuckets * pgsm_bucket_time * USECS_PER_SEC;
    const TimestampTz now = GetCurrentTimestamp();
    // A bucket time of decades reaches back further than there is time.
    const TimestampTz oldest =
        ten_buckets_us < now - MIN_TIMESTAMP ? now - Max(ten_buckets_us, kServedUs) : MIN_TIMESTAMP;
    return Max(own_since(), oldest);
}

/// Number of the newest bucket that has rows.
int64 newest_bucket() {
    rotate_if_due(GetCurrentTimestamp());
    lock_store_shared();
    const core::Bucket& running = store().running();
    const int64 newest = running.entries > 0 ? running.number : running.number - 1;
    unlock_store();
    return newest;
}

}  // namespace

bool note_start() {
    const bool standby = access("standby.signal", F_OK) == 0 || access("recovery.signal", F_OK) == 0;
    int64 since = 0;
    if (standby && !(read_number(kPath, &since) && since == DT_NOEND)) write_number(kPath, DT_NOEND);
    return standby;
}

void note_end_of_recovery() {
    lock_store_exclusive();
    store().header().stores_nothing = false;
    unlock_store();
    int64 since = 0;
    if (read_number(kPath, &since) && since == DT_NOEND) write_number(kPath, GetCurrentTimestamp());
}

/// One row: least and greatest bucket number to show, since when rows must have been stored, the reader, and
/// whether that may see what is private of others.
PGSM_FUNCTION(pg_stat_monitor_2_3_window) {
    require_store();
    TupleDesc desc = nullptr;
    if (get_call_result_type(fcinfo, nullptr, &desc) != TYPEFUNC_COMPOSITE || desc->natts != 5)
        elog(ERROR, "return type must be a row of 5 columns");
    const Oid reader = GetUserId();
    Datum values[] = {Int64GetDatum(newest_bucket() - kServedBuckets + 1), Int64GetDatum(PG_INT64_MAX),
                      TimestampTzGetDatum(stored_since()), ObjectIdGetDatum(reader),
                      BoolGetDatum(is_member_of_role(reader, ROLE_PG_READ_ALL_STATS))};
    bool nulls[5] = {};
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

}  // namespace pgsm::glue
