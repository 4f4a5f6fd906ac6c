#include "cli/stage_verbs.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "cli/verbs.h"

namespace zebra::cli {

namespace {

struct Adder {
  const char* name;
  void (*add)(CLI::App& app);
  const char* suffix;                               // of the output, where it is a file
  const char *folder_key = "", *folder_value = "";  // the setting with which it is a folder
  const char* each = "";                            // the setting of which each folder has an output
};

constexpr Adder kAdders[] = {
    {"align", add_align, ""},    {"convert", add_convert, ""},     {"distill", add_distill, "", "", "", "student"},
    {"eval", add_eval, ".json"}, {"export", add_export, ""},       {"prune", add_prune, ""},
    {"select", add_select, ""},  {"sample", add_sample, ".jsonl"}, {"world", add_world, ".jsonl", "kind", "tasks"}};

// What convert takes for MLA layers alone.
const std::vector<std::string> kOfMla = {"kv_rank",  "kv_ranks",     "rope_dim", "rope_dims", "rope_pairs",
                                         "nope_dim", "v_dim",        "q_rank",   "mla_init",  "split",
                                         "rank",     "full_kv_head", "lora_norm"};

StageVerb describe(const Adder& adder) {
  CLI::App app;
  adder.add(app);
  StageVerb verb{.name = adder.name,
                 .takes_out = false,
                 .suffix = adder.suffix,
                 .folder_if = {adder.folder_key, adder.folder_value},
                 .each = adder.each};
  if (verb.name == "convert") verb.governs = "mla_layers", verb.governed = kOfMla;
  // How a stage runs is for upcycle to say; a recipe within a recipe would hide settings from its checks.
  static const std::set<std::string> kNotSettings = {"help", "overwrite", "recipe", "set", "resume"};
  for (const CLI::Option* option : app.get_subcommand(adder.name)->get_options()) {
    if (option->get_positional()) {
      verb.places.push_back(option->get_name(true, false));
      continue;
    }
    if (option->get_lnames().empty()) continue;
    std::string key = option->get_lnames().front();
    std::replace(key.begin(), key.end(), '-', '_');
    if (key == "json") {
      verb.has_json = true;
    } else if (key == "out") {
      verb.takes_out = true;
    } else if (!kNotSettings.count(key)) {
      (option->get_expected_max() == 0 ? verb.switches : verb.options).push_back(key);
    }
  }
  return verb;
}

void check_arguments(const std::vector<std::string>& arguments, const std::string& where) {
  CLI::App app;
  for (const auto& adder : kAdders) {
    if (arguments.front() == adder.name) adder.add(app);
  }
  // Thrown when all is parsed and checked, before the verb would run.
  app.parse_complete_callback([] { throw CLI::Success(); });
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::Success&) {
  } catch (const CLI::ParseError& error) {
    fail_usage(where, ": ", error.what());
  }
}

}  // namespace

const StageVerbs& stage_verbs() {
  static const StageVerbs verbs = [] {
    StageVerbs all{{}, check_arguments};
    for (const auto& adder : kAdders) all.known.push_back(describe(adder));
    return all;
  }();
  return verbs;
}

}  // namespace zebra::cli
