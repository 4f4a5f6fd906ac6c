#pragma once
// What is always true in the generated world, whatever the seed: towns, creatures, scholars and tools, each with a few
// properties. Nothing in a document tells them when they are asked for; a model knows them from pretraining.
#include "data/world/dice.h"

namespace zebra::world {

// A paragraph on some subjects: statements, and a few questions with their answers.
std::string facts_document(Dice& dice, WorldSplit split);

enum class Asked { property, subject };  // "What does the dalok eat?" or "Which creature eats fish?"

// A question of the split. No document of another split has its wording for this fact, though all tell the fact.
Question fact_question(Dice& dice, WorldSplit split, Asked asked);
// The same as the beginning of a statement: "The dalok lives in" with its ends.
Question fact_stem(Dice& dice, WorldSplit split);

}  // namespace zebra::world
