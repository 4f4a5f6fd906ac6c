#pragma once
// Tables of unicode_tables.cpp, which scripts/unicode_tables.py generates; use them through unicode.h and normalize.h.
#include <cstddef>
#include <cstdint>

namespace zebra::unicode {

struct PropertyRange {
  char32_t first, last;
  uint32_t value;
};
struct LowerRange {
  char32_t first, last, step;
  int32_t delta;
};
struct Decomposition {
  char32_t code_point;
  uint32_t offset, length;  // in kDecompositionPool
};
struct Composition {
  char32_t first, second, composed;
};

extern const PropertyRange kProperties[];
extern const size_t kPropertiesCount;
extern const LowerRange kLower[];
extern const size_t kLowerCount;
extern const PropertyRange kCombiningClasses[];
extern const size_t kCombiningClassesCount;
extern const Decomposition kCanonical[];
extern const size_t kCanonicalCount;
extern const Decomposition kCompatible[];
extern const size_t kCompatibleCount;
extern const char32_t kDecompositionPool[];
extern const size_t kDecompositionPoolCount;
extern const Composition kCompositions[];  // ascending by (first, second)
extern const size_t kCompositionsCount;

}  // namespace zebra::unicode
