#pragma once
// Things to do rather than to know: sums, sorting, copying, finding what was told, following a chain. The answer
// follows from the question alone.
#include "data/world/dice.h"

namespace zebra::world {

enum class Skill { sum, sort, copy, lookup, chain };
constexpr Skill kSkills[] = {Skill::sum, Skill::sort, Skill::copy, Skill::lookup, Skill::chain};

Question skill_question(Dice& dice, WorldSplit split, Skill skill);

// A sheet of questions with their answers.
std::string skills_document(Dice& dice, WorldSplit split);

// Codes of things among other sentences, `words` words in all; the last sentence repeats one of the codes, its last
// word. Where that code was told, as a part of the document, is uniform.
std::string recall_document(Dice& dice, size_t words);

}  // namespace zebra::world
