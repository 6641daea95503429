// How much room a bucket's rows may take, and whose give way when they would take more.
#include "core/snapshot.hpp"

#include <algorithm>

namespace pgsm::core {
namespace {

/// A row without its texts, and its entries in the indexes (docs/history.md, "What it costs").
constexpr std::uint64_t kRowBytes = 700;
/// What errors and warnings of a user may take of his share: they are kept by count, executions by time.
constexpr std::uint64_t kErrorShare = 4;

std::uint64_t row_bytes(Store copy, const Entry& entry) noexcept {
    std::uint64_t bytes = kRowBytes;
    for (const Ref text : {entry.text, entry.relations, entry.notes, entry.nest, entry.session})
        bytes += copy.text(text).size();
    return bytes;
}

bool counts_as_error(const Entry& entry) noexcept { return (entry.flags & kError) != 0; }

/// A weight that is no number counts as none: std::sort must not meet what has no order.
double worth(const Entry& entry) noexcept {
    if (counts_as_error(entry)) return static_cast<double>(entry.hot.exec.count);
    return entry.hot.exec.total > 0 ? entry.hot.exec.total : 0;
}

/// By user, errors first, and what is worth most before the rest.
bool comes_before(const Entry& a, const Entry& b) noexcept {
    if (a.userid != b.userid) return a.userid < b.userid;
    if (counts_as_error(a) != counts_as_error(b)) return counts_as_error(a);
    const double left = worth(a), right = worth(b);
    if (left != right) return left > right;
    return a.queryid != b.queryid ? a.queryid < b.queryid : a.identity < b.identity;
}

/// What all rows take when no user may take more than `level`. `entries` are ordered by user.
std::uint64_t bytes_at_level(Store copy, std::span<const Ref> entries, std::uint64_t level) noexcept {
    std::uint64_t all = 0, users = 0;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        const Entry& entry = *copy.entry(entries[i]);
        users += row_bytes(copy, entry);
        const bool last = i + 1 == entries.size() || copy.entry(entries[i + 1])->userid != entry.userid;
        if (!last) continue;
        all += std::min(users, level);
        users = 0;
    }
    return all;
}

/// The greatest share of each user with which all of them keep to the budget: whoever needs less than an
/// equal part leaves the rest of it to the others.
std::uint64_t find_level(Store copy, std::span<const Ref> entries, std::uint64_t budget) noexcept {
    std::uint64_t good = 0, bad = budget + 1;
    while (bad - good > 1) {
        const std::uint64_t level = good + (bad - good) / 2;
        (bytes_at_level(copy, entries, level) <= budget ? good : bad) = level;
    }
    return good;
}

/// Brings the entries that stay to the front, in their order, and returns their number; the others are
/// folded.
std::size_t fold_above(Store copy, Bucket& bucket, std::span<Ref> entries, std::uint64_t level) noexcept {
    std::size_t kept = 0;
    std::uint64_t errors = 0, all = 0;
    std::uint32_t user = 0;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        const Ref at = entries[i];
        Entry& entry = *copy.entry(at);
        if (i == 0 || entry.userid != user) errors = all = 0;
        user = entry.userid;
        const std::uint64_t bytes = row_bytes(copy, entry);
        const bool error = counts_as_error(entry);
        if (all + bytes <= level && (!error || errors + bytes <= level / kErrorShare)) {
            all += bytes;
            if (error) errors += bytes;
            entries[kept++] = at;
        } else {
            static_cast<void>(fold_entry(copy, bucket, entry));
        }
    }
    return kept;
}

}  // namespace

std::uint32_t fold_beyond(Store copy, Bucket& bucket, std::uint64_t budget_bytes,
                          std::span<Ref> scratch) noexcept {
    std::size_t n = 0;
    std::uint64_t bytes = 0;
    for (Ref at = bucket.first_entry; at != 0 && n < scratch.size(); at = copy.entry(at)->list_next) {
        if ((copy.entry(at)->flags & kResidual) != 0) continue;
        scratch[n++] = at;
        bytes += row_bytes(copy, *copy.entry(at));
    }
    if (bytes <= budget_bytes) return 0;
    const std::span<Ref> entries = scratch.first(n);
    std::sort(entries.begin(), entries.end(),
              [copy](Ref a, Ref b) noexcept { return comes_before(*copy.entry(a), *copy.entry(b)); });
    const std::size_t kept = fold_above(copy, bucket, entries, find_level(copy, entries, budget_bytes));

    // The list anew: what is kept, then the residual entries.
    Ref* link = &bucket.first_entry;
    bucket.entries = 0;
    bucket.last_entry = 0;
    const auto append = [&](Ref at) noexcept {
        *link = at;
        link = &copy.entry(at)->list_next;
        bucket.last_entry = at;
        ++bucket.entries;
    };
    for (const Ref at : entries.first(kept)) append(at);
    for (Ref at = bucket.first_residual; at != 0; at = copy.entry(at)->hash_next) append(at);
    *link = 0;
    return static_cast<std::uint32_t>(n - kept);
}

}  // namespace pgsm::core
