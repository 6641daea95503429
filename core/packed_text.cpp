// Several strings and numbers as one text, so that the text arena can keep them once (entry.hpp).
#include "core/entry.hpp"

#include <algorithm>
#include <cstring>

namespace pgsm::core {
namespace {

/// Appends to a buffer; what does not fit is cut.
class Packer {
public:
    Packer(char* out, std::size_t cap) noexcept : out_(out), cap_(cap) {}

    template <ShmemPod T>
    void value(const T& v) noexcept {
        bytes({reinterpret_cast<const char*>(&v), sizeof v});
    }
    void bytes(std::string_view s) noexcept {
        const std::size_t n = std::min(s.size(), cap_ - len_);
        if (n != 0) std::memcpy(out_ + len_, s.data(), n);
        len_ += n;
    }
    std::size_t room() const noexcept { return cap_ - len_; }
    std::size_t len() const noexcept { return len_; }

private:
    char* out_;
    std::size_t cap_;
    std::size_t len_ = 0;
};

template <ShmemPod T>
T take(std::string_view& from) noexcept {
    T v{};
    if (from.size() < sizeof v) {
        from = {};
        return v;
    }
    std::memcpy(&v, from.data(), sizeof v);
    from.remove_prefix(sizeof v);
    return v;
}

std::string_view take(std::string_view& from, std::size_t len) noexcept {
    const std::string_view s = from.substr(0, len);
    from.remove_prefix(s.size());
    return s;
}

struct SessionHead {
    ClientAddress address;
    std::int8_t encoding;
    std::uint8_t user_len, database_len;
};
static_assert(sizeof(SessionHead) == 20);

std::uint8_t name_len(std::string_view s) noexcept {
    return static_cast<std::uint8_t>(std::min<std::size_t>(s.size(), 255));
}

}  // namespace

std::size_t pack_session(const SessionNames& names, char* out, std::size_t cap) noexcept {
    Packer packer{out, cap};
    packer.value(SessionHead{names.address, static_cast<std::int8_t>(names.encoding), name_len(names.user),
                             name_len(names.database)});
    packer.bytes(names.user.substr(0, 255));
    packer.bytes(names.database.substr(0, 255));
    packer.bytes(names.application.substr(0, 255));
    return packer.len();
}

SessionNames unpack_session(std::string_view packed) noexcept {
    const auto head = take<SessionHead>(packed);
    SessionNames names{head.address, head.encoding, {}, {}, {}};
    if (names.address.family == 0) names.address = kLoopbackAddress;
    names.user = take(packed, head.user_len);
    names.database = take(packed, head.database_len);
    names.application = packed;
    return names;
}

std::size_t pack_nest(const NestTexts& nest, char* out, std::size_t cap) noexcept {
    Packer packer{out, cap};
    packer.value(nest.parent_queryid);
    packer.value(nest.planid);
    const std::size_t room = packer.room() - std::min(packer.room(), sizeof(std::uint32_t));
    const std::size_t plan_len = std::min(nest.plan.size(), room);
    const auto parent_len = static_cast<std::uint32_t>(std::min(nest.parent.size(), room - plan_len));
    packer.value(parent_len);
    packer.bytes(nest.parent.substr(0, parent_len));
    packer.bytes(nest.plan);
    return packer.len();
}

NestTexts unpack_nest(std::string_view packed) noexcept {
    NestTexts nest{};
    nest.parent_queryid = take<std::int64_t>(packed);
    nest.planid = take<std::int64_t>(packed);
    const auto parent_len = take<std::uint32_t>(packed);
    nest.parent = take(packed, parent_len);
    nest.plan = packed;
    return nest;
}

std::string_view bare_nest(std::string_view packed, char* out) noexcept {
    const NestTexts nest = unpack_nest(packed);
    return {out, pack_nest({nest.parent_queryid, nest.planid, {}, {}}, out, kBareNest)};
}

std::size_t pack_notes(const Notes& notes, char* out, std::size_t cap) noexcept {
    Packer packer{out, cap};
    const auto message_len = static_cast<std::uint16_t>(std::min<std::size_t>(notes.message.size(), 1024));
    packer.value(message_len);
    packer.bytes(notes.message.substr(0, message_len));
    packer.bytes(notes.comments);
    return packer.len();
}

Notes unpack_notes(std::string_view packed) noexcept {
    Notes notes{};
    const auto message_len = take<std::uint16_t>(packed);
    notes.message = take(packed, message_len);
    notes.comments = packed;
    return notes;
}

}  // namespace pgsm::core
