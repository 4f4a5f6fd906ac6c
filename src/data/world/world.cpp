#include "data/world/world.h"

#include "base/error.h"
#include "base/text.h"
#include "data/world/facts.h"
#include "data/world/skills.h"
#include "data/world/story.h"
#include "data/world/talk.h"
#include "data/world/tasks.h"

namespace zebra {

namespace {

using namespace world;

Json text_line(const std::string& text) {
  return {{"text", text}};
}

// Of everything enough to learn it. Two fifths of the text are recall documents, mostly short, some as long as 2048
// tokens: the way to look far back is learned last, on the way to look back at all.
std::string text_document(Dice& dice, WorldSplit split) {
  const size_t kind = dice.below(100);
  if (kind < 44) return story_document(dice, split, true);
  if (kind < 58) return facts_document(dice, split);
  if (kind < 76) return skills_document(dice, split);
  return recall_document(dice, static_cast<size_t>(dice.chance(0.35) ? dice.range(300, 1500) : dice.range(30, 300)));
}

using Maker = Json (*)(Dice&, WorldSplit, size_t words);
struct Kind {
  const char* name;
  Maker make;
};
constexpr Kind kKinds[] = {
    {"text", [](Dice& dice, WorldSplit split, size_t) { return text_line(text_document(dice, split)); }},
    {"stories", [](Dice& dice, WorldSplit split, size_t) { return text_line(story_document(dice, split, false)); }},
    {"exams", [](Dice& dice, WorldSplit split, size_t) { return text_line(exam_document(dice, split)); }},
    {"recall", [](Dice& dice, WorldSplit, size_t words) { return text_line(recall_document(dice, words)); }},
    {"chat", [](Dice& dice, WorldSplit split, size_t) { return chat_line(dice, split); }},
    {"preferences", [](Dice& dice, WorldSplit split, size_t) { return preference_line(dice, split); }},
};

}  // namespace

const std::vector<std::string>& world_kinds() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> out;
    for (const auto& kind : kKinds) out.push_back(kind.name);
    out.insert(out.end(), task_names().begin(), task_names().end());
    return out;
  }();
  return names;
}

Json world_line(const std::string& kind, uint64_t seed, WorldSplit split, uint64_t index, size_t words) {
  Dice dice(seed, index * 3 + static_cast<uint64_t>(split));
  for (const auto& known : kKinds) {
    if (kind == known.name) return known.make(dice, split, words);
  }
  return task_item(kind, dice, split).row;
}

}  // namespace zebra
