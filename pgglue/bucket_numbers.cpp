// A crash forgets the store and with it the number of the next bucket, but the table has rows of the buckets
// before. So a file, pg_stat_monitor.next_bucket, says below which number everything may have been used. It
// is written ahead, a thousand numbers at a time: after a crash some are skipped, which nobody minds.
//
// Where no exporter runs (a standby) nobody extends the reservation, and its numbers have nothing to do with
// those in the table, which are the primary's. Once it is promoted they would meet: so the first export looks
// which is the greatest one in the table, and gives its own buckets numbers behind that.
#include "core/api.hpp"

#include "pgglue/bucket_numbers.hpp"

#include "pgglue/as_owner.hpp"
#include "pgglue/number_file.hpp"
#include "pgglue/shmem.hpp"

extern "C" {
#include "access/genam.h"
#include "executor/spi.h"
#include "utils/lsyscache.h"
}

namespace pgsm::glue {
namespace {

constexpr char kPath[] = "pg_stat_monitor.next_bucket";
constexpr int64 kAhead = 1024;

int64 reserved;  // what the file says, as far as this process knows; 0: not read yet

int64 next_number() {
    lock_store_shared();
    const int64 next = store().header().next_number;
    unlock_store();
    return next;
}

void reserve_behind(int64 next) {
    if (next + kAhead / 2 < reserved) return;
    reserved = next + kAhead;
    write_number(kPath, reserved);
}

bool has_bucket_index(Relation table) {
    const AttrNumber bucket = get_attnum(RelationGetRelid(table), "bucket");
    List* indexes = RelationGetIndexList(table);
    bool found = false;
    ListCell* cell;
    foreach (cell, indexes) {
        Relation index = index_open(lfirst_oid(cell), AccessShareLock);
        found = found || index->rd_index->indkey.values[0] == bucket;
        index_close(index, AccessShareLock);
    }
    list_free(indexes);
    return found;
}

struct Greatest {
    Relation table;
    int64 number;
};

/// `argument` is the Greatest. Two steps of an index for each partition. The live one is asked nothing.
void ask_greatest(void* argument) {
    auto& greatest = *static_cast<Greatest*>(argument);
    const char* sql = psprintf("SELECT pg_catalog.max(bucket) FROM %s WHERE exported_at < 'infinity'",
                               quoted_name(greatest.table));
    if (SPI_execute(sql, true, 1) != SPI_OK_SELECT || SPI_processed != 1) return;
    bool is_null = true;
    const Datum found = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null);
    if (!is_null) greatest.number = DatumGetInt64(found);
}

}  // namespace

void continue_behind_table(Relation table) {
    SharedState& state = shared();
    SpinLockAcquire(&state.mutex);
    const bool known = state.numbers_behind == MyDatabaseId;
    SpinLockRelease(&state.mutex);
    if (known || !has_bucket_index(table)) return;
    Greatest greatest{table, 0};
    run_as_owner(table, ask_greatest, &greatest);
    lock_store_exclusive();
    const bool behind = core::continue_numbers(store(), greatest.number);
    unlock_store();
    if (!behind) return;
    SpinLockAcquire(&state.mutex);
    state.numbers_behind = MyDatabaseId;
    SpinLockRelease(&state.mutex);
}

void continue_bucket_numbers(bool from_image) {
    core::Header& header = store().header();
    reserved = 0;
    const NumberFile found = read_number(kPath, &reserved);
    // The exporter tries again, and the first export looks into the table.
    if (found == NumberFile::unreadable) return;
    if (!from_image && reserved > header.next_number) {
        header.next_number = reserved;
        core::reset(store(), GetCurrentTimestamp());
    }
    reserve_behind(header.next_number);
}

void reserve_bucket_numbers() {
    if (reserved == 0 && read_number(kPath, &reserved) == NumberFile::unreadable) return;
    reserve_behind(next_number());
}

}  // namespace pgsm::glue
