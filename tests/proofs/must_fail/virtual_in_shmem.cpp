// A type with a vtable must not get into shared memory.
// expect: static(_assert| assertion) failed
#include "core/pod.hpp"
struct Bad {
    virtual ~Bad() = default;
};
static_assert(pgsm::core::ShmemPod<Bad>);
