#include "core/api.hpp"

#include "pgglue/store_work.hpp"

#include "pgglue/exporter_state.hpp"

namespace pgsm::glue {
namespace {

/// Entries that are worked on in one hold of the store lock.
constexpr uint32 kAtOnce = 64;

}  // namespace

void finish_merges() {
    lock_store_shared();
    bool more = store().header().unsettled != 0;
    unlock_store();
    while (more) {
        lock_store_exclusive();
        static_cast<void>(core::continue_merge(store(), kAtOnce));
        more = store().header().unsettled != 0;
        unlock_store();
        if (more) let_others_lock_store();
    }
}

void count_losses() {
    lock_store_shared();
    bool more = store().header().lost != 0;
    unlock_store();
    while (more) {
        lock_store_exclusive();
        static_cast<void>(core::reclaim(store(), kAtOnce));
        more = store().header().lost != 0;
        unlock_store();
        if (more) let_others_lock_store();
    }
}

void take_apart_released() {
    uint32 done = kAtOnce;
    while (done == kAtOnce) {
        lock_store_exclusive();
        done = core::reclaim(store(), kAtOnce);
        unlock_store();
        if (done == kAtOnce) let_others_lock_store();
    }
}

void note_losses(uint64 lost_before) {
    if (store().header().usage.buckets_lost == lost_before) return;
    SharedState& state = shared();
    SpinLockAcquire(&state.mutex);
    const SharedState now = state;
    SpinLockRelease(&state.mutex);
    const char* reason = reason_of_loss(now);
    SpinLockAcquire(&state.mutex);
    strlcpy(state.lost_reason, reason, sizeof(state.lost_reason));
    SpinLockRelease(&state.mutex);
}

}  // namespace pgsm::glue
