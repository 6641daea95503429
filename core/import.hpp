// The contents of a store, recorded into one of another configuration: so that a clean restart loses nothing
// when the settings of memory or of the histogram have changed meanwhile.
//
// Buckets keep number and start, entries their identity and texts. What finds no room is folded into residual
// entries: sums stay exact, in the same bucket. Only two things can't be kept, and are counted: texts that
// the smaller arena has no room for (as always), and cells of a histogram with other bounds.
//
// Locks: none; nobody else may use either store.
#pragma once
#include "core/firewall.hpp"

#include "core/store.hpp"

namespace pgsm::core {

/// Fills `to`, which has just been made, with what `from` holds; `from` is a store that store_check() says is
/// one and in which no merge is under way, and is only read. Exported buckets stay behind. The running bucket
/// runs on, by the end that it had.
void import_store(Store from, Store to) noexcept;

}  // namespace pgsm::core
