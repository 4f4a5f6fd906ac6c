#pragma once
// A generated corpus: short English stories from a grammar over a simulated world. Who is where, who holds what,
// counts, lists and invented names are told once and asked for later, so that a model must look back to know the
// answer.
#include <cstdint>
#include <string>

namespace zebra {

enum class WorldSplit { train, valid, test };

// Document `index` of a split, 60 to 300 words: a pure function of its arguments. The splits share words and grammar,
// but every story is about a person (first and family name) of its own split, so no document is in two of them.
std::string world_document(uint64_t seed, WorldSplit split, uint64_t index);

}  // namespace zebra
