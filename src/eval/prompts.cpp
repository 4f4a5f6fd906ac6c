#include "eval/prompts.h"

#include "base/error.h"
#include "data/python_text.h"

namespace zebra {

namespace {

// Joined by `delimiter` unless there is white space already.
std::string delimited(const std::string& a, const std::string& b, const std::string& delimiter) {
  if (a.empty() || b.empty()) return a + b;
  const bool spaced = python::strip_right(a).size() < a.size() || python::strip_left(b).size() < b.size();
  return spaced ? a + b : a + delimiter + b;
}

}  // namespace

Prompts::Prompts(const Task& task, const std::vector<Document>& examples, PromptOptions options)
    : task_(task), examples_(examples), options_(std::move(options)), random_(options_.seed) {}

std::vector<size_t> Prompts::draw(const Document& document) {
  const auto wanted = static_cast<size_t>(options_.shots);
  if (wanted == 0) return {};
  const bool leave_out = task_.leave_out && !task_.first_examples;
  const size_t drawn = wanted + (leave_out ? 1 : 0);
  if (drawn > examples_.size()) {
    fail_input(task_.name, ": ", wanted, "-shot prompts need ", drawn, " documents to draw from, found ",
               examples_.size(), " in ", examples_.empty() ? "none" : examples_.front().where.c_str());
  }
  std::vector<size_t> places;
  if (task_.first_examples) {
    for (size_t i = 0; i < wanted; ++i) places.push_back(i);
    return places;
  }
  places = random_.sample(examples_.size(), drawn);
  if (!leave_out) return places;
  const auto other = [&](size_t place) { return examples_[place].json != document.json; };
  std::erase_if(places, [&](size_t place) { return !other(place); });
  if (places.size() < wanted) {  // copies of the document itself were drawn
    std::vector<size_t> pool;
    for (size_t i = 0; i < examples_.size(); ++i) {
      if (other(i)) pool.push_back(i);
    }
    if (pool.size() < wanted) {
      fail_input(document.where, ": expected ", wanted, " other documents to show as examples, found ", pool.size());
    }
    places.clear();
    for (const size_t i : random_.sample(pool.size(), wanted)) places.push_back(pool[i]);
  }
  places.resize(wanted);
  return places;
}

std::string Prompts::render(std::vector<Turn> turns) const {
  std::string text;
  if (!options_.chat) {
    for (const Turn& turn : turns) text += turn.text + turn.delimiter;
    return text;
  }
  Messages messages;
  size_t first = 0;
  if (turns.front().role == "system") messages.push_back({"system", turns[first++].text});
  if (options_.shots_as_turns) {
    for (size_t i = first; i < turns.size(); ++i) messages.push_back({turns[i].role, turns[i].text});
  } else {
    for (size_t i = first; i < turns.size(); ++i) text += turns[i].text + turns[i].delimiter;
    messages.push_back({"user", text});
  }
  return options_.chat(messages);
}

std::vector<std::string> Prompts::next(const Document& document, const Question& question) {
  std::vector<Turn> turns;
  const std::string system = delimited(options_.system, task_.description, "\n\n");
  if (!system.empty()) turns.push_back({"system", system, ""});
  for (const size_t place : draw(document)) {
    const Question example = read_question(task_, examples_[place]);
    const auto gold = static_cast<size_t>(example.gold);
    const bool choice = task_.kind == TaskKind::multiple_choice && example.prompts.empty();
    const std::string& answer = choice ? example.choices[gold] : example.target;
    turns.push_back(
        {"user", example.prompts.empty() ? example.prompt : example.prompts[gold], answer.empty() ? "" : " "});
    if (!answer.empty()) turns.push_back({"assistant", answer, "\n\n"});
  }
  std::vector<std::string> texts;
  for (const std::string& prompt : question.prompts.empty() ? std::vector{question.prompt} : question.prompts) {
    std::vector<Turn> all = turns;
    all.push_back({"user", prompt, ""});
    texts.push_back(render(std::move(all)));
  }
  return texts;
}

}  // namespace zebra
