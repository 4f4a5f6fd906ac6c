#pragma once
// Conversations and preferences on the generated world, for `zebra align`.
#include "data/world/dice.h"
#include "io/json.h"

namespace zebra::world {

// {"messages": [user, assistant, ..]}: one to three questions with whole-sentence answers.
Json chat_line(Dice& dice, WorldSplit split);

// {"prompt", "chosen", "rejected"}: a right, friendly answer against a wrong or an unfriendly one.
Json preference_line(Dice& dice, WorldSplit split);

}  // namespace zebra::world
