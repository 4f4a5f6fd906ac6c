// zebra recipes: what comes with the project, and what one says.
#include <cstdio>
#include <memory>

#include "base/error.h"
#include "base/text.h"
#include "cli/stage_verbs.h"
#include "cli/verbs.h"
#include "pipeline/recipe_files.h"

namespace zebra::cli {

namespace {

// Up to the first full stop before a capital letter; numbers and names of models have full stops, too.
std::string first_sentence(const std::string& text) {
  for (size_t at = text.find(". "); at != std::string::npos; at = text.find(". ", at + 1)) {
    if (at + 2 < text.size() && std::isupper(static_cast<unsigned char>(text[at + 2]))) return text.substr(0, at + 1);
  }
  return text;
}

void list(bool as_json) {
  Json all = Json::array();
  for (const auto& file : recipe_files()) {
    const Json json = read_json(file);
    const bool stages = has_stages(json);
    Json entry = {{"name", file.stem().string()}, {"verb", stages ? "upcycle" : "pretrain"}};
    entry["about"] = json_get<std::string>(json, stages ? "about" : "description", "", file.string());
    entry["kv_percent"] = json.contains("kv_percent") ? json["kv_percent"] : Json(nullptr);
    all.push_back(entry);
  }
  if (as_json) {
    std::printf("%s\n", all.dump(2).c_str());
    return;
  }
  for (const auto& entry : all) {
    const std::string kv = entry["kv_percent"].is_number() ? fixed(entry["kv_percent"].get<double>(), 2) + " % KV" : "";
    std::printf("%-36s %-9s %s\n  %s\n", entry["name"].get<std::string>().c_str(),
                entry["verb"].get<std::string>().c_str(), kv.c_str(),
                first_sentence(entry["about"].get<std::string>()).c_str());
  }
  std::printf("zebra recipes show NAME says more, and which files and flags one needs.\n");
}

// Checked, but printed as it is written: lists stay lists, numbers numbers.
void show(const std::string& name) {
  const fs::path file = find_recipe(name);
  const Json json = read_recipe_json(file);
  if (has_stages(json)) parse_recipe(json, file.string(), stage_verbs().known);
  std::printf("%s\n", json.dump(2).c_str());
}

}  // namespace

void add_recipes(CLI::App& app) {
  const auto json = std::make_shared<bool>(false);
  const auto name = std::make_shared<std::string>();
  CLI::App* verb = app.add_subcommand("recipes", "recipes that come with the project: list, or show NAME");
  verb->require_subcommand(1);
  CLI::App* lists = verb->add_subcommand("list", "names, what they are, and what is kept of the KV cache");
  lists->add_flag("--json", *json, "one JSON list instead of text");
  lists->callback([json] { list(*json); });
  CLI::App* shows = verb->add_subcommand("show", "one recipe, checked");
  shows->add_option("RECIPE", *name, "a file (.json, or AMD's .yaml), or a name from the list")->required();
  shows->callback([name] { show(*name); });
}

}  // namespace zebra::cli
