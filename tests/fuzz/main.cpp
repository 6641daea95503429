// libFuzzer's entry. All targets are in one program, so that the core is compiled once; PGSM_FUZZ names one.
#include "tests/fuzz/fuzz.hpp"

#include <cstdio>

using namespace pgsm::core;

namespace {

using Target = void (*)(const std::uint8_t*, std::size_t);

Target chosen() {
    const char* wanted = std::getenv("PGSM_FUZZ");
    const std::string_view name = wanted == nullptr ? "" : wanted;
    if (name == "image") return fuzz::image;
    if (name == "text") return fuzz::text;
    if (name == "operations") return fuzz::operations;
    std::fputs("PGSM_FUZZ must be image, text or operations\n", stderr);
    std::exit(2);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Target target = chosen();
    target(data, size);
    return 0;
}
