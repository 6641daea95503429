#pragma once
#include "core/firewall.hpp"

#include "core/client_address.hpp"
#include "core/heap.hpp"
#include "core/histogram.hpp"
#include "core/pod.hpp"
#include "generated/core/counters.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace pgsm::core {

enum EntryFlag : std::uint8_t {
    kTopLevel = 1,
    kError = 2,           ///< the row of an error or a warning, not of executions
    kResidual = 4,        ///< what was folded: of its owner's user and database, without a query
    kNormalizedText = 8,  ///< the text has its constants replaced
    kNoQueryId = 16,      ///< pgsm_query_id is NULL
    kHasParent = 32,
    kHasPlan = 64,
    kTextMissing = 128,   ///< one of its texts could not be made or found no room: counted
};

/// Who a statement is counted for, beside its bucket. 2.3's key (compat-2.3.md 4.2) with one addition: error
/// rows are kept apart from executions, since both carry the statement's own query id.
struct Identity {
    std::uint32_t userid;
    std::uint32_t dbid;
    std::uint64_t session_hash;  ///< of application name and client address
    std::int64_t parent_queryid;
    std::int64_t planid;
    std::uint8_t flags;  ///< of EntryFlag: kTopLevel, kError, kHasParent, kHasPlan
    std::uint8_t unused[7];
};
static_assert(ShmemPod<Identity> && sizeof(Identity) == 40);

/// Each statement comes by here, so the words go through the finaliser of SplitMix64 (Steele, Lea, Flood
/// 2014) in place; session_hash has the variable part in it and is XXH3. Most statements have neither a
/// parent nor a plan.
inline std::uint64_t identity_hash(const Identity& identity) noexcept {
    std::uint64_t h = 0;
    const auto mix = [&h](std::uint64_t word) noexcept {
        h = (h ^ word) + 0x9e3779b97f4a7c15;
        h = (h ^ h >> 30) * 0xbf58476d1ce4e5b9;
        h = (h ^ h >> 27) * 0x94d049bb133111eb;
        h ^= h >> 31;
    };
    mix(std::uint64_t{identity.userid} << 32 | identity.dbid);
    mix(identity.session_hash ^ identity.flags);
    if ((identity.parent_queryid | identity.planid) != 0) {
        mix(static_cast<std::uint64_t>(identity.parent_queryid));
        mix(static_cast<std::uint64_t>(identity.planid));
    }
    return h;
}

struct Key {
    std::int64_t queryid;
    std::uint64_t identity;  ///< identity_hash(); 64 bits stand for the whole identity
};

/// A count of the histogram inside an entry: the cell's index in the low bits, how often above them. 0:
/// unused.
constexpr std::uint32_t kCellIndexBits = 6;
constexpr std::uint32_t kMostInlineCount = UINT32_MAX >> kCellIndexBits;
static_assert(kMaxHistogramCells <= 1u << kCellIndexBits);
constexpr std::uint32_t inline_index(std::uint32_t cell) noexcept {
    return cell & ((1u << kCellIndexBits) - 1);
}
constexpr std::uint32_t inline_count(std::uint32_t cell) noexcept { return cell >> kCellIndexBits; }

/// One row of the running or of an ended bucket. The counters that every statement needs are in it, the
/// others in parts that are allocated when one of their counters first becomes non-zero. Locks: `lock` (a
/// spinlock of the glue's) for the counters and cell counts; everything else is changed only under the
/// exclusive store lock.
struct Entry {
    static constexpr std::uint32_t kInlineCells = 3;

    std::int64_t queryid;
    std::uint64_t identity;
    std::int64_t pgsm_query_id;
    std::uint32_t bucket_seq;
    Ref hash_next;       ///< in its chain; of residual entries: next residual of the bucket
    Ref list_next;       ///< next entry of the bucket
    std::uint32_t lock;  ///< the glue's spinlock; the core only keeps its place
    std::uint32_t userid;
    std::uint32_t dbid;
    Ref session;                ///< text: SessionNames
    Ref nest;                   ///< text: NestTexts; 0 without parent and plan
    Ref text;                   ///< text: the query
    Ref relations;              ///< text: names, one a line
    Ref notes;                  ///< text: Notes; 0 without comments and error
    float floor;                ///< weight inherited when it was made (Space-Saving), milliseconds
    Ref parts[kColdPartCount];  ///< by Part; 0 while all its counters are zero
    Ref cells;                  ///< all cells as int64; 0 while the inline ones do
    std::uint32_t cell[kInlineCells];
    std::uint32_t since_low;  ///< since_us()
    std::uint16_t since_high;
    std::uint8_t flags;         ///< EntryFlag
    std::uint8_t cmd_type : 3;  ///< PostgreSQL has eight
    std::uint8_t elevel : 5;    ///< PostgreSQL's end at 23
    HotPart hot;
};
// With the heap's 4 bytes 192 of them, 248 with the part that nearly every statement needs: this number is
// what the store's capacity hangs on (tests/unit/test_store.cpp).
static_assert(ShmemPod<Entry> && alignof(Entry) == kUnitBytes && sizeof(Entry) == 184);

/// When the entry was made, in microseconds since its bucket's start: 48 bits are 8.9 years.
constexpr std::int64_t kMostSince = (std::int64_t{1} << 48) - 1;
inline std::int64_t since_us(const Entry& entry) noexcept {
    return static_cast<std::int64_t>(std::uint64_t{entry.since_high} << 32 | entry.since_low);
}
inline void set_since(Entry& entry, std::int64_t us) noexcept {
    const std::int64_t kept = us < 0 ? 0 : us > kMostSince ? kMostSince : us;
    entry.since_low = static_cast<std::uint32_t>(kept);
    entry.since_high = static_cast<std::uint16_t>(kept >> 32);
}
inline void set_command(Entry& entry, std::uint8_t cmd_type) noexcept {
    entry.cmd_type = static_cast<std::uint8_t>(cmd_type < 8 ? cmd_type : 0) & 7;
}
inline void set_elevel(Entry& entry, std::uint8_t elevel) noexcept {
    entry.elevel = static_cast<std::uint8_t>(elevel < 32 ? elevel : 31) & 31;
}

/// Adds to an inline count; false, and nothing changed, when there is no place for the cell or the count.
inline bool add_inline(std::uint32_t (&cells)[Entry::kInlineCells], std::uint32_t index,
                       std::uint32_t count) noexcept {
    std::uint32_t* place = nullptr;
    for (std::uint32_t& cell : cells) {
        if (inline_count(cell) != 0 && inline_index(cell) == index) {
            place = &cell;
            break;
        }
        if (inline_count(cell) == 0 && place == nullptr) place = &cell;
    }
    if (place == nullptr || kMostInlineCount - inline_count(*place) < count) return false;
    *place = (inline_count(*place) + count) << kCellIndexBits | index;
    return true;
}

/// Space-Saving's rule (Metwally, Agrawal, El Abbadi 2005): an entry that comes into a full table starts with
/// the weight of what went out, so that no statement with a large share of the bucket's time can stay away.
inline double weight(const Entry& entry) noexcept {
    return static_cast<double>(entry.floor) + entry.hot.exec.total;
}

/// The texts of a new entry. Views into the caller's memory; the store copies what it keeps.
struct Description {
    Identity identity;
    std::int64_t queryid;
    std::int64_t pgsm_query_id;
    std::string_view query;
    std::string_view session;    ///< made by pack_session()
    std::string_view nest;       ///< made by pack_nest(), or empty
    std::string_view relations;  ///< separated by line feeds
    std::string_view notes;      ///< made by pack_notes(), or empty
    std::uint8_t flags;          ///< those of the identity, kNormalizedText, kNoQueryId, kTextMissing
    std::uint8_t cmd_type;
    std::uint8_t elevel;
};

/// Packed texts: a small head, then the strings behind one another. Bytes, so they are interned like any
/// text.
struct SessionNames {
    ClientAddress address;
    std::int32_t encoding;  ///< PostgreSQL's number of the database's encoding
    std::string_view user, database, application;
};
struct NestTexts {
    std::int64_t parent_queryid, planid;
    std::string_view parent, plan;
};
struct Notes {
    std::string_view sqlcode, message, comments;
};

/// Each writes into `out` (kept within `cap` bytes by cutting the strings) and returns the used length.
std::size_t pack_session(const SessionNames& names, char* out, std::size_t cap) noexcept;
std::size_t pack_nest(const NestTexts& nest, char* out, std::size_t cap) noexcept;
std::size_t pack_notes(const Notes& notes, char* out, std::size_t cap) noexcept;
SessionNames unpack_session(std::string_view packed) noexcept;
NestTexts unpack_nest(std::string_view packed) noexcept;
Notes unpack_notes(std::string_view packed) noexcept;

}  // namespace pgsm::core
