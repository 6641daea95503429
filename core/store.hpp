// The statistics of a server in one region of memory: buckets, entries, texts.
//
// Memory, in this order: Header · bucket ring · hash chains of the entries · heap of the entries and their
// parts · text arena. All references are distances from the region's start, so a copy of the region works
// anywhere: readers work on private copies, the image file is one.
//
// Locks, all taken by the caller (the core has none):
//   store lock, shared      find(), try_apply() under the entry's spinlock as well, copying
//   store lock, exclusive   everything that creates, moves or removes something
// A bucket that has ended is immutable until it is released.
#pragma once
#include "core/firewall.hpp"

#include "core/entry.hpp"
#include "core/heap.hpp"
#include "core/sample.hpp"
#include "core/status.hpp"
#include "core/text_arena.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace pgsm::core {

struct StoreConfig {
    std::uint64_t store_bytes;      ///< for header, ring, chains and entries
    std::uint64_t text_bytes;       ///< for texts
    std::uint32_t max_buckets;      ///< pgsm_max_buckets
    std::uint32_t histogram_cells;  ///< length of resp_calls
    std::int64_t bucket_us;         ///< pgsm_bucket_time
    std::uint64_t
        bounds_hash;  ///< of the histogram's settings: cells of another histogram mean something else
};

enum class BucketState : std::uint32_t { free, running, ended };

struct Bucket {
    std::int64_t number;             ///< grows, never used twice
    std::int64_t start_us;           ///< microseconds since 2000-01-01; of every row
    std::int64_t end_us;             ///< planned while it runs, real when it has ended
    std::uint64_t stamp;             ///< the glue's: transaction that exports it; 0: nobody
    std::int64_t absorbed_start_us;  ///< while `settled` is not 0: start of the bucket that came behind it
    BucketState state;
    std::uint32_t seq;  ///< never used twice; entries carry it
    Ref first_entry;
    Ref last_entry;
    Ref first_residual;  ///< residual entries are linked by hash_next and are entries of the bucket, too
    std::uint32_t entries;
    std::uint32_t residuals;
    Ref settled;  ///< last of its own entries while those behind it come from another one (merge.cpp); 0:
                  ///< none do
    std::uint32_t unused;
    bool exported;             ///< the glue's: its export has committed, only older snapshots still need it
    float floor;               ///< greatest weight that was evicted: what a new entry starts with
    float error_floor;         ///< the same of errors and warnings
    std::uint64_t used_bytes;  ///< of the entry heap
};
static_assert(ShmemPod<Bucket>);

/// Where samples and memory went; all since the store was made or reset, exclusive store lock.
struct Usage {
    std::uint64_t entries_evicted;  ///< moved into a residual entry
    std::uint64_t samples_folded;   ///< executions that went straight into a residual entry
    std::uint64_t calls_lost;       ///< executions given up with their bucket
    std::uint64_t statements_lost;  ///< entries given up with their bucket
    std::uint64_t buckets_lost;     ///< buckets given up before they were exported
    std::uint64_t calls_without_room;    ///< neither kept nor folded: no residual entry could take them
    std::uint64_t calls_without_memory;  ///< the glue's: the backend had no memory to measure them
    std::uint64_t buckets_dropped;  ///< given up where nothing is stored (Header::stores_nothing): no loss
    std::uint64_t calls_dropped;    ///< executions in those
    std::uint64_t texts_missing;    ///< entries one of whose texts could not be made, found no room, or lost it
    std::uint64_t cells_lost;       ///< histogram counts for which there was no room
    std::uint64_t evictions;        ///< times that room was made
    std::uint64_t buckets_merged;   ///< buckets that became part of the one before, for want of a slot
};

/// What the last look for room in the full text arena found out (text_room.cpp). Exclusive store lock; a
/// reader that meets half of it only asks once too often or too seldom.
struct TextRation {
    static constexpr std::uint32_t kUserSlots = 1024;

    std::uint32_t bucket_seq;             ///< it is about this bucket; of another it says nothing
    float floor;                          ///< of the users below a text of no greater weight finds no room
    std::uint64_t over[kUserSlots / 64];  ///< users, by hash, whose texts take more than their share
};
static_assert(ShmemPod<TextRation>);

/// Changes to entries of the running bucket that whoever copies it in pieces has to know of: which entries have
/// left it, and which got other notes. Store lock, exclusive to write.
struct Changes {
    static constexpr std::uint32_t kKept = 512;  ///< as many as eight times evict() makes
    static constexpr Ref kGone = Ref{1} << 31;    ///< entries lie below 16 GB
    struct Change {
        Ref entry;          ///< with kGone: it has left, and its block may be anything
        std::uint32_t seq;  ///< of its bucket
    };
    std::uint64_t count;  ///< since the store was made; the last kKept are there
    Change last[kKept];
};

inline void note_change(Changes& changes, Ref entry, std::uint32_t seq) noexcept {
    changes.last[changes.count++ % Changes::kKept] = {entry, seq};
}

struct Header {
    std::uint64_t magic;
    std::uint64_t layout;        ///< hash of all sizes and of the configuration; set once
    StoreConfig config;          ///< set once
    std::uint64_t ring_offset;   ///< set once
    std::uint64_t heads_offset;  ///< set once
    std::uint32_t ring_slots;    ///< set once
    std::uint32_t heads_mask;    ///< set once
    std::uint32_t oldest;        ///< slot of the oldest bucket
    std::uint32_t buckets;       ///< in use, the running one included; it is the newest
    std::int64_t next_number;
    std::int64_t last_start_us;  ///< greatest start that was ever given out, also before the clock went back
    Ref garbage;  ///< entries of released buckets, linked by list_next, waiting to be taken apart
    Ref garbage_tail;
    Ref lost;  ///< the same of buckets that were given up: their calls are counted when they are taken apart
    Ref lost_tail;
    std::uint32_t next_seq;
    std::uint32_t unsettled;      ///< buckets whose merge is not finished
    std::uint64_t early_stamp;    ///< of the last exported bucket that a snapshot may have needed; 0: none
    std::uint64_t leaving_stamp;  ///< of an export under way whose bucket had to be given up; 0: none
    bool stores_nothing;  ///< the glue's: a standby, which exports nothing; what leaves it is no loss
    std::uint64_t spare_next;     ///< private copies only: next free byte behind the copied region
    std::uint64_t spare_end;
    Usage usage;
    TextRation ration;
    Changes changes;
    Heap heap;
    TextArena texts;
};
static_assert(ShmemPod<Header>);

/// A view of a store. Copy it freely.
struct Store {
    std::byte* base;
    Header& header() const noexcept { return *reinterpret_cast<Header*>(base); }
    Bucket* ring() const noexcept { return reinterpret_cast<Bucket*>(base + header().ring_offset); }
    /// The bucket at `position`, 0 the oldest, buckets - 1 the running one.
    Bucket& bucket(std::uint32_t position) const noexcept {
        const std::uint32_t slot = header().oldest + position;  // a division would take longer than the rest
        return ring()[slot < header().ring_slots ? slot : slot - header().ring_slots];
    }
    Bucket& running() const noexcept { return bucket(header().buckets - 1); }
    Entry* entry(Ref ref) const noexcept {
        return reinterpret_cast<Entry*>(base + std::uint64_t{ref} * kUnitBytes);
    }
    Ref ref_of(const Entry& entry) const noexcept {
        return static_cast<Ref>((reinterpret_cast<const std::byte*>(&entry) - base) / kUnitBytes);
    }
    std::int64_t* cells(Ref ref) const noexcept {
        return reinterpret_cast<std::int64_t*>(base + std::uint64_t{ref} * kUnitBytes);
    }
    void* part(Ref ref) const noexcept { return base + std::uint64_t{ref} * kUnitBytes; }
    std::string_view text(Ref ref) const noexcept { return text_view(base, ref); }
};

// layout.cpp

/// Least store_bytes and text_bytes that make sense; below, store_create() says kTooSmall.
constexpr std::uint64_t kMinStoreBytes = 64 * 1024;
constexpr std::uint64_t kMinTextBytes = 16 * 1024;

std::uint64_t region_bytes(const StoreConfig& config) noexcept;

/// Makes an empty store with a running bucket. `memory` must be 8-byte aligned and as long as region_bytes().
/// The first bucket starts at `now_us`, not at an aligned time: what ran before in that time is not known.
Status store_create(std::span<std::byte> memory, const StoreConfig& config, std::int64_t now_us,
                    Store& out) noexcept;

/// What identifies the meaning of the bytes of a store with this configuration.
std::uint64_t layout_hash(const StoreConfig& config) noexcept;

/// Whether the header says what store_create() would say for its configuration about where everything lies.
bool layout_holds(Store store) noexcept;

// entry_table.cpp

/// The entry of `key` in the bucket `seq`, or nullptr.
[[gnu::hot]] Entry* find(Store store, std::uint32_t seq, const Key& key) noexcept;
void chain_entry(Store store, Entry& entry) noexcept;
void link_entry(Store store, Bucket& bucket, Entry& entry) noexcept;
void unlink_from_chain(Store store, Entry& entry) noexcept;

// record.cpp

/// Adds an execution if the entry has all the parts that it needs; false, and nothing changed, if it has not.
/// Lock: the entry's, and the store lock at least shared.
[[gnu::hot]] bool try_apply(Store store, Entry& entry, const Sample& sample, std::uint32_t cell) noexcept;

/// Adds an execution to the running bucket, making the entry, its parts and room for them when they are
/// missing. `description` may be null: kNeedsDescription then tells that a new entry has to be made. `cell`
/// is the histogram cell of the execution time, or kNoCell. Lock: exclusive. Without it the texts of the same
/// statement in the bucket before serve, if they are of the wanted kind
/// (`normalized`).
Status record(Store store, const Key& key, const Description* description, bool normalized,
              const Sample& sample, std::uint32_t cell, std::int64_t now_us) noexcept;
constexpr std::uint32_t kNoCell = UINT32_MAX;

/// Replaces the notes of an entry (an error row shows its latest message); those for which there is no room
/// leave the ones before. Lock: exclusive.
void set_notes(Store store, Entry& entry, std::string_view notes) noexcept;

// text_room.cpp

/// Gives an entry the texts of its description that it lacks, and takes room for them from entries of the
/// running bucket that have less claim to it. `added`: what the entry is about to weigh more. Lock:
/// exclusive.
void give_texts(Store store, Entry& entry, const Description& from, double added) noexcept;

/// Whether an entry of the running bucket with kTextMissing may hope for its texts now. Lock: shared.
bool find_texts_due(Store store, const Entry& entry) noexcept;
inline bool texts_due(Store store, const Entry& entry) noexcept {
    return (entry.flags & kTextMissing) != 0 && find_texts_due(store, entry);
}

// evict.cpp

/// Moves entries of least weight of the running bucket into residual entries: about one in 64 of the
/// executions, or of the errors and warnings where those are more than an eighth of all. So neither takes the
/// other's room. False when nothing could be moved. `keep` stays. Lock: exclusive.
bool evict(Store store, Bucket& bucket, const Entry* keep) noexcept;

// residual.cpp

/// What the entries have in common that one residual entry stands for. What is nobody's has userid 0, and
/// dbid 0 where it is of several databases; sqlstate 0 of errors: of several classes.
struct ResidualKey {
    std::uint32_t userid;
    std::uint32_t dbid;
    std::uint32_t sqlstate;  ///< class
    std::uint8_t elevel;
    std::uint8_t flags;  ///< kTopLevel, kError
    friend bool operator==(const ResidualKey&, const ResidualKey&) = default;
};
ResidualKey residual_key(const Entry& entry) noexcept;
ResidualKey residual_key(const Identity& identity) noexcept;

/// Most residual entries of a bucket; small stores have fewer. Whoever comes when there are too many, or has
/// too many of his own, is added to those that are nobody's.
constexpr std::uint32_t kMaxResiduals = 256;
constexpr std::uint32_t kMaxResidualsOfUser = 64;

Entry* find_residual(Store store, const Bucket& bucket, const ResidualKey& key) noexcept;

/// A residual entry that is there and can take what belongs to `key`. Where it must, it widens what an entry
/// stands for, up to all of a level inside or outside of other statements. Null when there is none of these.
Entry* shared_residual(Store store, Bucket& bucket, const ResidualKey& key) noexcept;

/// Adds `from` to the residual entry of its key, or turns it into that entry when there is none. `bucket` may
/// be one that has ended, as long as `from` is accounted to it (used_bytes). `from` is out of its hash chain
/// (in a private copy there are none) and must leave the bucket's list afterwards, unless it became the
/// residual (returns true then). Its memory is gone or belongs to the residual.
bool fold_entry(Store store, Bucket& bucket, Entry& from) noexcept;

/// Turns an entry that is out of its hash chain into the residual one of `key`, in no list of such yet.
void make_residual(Store store, Entry& entry, const ResidualKey& key) noexcept;

/// Adds all that `from` has counted to `into`, another entry of the same bucket, and frees it. Names of its
/// session are left to `into` where it has none and they fit; other texts are let go. Lock: exclusive.
void merge_entry(Store store, Bucket& bucket, Entry& into, Entry& from) noexcept;

/// Gives an entry the parts and cells that `sample` needs, evicting others for them. False when there is no
/// room: no count has changed then, though some parts may be there already. Lock: exclusive.
bool ensure_parts(Store store, Bucket& bucket, Entry& entry, const Sample& sample,
                  std::uint32_t cell) noexcept;

/// A block of the entry heap for `bucket`, or 0.
Ref take_block(Store store, Bucket& bucket, std::uint32_t bytes) noexcept;
void give_block(Store store, Bucket* bucket, Ref block) noexcept;
void free_entry(Store store, Bucket* bucket, Entry& entry) noexcept;
/// Lets go of all texts of an entry but the names of its session.
void drop_texts(Store store, Entry& entry) noexcept;
inline bool is_private_copy(Store store) noexcept { return store.header().spare_end != 0; }
/// A bucket may fill half of the store, so that the bucket before can wait for its export with as much.
inline std::uint64_t bucket_limit(Store store) noexcept { return heap_total_bytes(store.header().heap) / 2; }
std::uint32_t cells_bytes(Store store) noexcept;

/// Makes `block` the cells of an entry, with the inline counts in it. `block` may be the memory of another
/// entry.
void spread_cells(Store store, Entry& entry, Ref block) noexcept;

// bucket_ring.cpp

/// True when the running bucket's time is over (or the clock went back by more than a bucket).
inline bool rotation_due(Store store, std::int64_t now_us) noexcept {
    const Bucket& running = store.running();
    return now_us >= running.end_us || now_us < running.start_us - store.header().config.bucket_us;
}

/// Ends the running bucket, whether its time is over or not, and opens the next one. An empty one is not
/// ended: it goes on while its time does, then it starts anew under the same number. In a full ring the two
/// oldest buckets that wait become one. Lock: exclusive.
void rotate(Store store, std::int64_t now_us) noexcept;

/// Hands the memory of an ended bucket back; what it held is gone. Lock: exclusive.
void release(Store store, Bucket& bucket) noexcept;

/// Gives up the oldest ended bucket and counts the loss; one that is exported goes first and is no loss, one
/// that is stamped goes last. False when there is none. Lock: exclusive.
bool give_up_oldest(Store store) noexcept;

/// A bucket that was given up and counted as lost while an export was writing its rows has been stored after
/// all: `statements` entries with `calls` executions. Lock: exclusive.
void take_back_loss(Store store, std::uint64_t statements, std::uint64_t calls) noexcept;

/// `used` is the greatest number that rows elsewhere have: buckets that nobody has exported or stamped and
/// that have it or a smaller one get new numbers behind it. False, and nothing changed, when a stamped bucket
/// stands between them. Lock: exclusive.
[[nodiscard]] bool continue_numbers(Store store, std::int64_t used) noexcept;

/// Takes apart up to `most` entries of released buckets, those of buckets that were given up first; returns
/// how many. Until `Header::lost` is 0, Usage lacks the calls of what was given up. Lock: exclusive.
std::uint32_t reclaim(Store store, std::uint32_t most) noexcept;

/// The bucket time of the settings, which may be another than that of the image that the store came from. It
/// holds from the next bucket on. Lock: exclusive.
void set_bucket_time(Store store, std::int64_t bucket_us) noexcept;

/// Forgets everything; bucket numbers go on. reclaim() takes the entries apart. Lock: exclusive.
void reset(Store store, std::int64_t now_us) noexcept;

// merge.cpp

/// Makes the two oldest ended buckets that nobody exports one, and the slot of the newer one free. It has
/// number and start of the older one. What both have is added up by continue_merge(). False when there are no
/// two. Lock: exclusive.
bool merge_oldest(Store store) noexcept;

/// Goes on adding up, about `most` entries; false when there is nothing to add up. Before that is finished a
/// bucket must neither be stamped nor read: `Header::unsettled` tells. Lock: exclusive.
bool continue_merge(Store store, std::uint32_t most) noexcept;

}  // namespace pgsm::core
