// A Status must be looked at.
// expect: nodiscard
#include "core/store.hpp"
void ignore(pgsm::core::Store store, const pgsm::core::Key& key, const pgsm::core::Counters& sample) {
    pgsm::core::record(store, key, nullptr, false, sample, 0, 0);
}
