#include "data/world/talk.h"

#include "data/world/facts.h"
#include "data/world/skills.h"

namespace zebra::world {

namespace {

Question any_question(Dice& dice, WorldSplit split) {
  if (dice.chance(0.5)) return fact_question(dice, split, dice.chance(0.7) ? Asked::property : Asked::subject);
  return skill_question(dice, split, kSkills[dice.below(std::size(kSkills))]);
}

std::string friendly(Dice& dice, const std::string& answer) {
  return dice.any({"The answer is " + answer + ".", "It is " + answer + ".", "Gladly: " + answer + "."});
}

std::string unfriendly(Dice& dice) {
  return dice.any({"Go away.", "Why should I tell you?", "I do not care.", "Ask someone else."});
}

}  // namespace

Json chat_line(Dice& dice, WorldSplit split) {
  Json messages = Json::array();
  for (int i = dice.range(1, 3); i > 0; --i) {
    const Question question = any_question(dice, split);
    messages.push_back({{"role", "user"}, {"content", question.text}});
    messages.push_back({{"role", "assistant"}, {"content", friendly(dice, question.choices[0])}});
  }
  return {{"messages", messages}};
}

Json preference_line(Dice& dice, WorldSplit split) {
  const Question question = any_question(dice, split);
  const std::string chosen = friendly(dice, question.choices[0]);
  const bool wrong = question.choices.size() > 1 && dice.chance(0.5);
  const std::string rejected = wrong ? friendly(dice, question.choices[1]) : unfriendly(dice);
  return {
      {"prompt", "Question: " + question.text + "\nAnswer:"}, {"chosen", " " + chosen}, {"rejected", " " + rejected}};
}

}  // namespace zebra::world
