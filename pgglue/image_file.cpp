// The file that carries the store over a clean restart, as pg_stat_statements has one.
//
// It is pg_stat/pg_stat_monitor.image: a head (totals of SharedState, the core's image head, a checksum of
// both), then the store as it lay in memory. It is written by the postmaster after a clean shutdown, when
// every other process is gone, and is removed as soon as it is loaded: a crash never meets an old one, and
// neither does a base backup. One that was written with other settings of memory or histogram is read into
// private memory and recorded into the new store (core/import.hpp). What cannot be used (another version,
// damage) is renamed to *.rejected with a warning.
//
// At a clean shutdown no transaction is left: a stamped bucket is either exported, and then the rows are safe
// in the table, or its stamp has been taken back. So the exported ones are released at loading, and no
// transaction id lives on in the file.
//
// No locks: nobody else uses the shared memory when these functions run.
#include <cerrno>
#include <cstdio>

#include <sys/stat.h>
#include <unistd.h>

#include "core/api.hpp"

#include "pgglue/image_file.hpp"

#include "pgglue/bucket_numbers.hpp"
#include "pgglue/own_file.hpp"
#include "pgglue/shmem.hpp"

extern "C" {
#include "access/xlog_internal.h"
#include "catalog/pg_control.h"
#include "pgstat.h"
#include "port/pg_crc32c.h"
#include "storage/fd.h"
#include "utils/memutils.h"
}

namespace pgsm::glue {
namespace {

constexpr char kPath[] = PGSTAT_STAT_PERMANENT_DIRECTORY "/pg_stat_monitor.image";
constexpr char kNewPath[] = PGSTAT_STAT_PERMANENT_DIRECTORY "/pg_stat_monitor.image.new";

/// What SharedState counts over restarts.
struct Totals {
    TimestampTz stats_since;
    TimestampTz last_export_at;
    int64 last_export_rows;
    double last_export_ms;
    int64 exports;
    int64 export_failures;
    char lost_reason[sizeof(SharedState::lost_reason)];
};

struct FileHead {
    Totals totals;
    core::ImageHead image;
    uint64 crc;  ///< CRC-32C of what is before it
};
static_assert(sizeof(FileHead) == sizeof(Totals) + sizeof(core::ImageHead) + 8);

uint64 head_crc(const FileHead& head) {
    pg_crc32c crc;
    INIT_CRC32C(crc);
    COMP_CRC32C(crc, &head, offsetof(FileHead, crc));
    FIN_CRC32C(crc);
    return crc;
}

std::span<std::byte> store_memory(const core::StoreConfig& config) {
    return {store().base, static_cast<std::size_t>(core::region_bytes(config))};
}

/// Null when the file has a head that is whole and the bytes that it promises, else why not.
const char* read_head(FILE* file, FileHead& head) {
    struct stat status;
    if (fread(&head, sizeof(head), 1, file) != 1) return "It is too short.";
    if (head.crc != head_crc(head)) return "Its head is damaged.";
    if (fstat(fileno(file), &status) != 0) return "Its length cannot be found out.";
    const uint64 bytes = static_cast<uint64>(status.st_size) - sizeof(head);
    if (bytes < head.image.bytes) return "It is too short.";
    return bytes == head.image.bytes ? nullptr : "It is too long.";
}

/// Releases what the table has, and forgets the transactions of the last run.
void settle(core::Store loaded) {
    while (core::continue_merge(loaded, PG_UINT32_MAX)) {
    }
    core::Header& header = loaded.header();
    header.early_stamp = header.leaving_stamp = 0;
    for (uint32 i = 0; i + 1 < header.buckets;) {
        core::Bucket& bucket = loaded.bucket(i);
        bucket.stamp = 0;
        if (bucket.state == core::BucketState::ended && bucket.exported) {
            core::release(loaded, bucket);
            i = 0;  // the ring may have been trimmed
        } else {
            ++i;
        }
    }
    while (core::reclaim(loaded, 1024) != 0) {
    }
}

const char* read_same_layout(FILE* file, const FileHead& head, const core::StoreConfig& config) {
    const std::span<std::byte> memory = store_memory(config);
    if (fread(memory.data(), memory.size(), 1, file) != 1) return "It cannot be read.";
    core::Store adopted{};
    if (core::adopt_image(head.image, memory, adopted) != core::Status::kOk) return "It is damaged.";
    settle(adopted);
    return nullptr;
}

/// Where the settings have changed, needs the memory of the old ones a second time, for a moment.
const char* read_other_layout(FILE* file, const FileHead& head, int64& bucket_us) {
    constexpr int kHowever = MCXT_ALLOC_HUGE | MCXT_ALLOC_NO_OOM;
    const auto bytes = static_cast<Size>(head.image.bytes);
    if (!AllocHugeSizeIsValid(bytes)) return "It is too long.";
    auto* memory = static_cast<std::byte*>(MemoryContextAllocExtended(CurrentMemoryContext, bytes, kHowever));
    if (memory == nullptr) return "Its settings were others, and there is no memory to read it.";
    const char* fault = nullptr;
    core::Store old{};
    if (fread(memory, bytes, 1, file) != 1) {
        fault = "It cannot be read.";
    } else if (core::adopt_image(head.image, {memory, bytes}, old) != core::Status::kOk) {
        fault = "It was written by another version, or it is damaged.";
    } else {
        settle(old);
        bucket_us = old.header().config.bucket_us;
        core::import_store(old, store());
    }
    pfree(memory);
    return fault;
}

/// Reads the file into the store. Null when that has worked, else why it has not; the store may be rubbish
/// then. `bucket_us`: what the running bucket's end was planned with.
const char* read_store(FILE* file, const core::StoreConfig& config, FileHead& head, int64& bucket_us) {
    const char* fault = read_head(file, head);
    if (fault != nullptr) return fault;
    switch (core::check_image_head(head.image, config)) {
    case core::Status::kOk:
        fault = read_same_layout(file, head, config);
        if (fault == nullptr) bucket_us = store().header().config.bucket_us;
        return fault;
    case core::Status::kForeignLayout:
        return read_other_layout(file, head, bucket_us);
    case core::Status::kForeignCounters:
        return "Its counters are not those of this library.";
    default:
        return "It is not an image of the statistics.";
    }
}

/// Makes the spinlocks anew.
void init_locks(core::Store loaded) {
    for (uint32 i = 0; i < loaded.header().buckets; ++i)
        for (core::Ref at = loaded.bucket(i).first_entry; at != 0; at = loaded.entry(at)->list_next)
            SpinLockInit(entry_lock(*loaded.entry(at)));
}

/// The bucket time is no part of the layout and may be another one now: the running bucket was to end by the
/// old one.
void take_bucket_time(core::Store loaded, int64 old_us, int64 bucket_us) {
    if (old_us == bucket_us) return;
    core::set_bucket_time(loaded, bucket_us);
    core::rotate(loaded, GetCurrentTimestamp());
}

void restore_totals(const Totals& totals) {
    SharedState& state = shared();
    state.stats_since = totals.stats_since;
    state.last_export_at = totals.last_export_at;
    state.last_export_rows = totals.last_export_rows;
    state.last_export_ms = totals.last_export_ms;
    state.exports = totals.exports;
    state.export_failures = totals.export_failures;
    strlcpy(state.lost_reason, totals.lost_reason, sizeof(state.lost_reason));
}

void recreate_store(const core::StoreConfig& config) {
    core::Store made{};
    if (core::store_create(store_memory(config), config, GetCurrentTimestamp(), made) != core::Status::kOk)
        elog(FATAL, "pg_stat_monitor cannot lay out its shared memory");
}

/// True when the store has come from the file.
bool load_store() {
    FILE* file = open_to_read(kPath);
    if (file == nullptr) return false;
    const core::StoreConfig config = store().header().config;
    FileHead head;
    int64 bucket_us = config.bucket_us;
    const char* fault = read_store(file, config, head, bucket_us);
    FreeFile(file);
    if (fault != nullptr) {
        recreate_store(config);
        set_aside(kPath, "the statistics that were saved at the last shutdown", fault);
        return false;
    }
    // Loaded again after a crash it would repeat what has been exported meanwhile.
    if (durable_unlink(kPath, WARNING) != 0) {
        recreate_store(config);
        return false;
    }
    init_locks(store());
    take_bucket_time(store(), bucket_us, config.bucket_us);
    restore_totals(head.totals);
    return true;
}

/// Whether the server was shut down cleanly, by pg_control. An immediate shutdown also ends the postmaster
/// with code 0, but its backends stopped anywhere, even in the middle of the store, and their last commits
/// may not be on disk.
bool shut_down_cleanly() {
    ControlFileData control;
    errno = 0;
    FILE* file = AllocateFile(XLOG_CONTROL_FILE, PG_BINARY_R);
    const bool read = file != nullptr && fread(&control, sizeof(control), 1, file) == 1;
    const int error = errno;
    if (file != nullptr) FreeFile(file);
    if (!read) {
        errno = error;
        ereport(LOG, (errcode_for_file_access(), errmsg("could not read file \"%s\": %m", XLOG_CONTROL_FILE),
                      errdetail("The statistics of pg_stat_monitor are not saved.")));
        return false;
    }
    pg_crc32c crc;
    INIT_CRC32C(crc);
    COMP_CRC32C(crc, &control, offsetof(ControlFileData, crc));
    FIN_CRC32C(crc);
    if (control.pg_control_version != PG_CONTROL_VERSION || !EQ_CRC32C(crc, control.crc)) {
        ereport(LOG, (errcode(ERRCODE_DATA_CORRUPTED),
                      errmsg("incorrect checksum in control file \"%s\"", XLOG_CONTROL_FILE),
                      errdetail("The statistics of pg_stat_monitor are not saved.")));
        return false;
    }
    return control.state == DB_SHUTDOWNED || control.state == DB_SHUTDOWNED_IN_RECOVERY;
}

bool write_store(FILE* file) {
    const SharedState& state = shared();
    FileHead head{};
    head.totals = {state.stats_since,
                   state.last_export_at,
                   state.last_export_rows,
                   state.last_export_ms,
                   state.exports,
                   state.export_failures,
                   {}};
    strlcpy(head.totals.lost_reason, state.lost_reason, sizeof(head.totals.lost_reason));
    head.image = core::image_head(store());
    head.crc = head_crc(head);
    return fwrite(&head, sizeof(head), 1, file) == 1 && fwrite(store().base, head.image.bytes, 1, file) == 1;
}

}  // namespace

void load_image() { continue_bucket_numbers(load_store()); }

void save_image(int code, Datum) {
    if (code != 0 || !store_ready() || !shut_down_cleanly()) return;
    errno = 0;
    FILE* file = open_to_write(kNewPath);
    finish_writing(file, file != nullptr && write_store(file), kNewPath, kPath);
}

}  // namespace pgsm::glue
