// The loader of images: whatever the bytes of the file, adopt_image() refuses them or gives a store with
// which everything can be done. The checksum is made to fit, or no mutation would come past it.
#include "core/hash.hpp"
#include "core/image.hpp"
#include "core/snapshot.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace pgsm::core;
using namespace pgsm::core::fuzz;

namespace {

/// What a store may hold: several buckets, one of them released and not yet taken apart, residual entries.
void fill(Memory& memory) {
    const Store store = memory.store;
    for (std::uint32_t i = 0; i < 150; ++i) {
        static_cast<void>(record_statement(store, i % 70, i % 3, i % 22, kStart + i / 40 * kMinute));
        if (i % 40 == 39) rotate(store, kStart + (i / 40 + 1) * kMinute);
        if (i == 60) static_cast<void>(evict(store, store.running(), nullptr));
    }
    release(store, store.bucket(1));
    static_cast<void>(reclaim(store, 5));
}

/// All that a server does with a store that it has loaded.
void use(Store store) {
    read_all(store);
    const std::int64_t now = store.header().last_start_us;
    for (std::uint32_t i = 0; i < 40; ++i)
        static_cast<void>(record_statement(store, i % 30, i % 3, i % 22, now));
    rotate(store, now + 1);
    if (!store_check(store)) __builtin_trap();
    while (give_up_oldest(store)) {
    }
    while (reclaim(store, 64) != 0) {
    }
    reset(store, now);
    if (store.header().heap.blocks != 0) __builtin_trap();
}

}  // namespace

// The input is a list of changes to a good image: where (3 bytes; every other one in the eighth that header,
// ring and first entries are in), how (a byte), and a value (4 bytes).
void pgsm::core::fuzz::image(const std::uint8_t* data, std::size_t size) {
    static Memory good(small_config());
    static bool filled = false;
    if (!filled) {
        fill(good);
        if (!store_check(good.store)) __builtin_trap();
        filled = true;
    }
    static Memory image(small_config());
    const std::size_t bytes = region_bytes(small_config());
    std::memcpy(image.store.base, good.store.base, bytes);
    for (; size >= 8; data += 8, size -= 8) {
        const std::size_t words = data[2] % 2 == 0 ? bytes / 4 : bytes / 32;
        const std::size_t word = (data[0] | data[1] << 8 | data[2] << 16) % words;
        std::uint32_t value;
        std::memcpy(&value, data + 4, 4);
        auto* all = reinterpret_cast<std::uint32_t*>(image.store.base);
        switch (data[3] % 4) {
        case 0:
            all[word] = value;
            break;
        case 1:
            all[word] += static_cast<std::uint32_t>(static_cast<std::int8_t>(value));
            break;
        case 2:
            all[word] ^= 1u << value % 32;
            break;
        case 3:
            all[word] = all[value % (bytes / 4)];
            break;
        }
    }
    ImageHead head = image_head(good.store);
    head.checksum = hash64(std::span<const std::byte>{image.store.base, bytes}, 0);
    Store loaded{};
    if (adopt_image(head, {image.store.base, bytes}, loaded) == Status::kOk) use(loaded);
}
