// A crash forgets the store and with it the number of the next bucket, but the table has rows of the buckets
// before. So a file, pg_stat_monitor.next_bucket, says below which number everything may have been used. It
// is written ahead, a thousand numbers at a time: after a crash some are skipped, which nobody minds.
//
// Where no exporter runs (a standby) nobody extends the reservation; no row of such a server is in a table
// either.
#include "core/api.hpp"

#include "pgglue/bucket_numbers.hpp"

#include "pgglue/number_file.hpp"
#include "pgglue/shmem.hpp"

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

}  // namespace

void continue_bucket_numbers(bool from_image) {
    core::Header& header = store().header();
    reserved = 0;
    static_cast<void>(read_number(kPath, &reserved));
    if (!from_image && reserved > header.next_number) {
        header.next_number = reserved;
        core::reset(store(), GetCurrentTimestamp());
    }
    reserve_behind(header.next_number);
}

void reserve_bucket_numbers() {
    if (reserved == 0) static_cast<void>(read_number(kPath, &reserved));
    reserve_behind(next_number());
}

}  // namespace pgsm::glue
