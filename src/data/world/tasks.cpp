#include "data/world/tasks.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "data/python_text.h"
#include "data/world/facts.h"
#include "data/world/skills.h"
#include "data/world/story.h"
#include "data/world/words.h"

namespace zebra::world {

namespace {

// The choices in another order, and where the right one went.
struct Mixed {
  std::vector<std::string> choices;
  size_t right;
};

Mixed mixed(Dice& dice, std::vector<std::string> choices) {
  const std::string right = choices[0];
  dice.shuffle(choices);
  const auto at = std::find(choices.begin(), choices.end(), right);
  return {choices, static_cast<size_t>(at - choices.begin())};
}

Json lettered(const Mixed& mixed) {
  return {{"text", mixed.choices}, {"label", std::vector<std::string>(kLetters, kLetters + mixed.choices.size())}};
}

TaskItem arc(Dice& dice, const Question& question) {
  const Mixed m = mixed(dice, question.choices);
  return {{{"question", question.text}, {"choices", lettered(m)}, {"answerKey", kLetters[m.right]}},
          "Question: " + question.text + "\nAnswer: " + question.choices[0]};
}

TaskItem arc_easy(Dice& dice, WorldSplit split) {
  return arc(dice, fact_question(dice, split, Asked::property));
}
TaskItem arc_challenge(Dice& dice, WorldSplit split) {
  return arc(dice, fact_question(dice, split, Asked::subject));
}

TaskItem openbookqa(Dice& dice, WorldSplit split) {
  const Question question = fact_stem(dice, split);
  const Mixed m = mixed(dice, question.choices);
  return {{{"question_stem", question.text}, {"choices", lettered(m)}, {"answerKey", kLetters[m.right]}},
          question.text + " " + question.choices[0] + "."};
}

TaskItem hellaswag(Dice& dice, WorldSplit split) {
  for (;;) {
    const StoryText story = tell_story(dice, split);
    if (story.continuations.empty()) continue;
    const Continuation& next = story.continuations[dice.below(story.continuations.size())];
    if (next.choices.size() < 4) continue;
    const Mixed m = mixed(dice, next.choices);
    // The harness joins ctx_a and the capitalised ctx_b; here all of the context is ctx_a.
    const std::string context = python::replace(story.text.substr(0, next.at), "\n", " ");
    return {{{"activity_label", "Story"},
             {"ctx_a", context},
             {"ctx_b", ""},
             {"ctx", context},
             {"endings", m.choices},
             {"label", std::to_string(m.right)}},
            "Story: " + context + " " + next.choices[0]};
  }
}

TaskItem race(Dice& dice, WorldSplit split) {
  for (;;) {
    StoryText story = tell_story(dice, split);
    std::erase_if(story.questions, [](const Question& question) { return question.choices.size() < 4; });
    if (story.questions.size() < 2) continue;
    dice.shuffle(story.questions);
    story.questions.resize(2);
    Json problems = Json::array();
    std::string text = "Article: " + story.text + "\n\n";
    for (const auto& question : story.questions) {
      const Mixed m = mixed(dice, question.choices);
      problems.push_back({{"question", question.text}, {"answer", kLetters[m.right]}, {"options", m.choices}});
      text += "Question: " + question.text + "\nAnswer: " + question.choices[0] + "\n";
    }
    text.pop_back();
    return {{{"article", story.text}, {"problems", problems.dump()}}, text};
  }
}

TaskItem pubmedqa(Dice& dice, WorldSplit split) {
  for (;;) {
    const StoryText story = tell_story(dice, split);
    const auto asked = claim(dice, story);
    if (!asked) continue;
    std::string text = "Abstract: " + story.text;
    const auto tell = [&](const Question& question) {
      text += "\nQuestion: " + question.text + "\nAnswer: " + question.choices[0];
    };
    tell(*asked);
    // More for a reader of the text: an answer here is one word after two hundred.
    for (int i = dice.range(0, 3); i > 0; --i) tell(*claim(dice, story));
    return {{{"QUESTION", asked->text}, {"CONTEXTS", {story.text}}, {"final_decision", asked->choices[0]}}, text};
  }
}

TaskItem piqa(Dice& dice, WorldSplit split) {
  const Skill skills[] = {Skill::sum, Skill::sort, Skill::copy};
  const Question question = skill_question(dice, split, skills[dice.below(std::size(skills))]);
  const Mixed m = mixed(dice, {question.choices[0], question.choices[1]});
  return {{{"goal", question.text}, {"sol1", m.choices[0]}, {"sol2", m.choices[1]}, {"label", m.right}},
          "Question: " + question.text + "\nAnswer: " + question.choices[0]};
}

// {a} and {b} are people, {t} a thing; the blank is the first of them in one ending and the second in the other.
struct Pair {
  const char *beginning, *first, *second;
};
constexpr Pair kPairs[] = {
    {"{a} gave the {t} to {b}, so now _ has", "nothing left.", "the {t}."},
    {"{a} ran faster than {b}, so _ was", "the winner of the race.", "the loser of the race."},
    {"{a} sold the {t} to {b}, and then _ had", "more money.", "the {t} at home."},
    {"{a} asked {b} about the {t}, because _ did", "not know much about it.", "know all about it."},
    {"{a} lent the {t} to {b}, so one day _ must", "get it back.", "give it back."},
    {"{a} taught {b} to swim, because _ was", "a good swimmer.", "afraid of the water."},
    {"{a} carried {b} home, because _ was", "very strong.", "too tired to walk."},
    {"{a} hid the {t} from {b}, so now _ must", "keep the secret.", "look for it."},
    {"{a} is older than {b}, so _ was born", "first.", "later."},
    {"{a} woke {b} in the morning, so _ had", "been awake before.", "been asleep before."},
};

TaskItem winogrande(Dice& dice, WorldSplit split) {
  for (;;) {
    const Pair& pair = kPairs[dice.below(std::size(kPairs))];
    const std::string a = dice.any(kGirls), b = dice.any(kBoys), thing = any_thing(dice);
    const bool girl_first = dice.chance(0.5), second = dice.chance(0.5);
    const std::string names[] = {girl_first ? a : b, girl_first ? b : a};
    std::string sentence = std::string(pair.beginning) + " " + (second ? pair.second : pair.first);
    sentence =
        python::replace(python::replace(python::replace(sentence, "{a}", names[0]), "{b}", names[1]), "{t}", thing);
    if (split_of(sentence) != split) continue;
    const Mixed m = mixed(dice, {names[second ? 1 : 0], names[second ? 0 : 1]});
    return {{{"sentence", sentence},
             {"option1", m.choices[0]},
             {"option2", m.choices[1]},
             {"answer", std::to_string(m.right + 1)}},
            python::replace(sentence, "_", names[second ? 1 : 0])};
  }
}

TaskItem mmlu(Dice& dice, WorldSplit split) {
  for (;;) {
    const size_t kind = dice.below(std::size(kSkills) + 2);
    const Question question = kind < std::size(kSkills) ? skill_question(dice, split, kSkills[kind])
                                                        : fact_question(dice, split, Asked::property);
    if (question.choices.size() < 4) continue;
    const Mixed m = mixed(dice, question.choices);
    std::string text = question.text + "\n";
    for (size_t i = 0; i < 4; ++i) text += std::string(kLetters[i]) + ". " + m.choices[i] + "\n";
    return {{{"question", question.text},
             {"subject", python::replace(question.subject, " ", "_")},
             {"choices", m.choices},
             {"answer", m.right}},
            text + "Answer: " + kLetters[m.right]};
  }
}

struct Task {
  const char* name;
  TaskItem (*item)(Dice&, WorldSplit);
  const char *evaluated, *examples;  // the data set's splits
};
constexpr Task kTasks[] = {
    {"arc_challenge", arc_challenge, "test", "train"}, {"arc_easy", arc_easy, "test", "train"},
    {"hellaswag", hellaswag, "validation", "train"},   {"mmlu", mmlu, "test", "dev"},
    {"openbookqa", openbookqa, "test", "train"},       {"piqa", piqa, "validation", "train"},
    {"pubmedqa", pubmedqa, "test", "train"},           {"race", race, "test", "train"},
    {"winogrande", winogrande, "validation", "train"},
};

const Task& task_of(const std::string& name) {
  for (const auto& task : kTasks) {
    if (name == task.name) return task;
  }
  fail_usage("unknown task ", name, ": expected one of ", join(task_names(), ", "));
}

}  // namespace

const std::vector<std::string>& task_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> out;
    for (const auto& task : kTasks) out.push_back(task.name);
    return out;
  }();
  return names;
}

TaskItem task_item(const std::string& task, Dice& dice, WorldSplit split) {
  return task_of(task).item(dice, split);
}

std::string task_file(const std::string& task, const Json& row, bool examples) {
  const Task& known = task_of(task);
  const std::string folder = row.contains("subject") ? task + "_" + row["subject"].get<std::string>() : task;
  return folder + "/" + (examples ? known.examples : known.evaluated) + ".jsonl";
}

std::string exam_document(Dice& dice, WorldSplit split) {
  // mmlu twice: letters are the hardest to learn.
  const Task& task = dice.chance(0.1) ? task_of("mmlu") : kTasks[dice.below(std::size(kTasks))];
  std::string text;
  // Of short items more, so that a model reads about as much of every task.
  const size_t length = 200 + dice.below(1400);
  do {
    const TaskItem item = task.item(dice, split);
    if (text.empty() && task.item == mmlu) {
      text = "The following are multiple choice questions (with answers) about " +
             python::replace(item.row["subject"].get<std::string>(), "_", " ") + ".";
    }
    if (!text.empty()) text += "\n\n";
    text += item.text;
  } while (text.size() < length);
  return text;
}

}  // namespace zebra::world
