#pragma once
// Short stories from a grammar over simulated people, things and places: who is where, who holds what, counts, lists
// and invented names are told once and asked for later, so that a model must look back to know the answer.
#include <optional>

#include "data/world/dice.h"

namespace zebra::world {

// A sentence that follows from the story before it, and three that do not.
struct Continuation {
  size_t at;  // the story's text before this position is the context
  std::vector<std::string> choices;
};

struct StoryText {
  std::string text;
  std::vector<Question> questions;
  std::vector<Continuation> continuations;
};

// 60 to 300 words about a hero (first and family name) of the split: no story is in two splits.
StoryText tell_story(Dice& dice, WorldSplit split);

// "Did Anna have the red ball at the end?", with the one choice yes, no, or maybe where the story does not tell. None
// where nobody had anything.
std::optional<Question> claim(Dice& dice, const StoryText& story);

// The story and some of its questions; with claims up to two of those, too.
std::string story_document(Dice& dice, WorldSplit split, bool claims);

// Sentences that matter for nothing, to stand between those that do.
class StorySentences {
 public:
  explicit StorySentences(Dice& dice);
  std::string next();

 private:
  Dice& dice_;
  std::vector<std::string> people_;
};

}  // namespace zebra::world
