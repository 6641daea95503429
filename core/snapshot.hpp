// Reading a store: from a private copy, so that nobody waits for a reader and every row comes from one
// moment.
//
// The copy has the layout of the original (all references hold), but only what is in use is copied. It cannot
// be recorded into; fold_rest() may add entries up in it.
#pragma once
#include "core/firewall.hpp"

#include "core/store.hpp"
#include "generated/core/row.hpp"

namespace pgsm::core {

/// Bytes that a private copy needs.
std::uint64_t copy_bytes(Store store) noexcept;

/// Header and bucket ring. `memory` has copy_bytes(), 8-byte aligned; it need not be zeroed. Lock: store
/// lock, shared.
Store copy_frame(Store from, std::span<std::byte> memory) noexcept;

/// One entry with its parts and cells. Lock: store lock, shared; the entry's spinlock if its bucket is
/// running.
void copy_entry(Store from, Store to, const Entry& entry) noexcept;

/// The part of the text arena that was in use when the frame was copied. Lock: store lock, shared.
void copy_texts(Store from, Store to) noexcept;

/// A piece of what copy_texts() copies; `at`, 0 at first, moves behind it. False when that was the last. The
/// texts of an ended bucket stay where they are while the bucket is there. Lock: store lock, shared.
bool copy_text_piece(Store from, Store to, Ref& at) noexcept;

/// Writes into every page that a copy like its frame will use: what the kernel does for a page that is new
/// takes as long as the copying, and nobody shall wait for that under the lock. Lock: none.
void touch_pages(Store copy) noexcept;

/// What a row shows in the place of a text and of names that it has not.
constexpr std::string_view kOtherStatements = "<other statements>";
constexpr std::string_view kOtherUsers = "<other users>";
constexpr std::string_view kOtherDatabases = "<other databases>";

// fold_rest.cpp

/// Adds everything but the `top` executions of most time, and a third as many of the most frequent errors and
/// warnings, to residual entries, in a private copy. Half of either is shared out to the users, so that
/// nobody's heaviest fall behind another's many. `scratch` has room for bucket.entries references. The
/// bucket's list is then: the kept ones by query id, as an index on it likes them, then the residual entries,
/// as many as there are users, databases and kinds, those of a user no more than kMaxResidualsOfUser.
void fold_rest(Store copy, Bucket& bucket, std::uint32_t top, std::span<Ref> scratch) noexcept;
constexpr std::uint32_t top_errors(std::uint32_t top) noexcept { return top / 3 + (top % 3 != 0); }

// snapshot.cpp

/// Adds what takes more room than `budget_bytes` of rows to residual entries, in a private copy, and returns how many
/// entries that were. Room is shared out evenly: each user keeps what is worth most to him, and who needs less than
/// an equal share leaves the rest to the others. Residual entries do not count. `scratch` as in fold_rest(), which
/// may follow.
std::uint32_t fold_beyond(Store copy, Bucket& bucket, std::uint64_t budget_bytes, std::span<Ref> scratch) noexcept;

/// A row. Its texts point into the store. `exported_at_us`: kLive for rows that are not exported.
void fill_row(Store store, const Bucket& bucket, const Entry& entry, std::int64_t exported_at_us,
              Row& row) noexcept;
constexpr std::int64_t kLive = INT64_MAX;  // PostgreSQL's 'infinity'

/// Name of a command type as get_cmd_type() gives it; empty for numbers it does not know.
std::string_view command_name(std::int32_t cmd_type) noexcept;

}  // namespace pgsm::core
