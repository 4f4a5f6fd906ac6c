#pragma once
// Limits of what a model may ask for: far above any model, far below overflow.
#include <cstdint>

namespace zebra {

constexpr int64_t kMaxWidth = int64_t{1} << 20;  // hidden sizes, heads, ranks, head sizes
constexpr int64_t kMaxLayers = int64_t{1} << 12;
constexpr int64_t kMaxPosition = int64_t{1} << 31;
constexpr int64_t kMaxWindow = int64_t{1} << 40;

}  // namespace zebra
