#pragma once
// Things to do rather than to know: sums, sorting, copying, finding what was told, following a chain. The answer
// follows from the question alone.
#include "data/world/dice.h"

namespace zebra::world {

enum class Skill { sum, sort, copy, lookup, chain };
constexpr Skill kSkills[] = {Skill::sum, Skill::sort, Skill::copy, Skill::lookup, Skill::chain};

Question skill_question(Dice& dice, WorldSplit split, Skill skill);

// A sheet of questions of one kind with their answers.
std::string skills_document(Dice& dice, WorldSplit split);

// Codes of things among other sentences, some of them told again, `words` words in all. The last word is a code that
// was told before; where it was told first, as a part of the document, is uniform.
std::string recall_document(Dice& dice, size_t words);

}  // namespace zebra::world
