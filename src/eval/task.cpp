#include "eval/task.h"

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "eval/tasks/all.h"

namespace zebra {

namespace {

// A task here is one line here and one file in tasks/.
std::vector<Task> all_tasks() {
  return {
      tasks::arc("arc_challenge"), tasks::arc("arc_easy"), tasks::boolq(),      tasks::gsm8k(),
      tasks::hellaswag(),          tasks::lambada(),       tasks::openbookqa(), tasks::piqa(),
      tasks::pubmedqa(),           tasks::race(),          tasks::ruler(),      tasks::wikitext(),
      tasks::winogrande(),
  };
}

// The subjects whose folders are there: "mmlu_anatomy" ...
std::vector<std::string> subjects(const std::string& data_folder) {
  std::vector<std::string> found;
  if (fs::is_directory(data_folder)) {
    for (const auto& entry : fs::directory_iterator(data_folder)) {
      const std::string name = entry.path().filename().string();
      if (entry.is_directory() && name.starts_with("mmlu_")) found.push_back(name);
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

// Of the subjects found, those that `name` means: "mmlu" all, "mmlu_stem" its own.
std::vector<Task> mmlu_tasks(const std::string& name, const std::string& data_folder) {
  std::vector<std::string> left = subjects(data_folder);
  std::vector<Task> chosen;
  for (const tasks::MmluGroup& part : tasks::mmlu_groups()) {
    if (name != "mmlu" && name != part.group.name) continue;
    for (const std::string& subject : left) {
      if (!part.subjects.contains(subject)) continue;
      chosen.push_back(tasks::mmlu(subject));
      if (name == "mmlu") chosen.back().groups.push_back({name, name});
      chosen.back().groups.push_back(part.group);
    }
    std::erase_if(left, [&](const std::string& subject) { return part.subjects.contains(subject); });
  }
  if (name == "mmlu") {  // subjects of our own
    for (const std::string& subject : left) {
      chosen.push_back(tasks::mmlu(subject));
      chosen.back().groups.push_back({name, name});
    }
  }
  return chosen;
}

bool is_mmlu_group(const std::string& name) {
  const auto& parts = tasks::mmlu_groups();
  return name == "mmlu" || std::any_of(parts.begin(), parts.end(), [&](const auto& p) { return p.group.name == name; });
}

// A number of up to nine digits and nothing else.
std::optional<int64_t> small_number(const std::string& text) {
  if (text.empty() || text.size() > 9 || text.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
  return std::stoll(text);
}

// LENGTH of needle_LENGTH or keys_LENGTH; 0 for other names.
int64_t length_of(const std::string& name) {
  if (!name.starts_with("needle_") && !name.starts_with("keys_")) return 0;
  return small_number(name.substr(name.find('_') + 1)).value_or(0);
}

}  // namespace

std::vector<std::string> task_names() {
  std::vector<std::string> names = {"mmlu", "needle", "keys"};
  for (const tasks::MmluGroup& part : tasks::mmlu_groups()) names.push_back(part.group.name);
  for (const Task& task : all_tasks()) names.push_back(task.name);
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<Task> find_tasks(const std::string& names, const std::string& data_folder, int64_t context) {
  const std::vector<Task> known = all_tasks();
  std::vector<Task> chosen;
  const auto add = [&](Task task) {
    for (const Task& other : chosen) {
      if (other.name == task.name) fail_usage("--tasks: ", task.name, " stands there twice");
    }
    chosen.push_back(std::move(task));
  };
  for (const std::string& name : split(names, ',')) {
    if (is_mmlu_group(name)) {
      std::vector<Task> found = mmlu_tasks(name, data_folder);
      if (found.empty()) {
        fail_input(data_folder, ": expected folders mmlu_SUBJECT (mmlu_anatomy ...) of ", name,
                   ", found none; see docs/formats.md");
      }
      for (Task& task : found) add(std::move(task));
    } else if (name == "needle" || name == "keys") {
      for (int64_t length = 1024; length <= context; length *= 2) {
        add(tasks::needle(name, length));
        chosen.back().groups.push_back({name, name});
      }
      if (context < 1024)
        fail_usage("--tasks ", name, ": the context of ", context, " tokens is shorter than 1024: name a length, ",
                   name, "_", context);
    } else if (const int64_t length = length_of(name); length > 0) {
      if (length > context) fail_usage("--tasks ", name, ": longer than the context of ", context, " tokens");
      add(tasks::needle(name.substr(0, name.find('_')), length));
    } else if (name.starts_with("mmlu_")) {
      add(tasks::mmlu(name));
    } else {
      const auto found = std::find_if(known.begin(), known.end(), [&](const Task& task) { return task.name == name; });
      if (found == known.end()) {
        const std::string near = nearest(name, task_names());
        fail_usage("--tasks: unknown task \"", name.substr(0, 80), "\"",
                   near.empty() ? cat("; known are ", join(task_names(), ", ")) : cat(": do you mean ", near, "?"));
      }
      add(*found);
    }
  }
  return chosen;
}

namespace tasks {

std::string text(const Json& document, const std::string& key, const std::string& where) {
  return json_get<std::string>(document, key, where);
}

std::vector<std::string> texts(const Json& document, const std::string& key, const std::string& where) {
  return json_get<std::vector<std::string>>(document, key, where);
}

const Json& part(const Json& document, const std::string& key, const std::string& where) {
  const auto found = document.find(key);
  if (found == document.end() || !found->is_object()) {
    fail_input(where, ": key \"", key, "\": expected an object, found ",
               found == document.end() ? "no such key" : found->dump().substr(0, 80));
  }
  return *found;
}

int64_t label(const Json& document, const std::string& key, const std::string& where) {
  const auto found = document.find(key);
  if (found != document.end() && found->is_boolean()) return found->get<bool>() ? 1 : 0;
  if (found != document.end() && found->is_string()) {
    const std::string digits = found->get<std::string>();
    const auto number = small_number(digits);
    if (!number) {
      fail_input(where, ": key \"", key, "\": expected the number of a choice, found \"", digits.substr(0, 80), "\"");
    }
    return *number;
  }
  return json_get<int64_t>(document, key, where);
}

int64_t place_of(const std::string& wanted, const std::vector<std::string>& labels, const std::string& where) {
  const auto found = std::find(labels.begin(), labels.end(), wanted);
  if (found == labels.end()) {
    fail_input(where, ": expected an answer among ", join(labels, ", ").substr(0, 200), ", found \"",
               wanted.substr(0, 80), "\"");
  }
  return found - labels.begin();
}

}  // namespace tasks

}  // namespace zebra
