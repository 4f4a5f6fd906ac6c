#include "data/world/skills.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/text.h"
#include "data/world/story.h"
#include "data/world/words.h"

namespace zebra::world {

namespace {

std::vector<std::string> words_of(const std::vector<int>& numbers) {
  std::vector<std::string> out;
  for (const int number : numbers) out.push_back(std::to_string(number));
  return out;
}

// Numbers near the right one that are not it.
std::vector<std::string> near(Dice& dice, int right) {
  std::vector<int> wrong;
  while (wrong.size() < 3) {
    const int number = std::max(0, right + dice.range(-6, 6));
    if (number != right && std::find(wrong.begin(), wrong.end(), number) == wrong.end()) wrong.push_back(number);
  }
  auto out = words_of(wrong);
  out.insert(out.begin(), std::to_string(right));
  return out;
}

Question sum(Dice& dice) {
  const int kind = dice.range(0, 2);
  const int a = dice.range(0, kind == 2 ? 9 : 30), b = dice.range(0, kind == 2 ? 9 : kind == 1 ? a : 30);
  const int right = kind == 0 ? a + b : kind == 1 ? a - b : a * b;
  const char* const sign = kind == 0 ? " + " : kind == 1 ? " - " : " x ";
  return {"elementary mathematics", "What is " + std::to_string(a) + sign + std::to_string(b) + "?", near(dice, right)};
}

// The right list and three others of the same words.
std::vector<std::string> orders(Dice& dice, const std::vector<std::string>& right) {
  std::vector<std::string> out = {join(right, " ")};
  while (out.size() < 4) {
    auto other = right;
    dice.shuffle(other);
    const std::string text = join(other, " ");
    if (std::find(out.begin(), out.end(), text) == out.end()) out.push_back(text);
  }
  return out;
}

Question sort(Dice& dice) {
  std::set<int> chosen;
  const size_t count = static_cast<size_t>(dice.range(3, 5));
  while (chosen.size() < count) chosen.insert(dice.range(0, 99));
  const std::vector<int> right(chosen.begin(), chosen.end());
  auto mixed = right;
  while (mixed == right) dice.shuffle(mixed);
  return {"high school computer science", "Sort the numbers from small to large: " + join(words_of(mixed), " ") + ".",
          orders(dice, words_of(right))};
}

Question copy(Dice& dice) {
  std::vector<std::string> names;
  const size_t count = static_cast<size_t>(dice.range(3, 5));
  while (names.size() < count) {
    const std::string name = invented_name(dice);
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  const bool back = dice.chance(0.4);
  const std::string text = join(names, " ");
  if (back) std::reverse(names.begin(), names.end());
  return {"high school computer science",
          (back ? "Say these words from the last to the first: " : "Repeat these words: ") + text + ".",
          orders(dice, names)};
}

Question lookup(Dice& dice) {
  std::vector<std::string> things, codes;
  while (things.size() < 4) {
    const std::string made = any_thing(dice), code = std::to_string(dice.range(100, 999));
    if (std::find(things.begin(), things.end(), made) != things.end()) continue;
    if (std::find(codes.begin(), codes.end(), code) != codes.end()) continue;
    things.push_back(made), codes.push_back(code);
  }
  std::string text;
  for (size_t i = 0; i < things.size(); ++i) text += "The code of the " + things[i] + " is " + codes[i] + ". ";
  const size_t asked = dice.below(things.size());
  return {"computer security", text + "What is the code of the " + things[asked] + "?",
          choices_from(dice, codes[asked], codes)};
}

Question chain(Dice& dice) {
  // Two chains thing -> container -> place, told in any order.
  std::vector<std::string> told, places, things;
  const size_t count = 3;
  std::set<std::string> containers;
  while (places.size() < count) {
    const std::string place = dice.any(kPlaces), made = any_thing(dice),
                      box = dice.any(kColors) + " " + dice.any(kContainers);
    if (std::find(places.begin(), places.end(), place) != places.end() || containers.contains(box)) continue;
    if (std::find(things.begin(), things.end(), made) != things.end()) continue;
    containers.insert(box), places.push_back(place), things.push_back(made);
    told.push_back("The " + made + " is in the " + box + ".");
    told.push_back("The " + box + " is in the " + place + ".");
  }
  dice.shuffle(told);
  const size_t asked = dice.below(count);
  auto choices = choices_from(dice, places[asked], places);
  std::string more;
  while (choices.size() < 4) {
    more = dice.any(kPlaces);
    if (std::find(places.begin(), places.end(), more) == places.end()) choices.push_back(more);
  }
  for (auto& choice : choices) choice = "in the " + choice;
  return {"formal logic", join(told, " ") + " In which place is the " + things[asked] + "?", choices};
}

// An exam's form with nothing to work out but the letter: without it small models never learn what letters stand for.
Question letter(Dice& dice) {
  std::vector<std::string> things;
  while (things.size() < 4) {
    const std::string made = dice.chance(0.5) ? any_thing(dice) : invented_name(dice);
    if (std::find(things.begin(), things.end(), made) == things.end()) things.push_back(made);
  }
  const size_t asked = dice.below(things.size());
  Question out{"", cat("Which of these is ", things[asked], "?"), {kLetters[asked]}};
  for (size_t i = 0; i < things.size(); ++i) out.text += cat("\n", kLetters[i], ". ", things[i]);
  return out;
}

}  // namespace

Question skill_question(Dice& dice, WorldSplit split, Skill skill) {
  for (;;) {
    const Question question = skill == Skill::sum      ? sum(dice)
                              : skill == Skill::sort   ? sort(dice)
                              : skill == Skill::copy   ? copy(dice)
                              : skill == Skill::lookup ? lookup(dice)
                                                       : chain(dice);
    if (split_of(question.text) == split) return question;
  }
}

std::string skills_document(Dice& dice, WorldSplit split) {
  std::string text;
  const size_t kind = dice.below(std::size(kSkills) + 2);  // letters twice
  for (int i = dice.range(3, 10); i > 0; --i) {
    const Question question = kind < std::size(kSkills) ? skill_question(dice, split, kSkills[kind]) : letter(dice);
    text += (text.empty() ? "Question: " : "\n\nQuestion: ") + question.text + "\nAnswer: " + question.choices[0];
  }
  return text;
}

std::string recall_document(Dice& dice, size_t words) {
  struct Code {
    std::string thing, code;
  };
  std::vector<std::string> sentences;
  std::vector<Code> told;
  std::vector<size_t> where;  // sentence in which each code was told first
  std::set<std::string> things;
  size_t length = 8;
  const double density = 0.3 * dice.range(1, 3);  // of codes among the sentences
  const auto sentence_of = [](const Code& code) { return "The code of the " + code.thing + " is " + code.code + "."; };
  StorySentences filler(dice);
  while (length < words || told.empty()) {
    const std::string made = any_thing(dice);
    std::string sentence;
    if (!dice.chance(density)) {
      sentence = filler.next();
    } else if (!told.empty() && dice.chance(0.5)) {
      // Said again on the way: one question at the end of a long text would teach too little.
      sentence = sentence_of(told[dice.below(told.size())]);
    } else if (things.insert(made).second) {
      const std::string code = dice.chance(0.5) ? std::to_string(dice.range(100, 999)) : invented_name(dice);
      told.push_back({made, code}), where.push_back(sentences.size());
      sentence = sentence_of(told.back());
    } else {
      continue;
    }
    length += static_cast<size_t>(std::count(sentence.begin(), sentence.end(), ' ')) + 1;
    sentences.push_back(std::move(sentence));
  }
  const double at = static_cast<double>(dice.below(sentences.size()));
  const auto nearest = std::min_element(where.begin(), where.end(), [&](size_t a, size_t b) {
    return std::abs(static_cast<double>(a) - at) < std::abs(static_cast<double>(b) - at);
  });
  std::string last = sentence_of(told[static_cast<size_t>(nearest - where.begin())]);
  last.pop_back();
  return join(sentences, " ") + " " + last;
}

}  // namespace zebra::world
