// Recall at a distance, generated: prompts of LENGTH tokens that ask for a number told once. needle_LENGTH hides it
// among sentences about nothing, keys_LENGTH among other numbers. Documents are a pure function of length and index;
// over a task's documents the place runs evenly from beginning to end.
#include <array>

#include "base/error.h"
#include "base/rng.h"
#include "eval/tasks/all.h"

namespace zebra::tasks {

namespace {

constexpr std::array kThings = {"lamp",  "river",  "basket", "mirror", "garden", "violin", "anchor", "candle", "drum",
                                "wheel", "window", "carpet", "bottle", "ladder", "engine", "pencil", "turtle", "acorn"};
constexpr std::array kColours = {"red",   "green", "blue", "yellow", "white",
                                 "black", "brown", "grey", "silver", "purple"};
constexpr std::array kVerbs = {"stood near", "was older than", "looked like",
                               "lay under",  "came before",    "belonged to"};

template <class Words>
std::string any(Rng& rng, const Words& words) {
  return words[rng.below(words.size())];
}
std::string thing(Rng& rng) {
  const std::string colour = any(rng, kColours);
  return colour + " " + any(rng, kThings);
}
std::string number(Rng& rng) {
  return std::to_string(10000 + rng.below(90000));
}
std::string told(const std::string& key, const std::string& value) {
  return cat("The number of the ", key, " is ", value, ".");
}

struct Hidden {
  std::string key, value;
  std::vector<std::string> others;  // what it stands among
};

std::string prompt_of(const Hidden& hidden, size_t count, double place) {
  const auto before = static_cast<size_t>(place * static_cast<double>(count));
  std::string text = "Some of this will be asked for.\n";
  for (size_t i = 0; i <= count; ++i) {
    if (i == before) text += told(hidden.key, hidden.value) + "\n";
    if (i < count) text += hidden.others[i] + "\n";
  }
  return text + "Question: What is the number of the " + hidden.key + "?\nAnswer: The number of the " + hidden.key +
         " is";
}

// As many other sentences as make the prompt at most `length` tokens.
std::string filled(Hidden& hidden, double place, int64_t length, const TokenCounter& tokens,
                   const std::function<std::string()>& sentence) {
  int64_t rest = length - tokens(prompt_of(hidden, 0, place));
  if (rest < 0) fail_usage("prompts of ", length, " tokens have no room for the question: choose a greater length");
  while (rest > 0) {
    hidden.others.push_back(sentence());
    rest -= std::max<int64_t>(tokens(hidden.others.back() + "\n") - tokens(""), 1);
  }
  size_t count = hidden.others.size();
  while (count > 0 && tokens(prompt_of(hidden, count, place)) > length) --count;
  return prompt_of(hidden, count, place);
}

Json document(const Task& task, int64_t index, int64_t all, const TokenCounter& tokens) {
  const bool keys = task.name.starts_with("keys_");
  Rng rng(static_cast<uint64_t>(task.length) * 2 + (keys ? 1 : 0), static_cast<uint64_t>(index));
  Hidden hidden{thing(rng), number(rng), {}};
  // More keys than colours and things give: a number tells them apart.
  const auto key = [&] { return keys ? cat(thing(rng), " ", 100 + rng.below(900)) : thing(rng); };
  if (keys) hidden.key = key();
  const auto sentence = [&]() -> std::string {
    std::string other = key();
    while (other == hidden.key) other = key();
    if (keys) return told(other, number(rng));
    return cat("The ", other, " ", any(rng, kVerbs), " the ", any(rng, kColours), " one.");
  };
  const double place = (static_cast<double>(index) + 0.5) / static_cast<double>(all);
  const std::string input = filled(hidden, place, task.length - task.max_tokens, tokens, sentence);
  return {{"index", index}, {"input", input}, {"outputs", {hidden.value}}, {"max_length", task.length}};
}

}  // namespace

Task needle(const std::string& kind, int64_t length) {
  Task task = ruler();
  task.name = kind + "_" + std::to_string(length);
  task.alias = std::to_string(length);
  task.length = length;
  task.max_tokens = 16;
  task.until = {"\n"};
  task.make = document;
  return task;
}

}  // namespace zebra::tasks
