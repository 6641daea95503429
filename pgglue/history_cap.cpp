// pgsm_history_max_size is a limit for all users together. So that nobody's rows push out those of others,
// they give way in this order, as the size comes near it:
//   - Above three quarters days are merged into hours as soon as they are over.
//   - Above half, what is left of the limit is shared out to the rest of the day: the rows of a bucket may
//   take so
//     many bytes, those of a merged hour so many. Where they would take more, users share them evenly:
//     whoever needs less than an equal part keeps everything, the others what is worth most to them, and the
//     rest is added to residual rows, so that all sums stay.
//   - Above the limit, the oldest day goes as a whole.
// All of it is counted; the log says so once a day at most.
//
// Today takes at most six tenths of the limit, so that there is room left for tomorrow's buckets until today
// has been merged. A bucket may take twice its part of what is left, for most take less: that uses up no more
// than there is, since the part shrinks with what is left.
#include "core/api.hpp"

#include "pgglue/history_cap.hpp"

#include "pgglue/guc.hpp"
#include "pgglue/shmem.hpp"

namespace pgsm::glue {
namespace {

int64 limit_bytes() { return static_cast<int64>(pgsm_history_max_size) * 1024 * 1024; }

int64 bytes_of_day(const History& history, TimestampTz at) {
    for (int i = 0; i < history.count; ++i)
        if (history.parts[i].own && history.parts[i].from <= at && at < history.parts[i].to)
            return history.parts[i].bytes;
    return 0;
}

int64 share_of_bucket(const History& history, TimestampTz now) {
    const int64 bucket_us = static_cast<int64>(pgsm_bucket_time) * USECS_PER_SEC;
    const int64 left_us = day_of(now) + USECS_PER_DAY - now;
    const double limit = static_cast<double>(limit_bytes());
    const double room = Min(0.95 * limit - static_cast<double>(bytes_of_history(history)),
                            0.6 * limit - static_cast<double>(bytes_of_day(history, now)));
    const double buckets = Max(1.0, static_cast<double>(left_us) / static_cast<double>(bucket_us));
    const double in_a_day = Max(1.0, static_cast<double>(USECS_PER_DAY) / static_cast<double>(bucket_us));
    // A little in any case; the oldest day has to go for it then.
    return static_cast<int64>(Max(2 * room / buckets, limit / 8 / in_a_day)) + 1;
}

/// All hours that are kept take half of the limit at most.
int64 share_of_hour() {
    constexpr int kDaysForGood = 30;
    const int days = pgsm_history_retention == 0 ? kDaysForGood : pgsm_history_retention / (24 * 60) + 1;
    return limit_bytes() / 2 / days / 24 + 1;
}

int64 share(const int64& figure) {
    SharedState& state = shared();
    SpinLockAcquire(&state.mutex);
    const int64 found = state.capped_database == MyDatabaseId ? figure : 0;
    SpinLockRelease(&state.mutex);
    return found;
}

}  // namespace

int64 bytes_of_history(const History& history) {
    int64 bytes = history.rest_bytes + history.side_bytes;
    for (int i = 0; i < history.count; ++i)
        if (history.parts[i].own) bytes += history.parts[i].bytes;
    return bytes;
}

bool is_merging_urgent(const History& history) {
    return pgsm_history_max_size != 0 && bytes_of_history(history) > limit_bytes() / 4 * 3;
}

void set_shares(const History& history, TimestampTz now) {
    const bool capped = pgsm_history_max_size != 0 && bytes_of_history(history) > limit_bytes() / 2;
    const int64 of_bucket = capped ? share_of_bucket(history, now) : 0;
    const int64 of_hour = capped ? share_of_hour() : 0;
    SharedState& state = shared();
    SpinLockAcquire(&state.mutex);
    state.capped_database = MyDatabaseId;
    state.bucket_bytes = of_bucket;
    state.hour_bytes = of_hour;
    SpinLockRelease(&state.mutex);
}

int64 bucket_bytes() { return share(shared().bucket_bytes); }

int64 hour_bytes() { return share(shared().hour_bytes); }

void note_folded(uint64 rows) {
    SharedState& state = shared();
    SpinLockAcquire(&state.mutex);
    state.history_rows_folded = state.history_rows_folded + rows;
    SpinLockRelease(&state.mutex);
}

void tell_of_folded() {
    const TimestampTz now = GetCurrentTimestamp();
    SharedState& state = shared();
    SpinLockAcquire(&state.mutex);
    const TimestampTz told = state.history_folded_told_at;
    const bool again = told == 0 || now < told || now - told > USECS_PER_DAY;
    const bool news = again && state.history_rows_folded > state.history_folded_told;
    if (news) state.history_folded_told_at = now;
    if (news || state.history_rows_folded < state.history_folded_told)
        state.history_folded_told = state.history_rows_folded;
    SpinLockRelease(&state.mutex);
    if (news)
        ereport(LOG, (errmsg("pg_stat_monitor stores fewer statements one by one, as its history nears "
                             "pgsm_history_max_size"),
                      errdetail("The others are added up by user, database and kind."),
                      errhint("See history_rows_folded in pg_stat_monitor_status.")));
}

void note_dropped_day(TimestampTz to) {
    const TimestampTz now = GetCurrentTimestamp();
    SharedState& state = shared();
    SpinLockAcquire(&state.mutex);
    state.history_days_dropped = state.history_days_dropped + 1;
    state.history_dropped_to = Max(state.history_dropped_to, to);
    const bool news = state.history_dropped_at == 0 || now < state.history_dropped_at ||
                      now - state.history_dropped_at > USECS_PER_DAY;
    state.history_dropped_at = now;
    SpinLockRelease(&state.mutex);
    if (news)
        ereport(LOG, (errmsg("pg_stat_monitor drops days of its history before their time, as it exceeds "
                             "pgsm_history_max_size"),
                      errhint("See history_days_dropped in pg_stat_monitor_status.")));
}

}  // namespace pgsm::glue
