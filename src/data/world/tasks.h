#pragma once
// Nine multiple-choice tasks on the generated world, in the field names of the datasets that the papers use, so that
// `zebra eval --tasks` and lm-evaluation-harness read them as they read those.
#include "data/world/dice.h"
#include "io/json.h"

namespace zebra::world {

// Recall in LAMBADA's form: a model reads the words before it knows the last one. None of the nine tasks.
inline constexpr const char* kRecallTask = "lambada_openai";

struct TaskItem {
  Json row;          // a line of the task's file
  std::string text;  // the same as text with the right answer, as a model in pretraining reads it
};

// The file of a row within a folder of tasks: "arc_easy/test.jsonl", "mmlu_formal_logic/dev.jsonl"; examples are those
// of few-shot prompts.
std::string task_file(const std::string& task, const Json& row, bool examples);

// arc_challenge, arc_easy, hellaswag, mmlu, openbookqa, piqa, pubmedqa, race, winogrande.
const std::vector<std::string>& task_names();

// Error(usage) for an unknown name.
TaskItem task_item(const std::string& task, Dice& dice, WorldSplit split);

// Some items of one task after each other, as few-shot prompts have them.
std::string exam_document(Dice& dice, WorldSplit split);

}  // namespace zebra::world
