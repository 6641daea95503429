#include "core/api.hpp"

#include "pgglue/shmem.hpp"

#include "pgglue/exporter.hpp"
#include "pgglue/guc.hpp"
#include "pgglue/image_file.hpp"
#include "pgglue/install.hpp"
#include "pgglue/own_rows.hpp"

extern "C" {
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/shmem.h"
}

namespace pgsm::glue {
namespace {

constexpr const char* kName = "pg_stat_monitor";

// Where SharedState ends and the store begins; a cache line, so that the store's first words do not share
// one.
constexpr Size kStoreOffset = (sizeof(SharedState) + 127) / 128 * 128;

static_assert(sizeof(slock_t) <= sizeof(core::Entry::lock),
              "an entry has no room for a spinlock of this platform");

shmem_request_hook_type prev_shmem_request;
shmem_startup_hook_type prev_shmem_startup;

SharedState* shared_state;
LWLock* store_lock;
core::Store attached;
core::HistogramBounds bounds;

Size total_bytes() {
    return static_cast<Size>(pgsm_max) * 1024 * 1024 + static_cast<Size>(pgsm_query_shared_buffer) * 1024;
}

core::StoreConfig store_config() {
    core::StoreConfig config{};
    config.store_bytes = static_cast<uint64>(pgsm_max) * 1024 * 1024 - kStoreOffset;
    config.text_bytes = static_cast<uint64>(pgsm_query_shared_buffer) * 1024;
    config.max_buckets = static_cast<uint32>(pgsm_max_buckets);
    config.bucket_us = static_cast<int64>(pgsm_bucket_time) * USECS_PER_SEC;
    config.histogram_cells = bounds.cells;
    config.bounds_hash = core::hash64(std::as_bytes(std::span{bounds.upper_ms, bounds.cells}), 0);
    return config;
}

extern "C" void pgsm_shmem_request() {
    if (prev_shmem_request) prev_shmem_request();
    RequestAddinShmemSpace(total_bytes());
    RequestNamedLWLockTranche(kName, 1);
}

void create_state(std::byte* memory) {
    *shared_state = SharedState{};
    SpinLockInit(&shared_state->mutex);
    const TimestampTz now = GetCurrentTimestamp();
    shared_state->stats_since = now;
    const core::Status status = core::store_create({memory + kStoreOffset, total_bytes() - kStoreOffset},
                                                   store_config(), now, attached);
    // The settings' ranges leave no budget that the core refuses.
    if (status != core::Status::kOk) elog(FATAL, "pg_stat_monitor cannot lay out its shared memory");
    shared_state->history_bytes = -1;
    shared_state->exporter_refused = !exporter_is_registered();
    load_image();
    // After the image, which may be another server's.
    store().header().stores_nothing = note_start();
}

extern "C" void pgsm_shmem_startup() {
    if (prev_shmem_startup) prev_shmem_startup();
    static_cast<void>(core::make_bounds(pgsm_histogram_min, pgsm_histogram_max,
                                        static_cast<uint32>(pgsm_histogram_buckets), bounds));
    if (bounds.user_cells_reduced && !IsUnderPostmaster)
        ereport(WARNING,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("cells of the response time histogram would coincide"),
                 errdetail("%u of %d cells are used.", bounds.user_cells, pgsm_histogram_buckets),
                 errhint("Set pg_stat_monitor.pgsm_histogram_max further from pgsm_histogram_min, or lower "
                         "pgsm_histogram_buckets.")));
    LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
    bool found = false;
    auto* memory = static_cast<std::byte*>(ShmemInitStruct(kName, total_bytes(), &found));
    shared_state = reinterpret_cast<SharedState*>(memory);
    attached.base = memory + kStoreOffset;
    store_lock = &GetNamedLWLockTranche(kName)->lock;
    if (!found) create_state(memory);
    LWLockRelease(AddinShmemInitLock);
    if (!IsUnderPostmaster) on_shmem_exit(save_image, Datum{0});
}

}  // namespace

void install_shmem() {
    prev_shmem_request = shmem_request_hook;
    shmem_request_hook = pgsm_shmem_request;
    prev_shmem_startup = shmem_startup_hook;
    shmem_startup_hook = pgsm_shmem_startup;
}

bool store_ready() { return shared_state != nullptr; }

void require_store() {
    if (store_ready()) return;
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("pg_stat_monitor must be loaded via shared_preload_libraries"),
                    errhint("Add pg_stat_monitor to shared_preload_libraries and restart the server.")));
}

SharedState& shared() { return *shared_state; }
core::Store store() { return attached; }
const core::HistogramBounds& histogram_bounds() { return bounds; }

void lock_store_shared() { LWLockAcquire(store_lock, LW_SHARED); }
void lock_store_exclusive() { LWLockAcquire(store_lock, LW_EXCLUSIVE); }
void unlock_store() { LWLockRelease(store_lock); }
bool store_lock_held() { return LWLockHeldByMe(store_lock); }
void let_others_lock_store() { pg_usleep(50); }

slock_t* entry_lock(core::Entry& entry) { return reinterpret_cast<slock_t*>(&entry.lock); }

void rotate_if_due(TimestampTz now) {
    lock_store_shared();
    const bool due = core::rotation_due(attached, now);
    unlock_store();
    if (!due) return;
    lock_store_exclusive();
    if (core::rotation_due(attached, now)) core::rotate(attached, now, ended_buckets_to_keep());
    unlock_store();
    wake_exporter();
}

void wake_exporter() {
    SpinLockAcquire(&shared_state->mutex);
    Latch* latch = shared_state->exporter_latch;
    SpinLockRelease(&shared_state->mutex);
    // A latch of a process that has just gone is still a latch: its slot only passes to another process.
    if (latch != nullptr) SetLatch(latch);
}

void wake_exporter_by(TimestampTz at, TimestampTz now) {
    SpinLockAcquire(&shared_state->mutex);
    const TimestampTz wakes_at = shared_state->exporter_wakes_at;
    SpinLockRelease(&shared_state->mutex);
    // Long overdue: the clock was set forward, which no sleep is shortened by.
    if (wakes_at > at || wakes_at < now - USECS_PER_SEC) wake_exporter();
}

void set_exporter_wakes_at(TimestampTz at) {
    SpinLockAcquire(&shared_state->mutex);
    shared_state->exporter_wakes_at = at;
    SpinLockRelease(&shared_state->mutex);
}

}  // namespace pgsm::glue
