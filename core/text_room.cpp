// Room for texts when the arena is full. Entries of the running bucket lose theirs first: those of users
// whose texts take more than a fair share of what the bucket's texts take, and of these the lightest. For a
// user below his share room is always made at the cost of those above; for one above it, only at the cost of
// what weighs less than his statement. So neither many texts nor long ones of one user keep those of others
// out, and a heavy statement comes by its text sooner or later: whoever lost one, or found no room, asks
// again when he weighs more.
//
// Texts of ended buckets stay: an export or a reader may be copying them. An error or warning counts like a
// millisecond here. One look at the entries frees a sixteenth of the arena, or says what need not be asked
// again (TextRation); it looks at so many entries at most, whatever there is.
#include "core/store.hpp"

#include <algorithm>
#include <bit>

namespace pgsm::core {
namespace {

constexpr std::uint32_t kMostLooked = 16 * 1024;
constexpr std::uint32_t kAtOnce = 16;  ///< part of the arena that is freed
constexpr std::uint32_t kDroppedBits = 20;
constexpr std::uint32_t kRanks = 1u << (31 - kDroppedBits);

std::uint32_t slot_of(std::uint32_t userid) noexcept {
    static_assert(TextRation::kUserSlots == 1u << 10);
    return userid * 0x9e3779b1u >> 22;
}
bool is_over(const TextRation& ration, std::uint32_t userid) noexcept {
    const std::uint32_t slot = slot_of(userid);
    return (ration.over[slot / 64] >> slot % 64 & 1) != 0;
}

/// A number that orders like the weight.
std::uint32_t rank(double weight) noexcept {
    const auto w = static_cast<float>(weight);
    return w > 0 ? std::bit_cast<std::uint32_t>(w) : 0;
}

/// What an entry can give up. Of a nest only the texts: its ids tell rows apart.
std::array<Ref, 4> takeable(Store store, const Entry& entry) noexcept {
    const Ref nest = store.text(entry.nest).size() > kBareNest ? entry.nest : 0;
    return {nest, entry.text, is_error(entry) ? 0 : entry.relations, entry.notes};
}

std::uint32_t bytes_of(Store store, const Entry& entry) noexcept {
    std::uint32_t bytes = 0;
    for (const Ref text : takeable(store, entry))
        if (text != 0) bytes += text_bytes(store.base, text) / text_references(store.base, text);
    return bytes;
}

/// Who has to make room for whom.
struct Request {
    const Entry& entry;
    double weight;
    std::uint64_t bytes;
    bool by_weight;  ///< its user has his share already
};

bool is_below(const TextRation& ration, const Request& request, const Entry& entry) noexcept {
    return is_over(ration, entry.userid) &&
           (!request.by_weight || rank(weight(entry)) < rank(request.weight));
}

template <typename Use>
void each_entry(Store store, const Entry& but, Use use) noexcept {
    std::uint32_t left = kMostLooked;
    for (Ref at = store.running().first_entry; at != 0 && left != 0; at = store.entry(at)->list_next, --left)
        if (!is_residual(*store.entry(at)) && at != store.ref_of(but)) use(*store.entry(at));
}

/// Notes which users take more than their share.
void find_over(Store store, TextRation& ration, const Entry& but) noexcept {
    std::uint64_t taken[TextRation::kUserSlots] = {};
    std::uint64_t all = 0;
    each_entry(store, but, [&](const Entry& entry) noexcept {
        const std::uint32_t bytes = bytes_of(store, entry);
        taken[slot_of(entry.userid)] += bytes;
        all += bytes;
    });
    const auto users = static_cast<std::uint64_t>(std::count_if(
        std::begin(taken), std::end(taken), [](std::uint64_t bytes) noexcept { return bytes != 0; }));
    std::fill(std::begin(ration.over), std::end(ration.over), 0);
    for (std::uint32_t slot = 0; slot < TextRation::kUserSlots; ++slot)
        if (taken[slot] != 0 && taken[slot] >= all / users)
            ration.over[slot / 64] |= std::uint64_t{1} << slot % 64;
}

/// Which entries lose their texts: all of lower rank, and those of the rank up to a place in the list.
struct Victims {
    std::uint32_t rank;
    Ref last;
    std::uint64_t bytes;  ///< of all that might
};

Victims find_victims(Store store, const Request& request, std::uint64_t wanted) noexcept {
    const TextRation& ration = store.header().ration;
    std::uint64_t bytes[kRanks] = {};
    Victims victims{};
    each_entry(store, request.entry, [&](const Entry& entry) noexcept {
        if (!is_below(ration, request, entry)) return;
        const std::uint32_t have = bytes_of(store, entry);
        bytes[rank(weight(entry)) >> kDroppedBits] += have;
        victims.bytes += have;
    });
    std::uint64_t left = std::min(wanted, victims.bytes);
    while (left > bytes[victims.rank]) left -= bytes[victims.rank++];
    each_entry(store, request.entry, [&](const Entry& entry) noexcept {
        if (left == 0 || rank(weight(entry)) >> kDroppedBits != victims.rank ||
            !is_below(ration, request, entry))
            return;
        victims.last = store.ref_of(entry);
        left -= std::min<std::uint64_t>(left, bytes_of(store, entry));
    });
    return victims;
}

template <typename Use>
void each_victim(Store store, const Request& request, const Victims& victims, Use use) noexcept {
    bool passed = victims.last == 0;
    each_entry(store, request.entry, [&](Entry& entry) noexcept {
        const std::uint32_t of = rank(weight(entry)) >> kDroppedBits;
        const bool goes = of < victims.rank || (of == victims.rank && !passed);
        if (store.ref_of(entry) == victims.last) passed = true;
        if (goes && is_below(store.header().ration, request, entry)) use(entry);
    });
}

void note_missing(Store store, Entry& entry) noexcept {
    if ((entry.flags & kTextMissing) == 0) ++store.header().usage.texts_missing;
    entry.flags |= kTextMissing;
}

/// Takes the texts that only victims refer to.
void take_texts(Store store, Entry& victim) noexcept {
    TextArena& texts = store.header().texts;
    note_change(store.header().changes, store.ref_of(victim), victim.bucket_seq);
    const auto take = [&](Ref& text) noexcept {
        if (!text_was_lent(store.base, text)) return false;
        text_release(store.base, texts, text);
        text = 0;
        note_missing(store, victim);
        return true;
    };
    static_cast<void>(take(victim.text));
    static_cast<void>(take(victim.notes));
    if (!is_error(victim)) static_cast<void>(take(victim.relations));
    char bare[kBareNest];
    const std::string_view ids = bare_nest(store.text(victim.nest), bare);
    if (takeable(store, victim)[0] != 0 && take(victim.nest))
        victim.nest = text_intern(store.base, texts, ids, TextUse::session_name);
}

/// Frees a sixteenth of the arena if that many bytes can be taken, at least what is asked for. False when
/// nothing was freed.
bool make_room(Store store, const Entry& entry, double weight, std::uint64_t bytes) noexcept {
    Header& header = store.header();
    TextRation& ration = header.ration;
    const std::uint32_t seq = store.running().seq;
    if (ration.bucket_seq != seq) ration = {seq, 0, {}};
    if (is_over(ration, entry.userid) && weight <= static_cast<double>(ration.floor)) return false;
    find_over(store, ration, entry);
    const Request request{entry, weight, bytes, is_over(ration, entry.userid)};
    const std::uint64_t wanted = std::max(bytes, heap_total_bytes(header.texts.heap) / kAtOnce);
    const Victims victims = find_victims(store, request, wanted);
    float floor = 0;
    if (victims.bytes >= bytes) {
        each_victim(store, request, victims, [&](const Entry& victim) noexcept {
            for (const Ref text : takeable(store, victim)) text_lend(store.base, text);
        });
        each_victim(store, request, victims, [&](const Entry& victim) noexcept {
            for (const Ref text : takeable(store, victim)) text_take_back(store.base, text);
            floor = std::max(floor, static_cast<float>(core::weight(victim)));
        });
        const auto take = [&](Entry& victim) noexcept { take_texts(store, victim); };
        each_victim(store, request, victims, take);
    }
    // Who asks next must weigh more by a half where there was not enough: so this is not asked often.
    if (victims.bytes < wanted) floor = std::max(floor, static_cast<float>(weight * 1.5));
    // Where nobody has anything to give, only weight counts for the others, too.
    if (victims.bytes < bytes && !request.by_weight)
        std::fill(std::begin(ration.over), std::end(ration.over), ~std::uint64_t{0});
    ration.floor = std::max(ration.floor, floor);
    return victims.bytes >= bytes;
}

/// For a larger one room is not made.
bool is_reasonable(Store store, std::string_view text) noexcept {
    return text_cost(text.size()) <= heap_total_bytes(store.header().texts.heap) / 4;
}

/// 0 when there is no room, or no text.
Ref intern(Store store, std::string_view text, const Entry& entry, double weight) noexcept {
    if (text.empty()) return 0;
    TextArena& texts = store.header().texts;
    Ref ref = text_intern(store.base, texts, text, TextUse::ordinary);
    // Released buckets may still hold texts: taking some of their entries apart makes room.
    while (ref == 0 && reclaim(store, 64) != 0) ref = text_intern(store.base, texts, text, TextUse::ordinary);
    // What is free may lie in pieces.
    const std::uint64_t cost = text_cost(text.size());
    for (int rounds = 0; ref == 0 && is_reasonable(store, text) && rounds < 4; ++rounds) {
        const std::uint64_t free_bytes = heap_total_bytes(texts.heap) - heap_used_bytes(texts.heap);
        const std::uint64_t needed = cost + texts.reserve_bytes;
        if (!make_room(store, entry, weight, needed > free_bytes ? needed - free_bytes : cost)) break;
        ref = text_intern(store.base, texts, text, TextUse::ordinary);
    }
    return ref;
}

}  // namespace

void give_texts(Store store, Entry& entry, const Description& from, double added) noexcept {
    Header& header = store.header();
    const double weighs = weight(entry) + added;
    bool missing = false;
    bool hopeless = false;  // too large for a room of its own: counted, and not asked for again
    const auto give = [&](Ref& text, std::string_view value) noexcept {
        if (text == 0) text = intern(store, value, entry, weighs);
        if (text != 0 || value.empty()) return;
        if (is_reasonable(store, value))
            missing = true;
        else
            hopeless = true;
    };
    if (entry.session == 0) {
        entry.session = text_intern(store.base, header.texts, from.session, TextUse::session_name);
        missing |= entry.session == 0 && !from.session.empty();
    }
    give(entry.text, from.query);
    give(entry.notes, from.notes);
    if (!is_error(entry)) give(entry.relations, from.relations);
    if (from.nest.size() > kBareNest && store.text(entry.nest).size() <= kBareNest) {
        char bare[kBareNest];
        Ref nest = 0;
        give(nest, from.nest);
        if (nest == 0)
            nest = text_intern(store.base, header.texts, bare_nest(from.nest, bare), TextUse::session_name);
        if (entry.nest != 0) note_change(header.changes, store.ref_of(entry), entry.bucket_seq);
        text_release(store.base, header.texts, entry.nest);
        entry.nest = nest;
    } else {
        give(entry.nest, from.nest);
    }
    if (missing)
        note_missing(store, entry);
    else
        entry.flags &= static_cast<std::uint8_t>(~kTextMissing);
    header.usage.texts_missing += hopeless && !missing;
}

bool find_texts_due(Store store, const Entry& entry) noexcept {
    const Header& header = store.header();
    const TextRation& ration = header.ration;
    if (ration.bucket_seq != entry.bucket_seq || !is_over(ration, entry.userid)) return true;
    if (weight(entry) > static_cast<double>(ration.floor)) return true;
    const std::uint64_t total = heap_total_bytes(header.texts.heap);
    return total - heap_used_bytes(header.texts.heap) > total / 8;
}

}  // namespace pgsm::core
