#pragma once
// The definitions, one file each.
#include <set>

#include "eval/task.h"

namespace zebra::tasks {

Task arc(const std::string& name);  // arc_easy, arc_challenge
Task boolq();
Task gsm8k();
Task hellaswag();
Task lambada();
Task mmlu(const std::string& name);                    // mmlu_SUBJECT
Task needle(const std::string& kind, int64_t length);  // needle_LENGTH, keys_LENGTH
Task openbookqa();
Task piqa();
Task pubmedqa();
Task race();
Task ruler();
Task wikitext();
Task winogrande();

struct MmluGroup {
  TaskGroup group;
  std::set<std::string> subjects;
};
const std::vector<MmluGroup>& mmlu_groups();  // mmlu_stem ..., in the harness's order

}  // namespace zebra::tasks
