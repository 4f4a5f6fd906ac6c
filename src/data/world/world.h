#pragma once
// A generated world to pretrain, distil, align and measure small models on: stories, facts, skills, recall, nine tasks,
// conversations and preferences, each document a pure function of (kind, seed, split, index). Stories have heroes, and
// questions wordings, numbers or answers, of one split only; recall and letters are drawn alike in all.
#include <cstdint>
#include <string>
#include <vector>

#include "io/json.h"

namespace zebra {

enum class WorldSplit { train, valid, test };

// text (stories, facts, skills and recall), stories, exams, recall, chat, preferences, and the names of the nine tasks.
const std::vector<std::string>& world_kinds();

// A line of a JSONL file: {"text"} for the first four kinds. `words` is the length of a recall document.
// Error(usage) for an unknown kind.
Json world_line(const std::string& kind, uint64_t seed, WorldSplit split, uint64_t index, size_t words = 400);

}  // namespace zebra
