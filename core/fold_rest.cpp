// What of a bucket is exported row by row, and what in residual rows.
#include "core/snapshot.hpp"

#include <algorithm>
#include <tuple>

namespace pgsm::core {
namespace {

/// A weight that is no number counts as none: std::sort must not meet what has no order. What a statement may
/// have had before it came in (Space-Saving) does not count here.
double own_weight(const Entry& entry) noexcept {
    if (is_error(entry)) return static_cast<double>(entry.hot.exec.count);
    return entry.hot.exec.total > 0 ? entry.hot.exec.total : 0;
}

/// In a private copy there are no chains: the place among its user's entries is kept there meanwhile.
std::uint32_t place(const Entry& entry) noexcept { return entry.hash_next; }

/// Orders of entries.
struct By {
    Store copy;

    bool queryid(Ref a, Ref b) const noexcept {
        const Entry& left = *copy.entry(a);
        const Entry& right = *copy.entry(b);
        return std::tie(left.queryid, left.identity) < std::tie(right.queryid, right.identity);
    }
    bool weight(Ref a, Ref b) const noexcept {
        const double left = own_weight(*copy.entry(a)), right = own_weight(*copy.entry(b));
        return left != right ? left > right : queryid(a, b);
    }
    bool user(Ref a, Ref b) const noexcept {
        const Entry& left = *copy.entry(a);
        const Entry& right = *copy.entry(b);
        return left.userid != right.userid ? left.userid < right.userid : weight(a, b);
    }
    bool turn(Ref a, Ref b) const noexcept {
        const std::uint32_t left = place(*copy.entry(a)), right = place(*copy.entry(b));
        return left != right ? left < right : weight(a, b);
    }
    bool key(Ref a, Ref b) const noexcept {
        const ResidualKey left = residual_key(*copy.entry(a)), right = residual_key(*copy.entry(b));
        const auto tied = [](const ResidualKey& k) noexcept {
            return std::tie(k.userid, k.dbid, k.flags, k.elevel, k.sqlstate);
        };
        if (left != right) return tied(left) < tied(right);
        // One that is residual already comes first: the others are added to it.
        const bool is_left = is_residual(*copy.entry(a)), is_right = is_residual(*copy.entry(b));
        return is_left != is_right ? is_left : queryid(a, b);
    }
};

/// Brings those that stay to the front and returns their number. Half of them are taken in turns, each user's
/// heaviest first, then each user's second; the rest by weight, whoever's they are.
std::size_t choose(Store copy, std::span<Ref> entries, std::size_t most) noexcept {
    if (entries.size() <= most) return entries.size();
    const By by{copy};
    std::sort(entries.begin(), entries.end(), [by](Ref a, Ref b) noexcept { return by.user(a, b); });
    Ref nth = 0;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        if (i > 0 && copy.entry(entries[i])->userid != copy.entry(entries[i - 1])->userid) nth = 0;
        copy.entry(entries[i])->hash_next = nth++;
    }
    const auto at = [&](std::size_t i) noexcept { return entries.begin() + static_cast<std::ptrdiff_t>(i); };
    std::nth_element(at(0), at(most / 2), entries.end(),
                     [by](Ref a, Ref b) noexcept { return by.turn(a, b); });
    std::nth_element(at(most / 2), at(most), entries.end(),
                     [by](Ref a, Ref b) noexcept { return by.weight(a, b); });
    return most;
}

/// Folds entries and adds up residual ones. Returns how many are left, at the front of `entries`.
std::size_t fold(Store copy, Bucket& bucket, std::span<Ref> entries) noexcept {
    const By by{copy};
    std::sort(entries.begin(), entries.end(), [by](Ref a, Ref b) noexcept { return by.key(a, b); });
    bucket.first_residual = 0;
    bucket.residuals = 0;
    std::size_t left = 0;
    std::size_t nobodys = 0;  // what is nobody's already comes first
    while (nobodys < entries.size() && copy.entry(entries[nobodys])->userid == 0) ++nobodys;
    const auto add_to_nobodys = [&](Ref at) noexcept {
        if (fold_entry(copy, bucket, *copy.entry(at))) entries[left++] = at;
    };
    for (std::size_t i = 0; i < nobodys; ++i) add_to_nobodys(entries[i]);
    Entry* last = nullptr;
    std::uint32_t of_user = 0;
    std::uint32_t userid = 0;
    for (std::size_t i = nobodys; i < entries.size(); ++i) {
        Entry& entry = *copy.entry(entries[i]);
        const ResidualKey key = residual_key(entry);
        if (last != nullptr && residual_key(*last) == key) {
            merge_entry(copy, bucket, *last, entry);
            continue;
        }
        if (entry.userid != userid) of_user = 0;
        userid = entry.userid;
        if (of_user++ < kMaxResidualsOfUser) {
            if (!is_residual(entry)) make_residual(copy, entry, key);
            last = &entry;
            entries[left++] = entries[i];
            continue;
        }
        entry.userid = 0;
        add_to_nobodys(entries[i]);
    }
    return left;
}

}  // namespace

void fold_rest(Store copy, Bucket& bucket, std::uint32_t top, std::span<Ref> scratch) noexcept {
    std::size_t n = 0;
    for (Ref at = bucket.first_entry; at != 0 && n < scratch.size(); at = copy.entry(at)->list_next)
        scratch[n++] = at;
    const std::span<Ref> all = scratch.first(n);
    const auto errors = std::partition(all.begin(), all.end(), [copy](Ref at) noexcept {
        return !is_residual(*copy.entry(at)) && !is_error(*copy.entry(at));
    });
    const auto residuals =
        std::partition(errors, all.end(), [copy](Ref at) noexcept { return !is_residual(*copy.entry(at)); });
    const std::size_t kept_executions = choose(copy, {all.begin(), errors}, top);
    const std::size_t kept_errors = choose(copy, {errors, residuals}, top_errors(top));
    const auto behind_executions = all.begin() + static_cast<std::ptrdiff_t>(kept_executions);
    std::rotate(behind_executions, errors, errors + static_cast<std::ptrdiff_t>(kept_errors));
    const std::span<Ref> kept = all.first(kept_executions + kept_errors);
    const std::span<Ref> rest = all.subspan(kept.size());
    const std::size_t rows = kept.size() + fold(copy, bucket, rest);

    const By by{copy};
    std::sort(kept.begin(), kept.end(), [by](Ref a, Ref b) noexcept { return by.queryid(a, b); });
    bucket.first_entry = bucket.last_entry = bucket.first_residual = 0;
    bucket.entries = static_cast<std::uint32_t>(rows);
    bucket.residuals = static_cast<std::uint32_t>(rows - kept.size());
    for (std::size_t i = rows; i > 0; --i) {
        const Ref at = all[i - 1];
        Entry& entry = *copy.entry(at);
        if (bucket.last_entry == 0) bucket.last_entry = at;
        entry.list_next = bucket.first_entry;
        bucket.first_entry = at;
        entry.hash_next = is_residual(entry) ? bucket.first_residual : 0;
        if (is_residual(entry)) bucket.first_residual = at;
    }
}

}  // namespace pgsm::core
