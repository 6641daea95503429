#include "core/image.hpp"

#include "core/hash.hpp"

namespace pgsm::core {
namespace {
constexpr std::uint64_t kImageMagic = 0x474d49304d534750;  // "PGSM0IMG" as bytes
}

ImageHead image_head(Store store) noexcept {
    const std::uint64_t bytes = region_bytes(store.header().config);
    return {kImageMagic, store.header().layout, bytes, hash64(std::span<const std::byte>{store.base, bytes}, 0)};
}

Status check_image_head(const ImageHead& head, const StoreConfig& config) noexcept {
    if (head.magic != kImageMagic) return Status::kDamaged;
    if (head.layout != layout_hash(config) || head.bytes != region_bytes(config)) return Status::kForeignLayout;
    return Status::kOk;
}

Status adopt_image(const ImageHead& head, std::span<std::byte> memory, Store& out) noexcept {
    if (memory.size() < head.bytes || hash64(std::span<const std::byte>{memory.data(), head.bytes}, 0) != head.checksum)
        return Status::kDamaged;
    const Store store{memory.data()};
    const Header& header = store.header();
    if (header.layout != head.layout || header.buckets == 0 || header.buckets > header.ring_slots ||
        header.oldest >= header.ring_slots || store.running().state != BucketState::running ||
        !heap_check(store.base, header.heap) || !heap_check(store.base, header.texts.heap))
        return Status::kDamaged;
    out = store;
    return Status::kOk;
}

}  // namespace pgsm::core
