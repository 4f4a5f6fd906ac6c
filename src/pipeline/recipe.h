#pragma once
// A recipe: one JSON file that says which verbs make a model out of a teacher, stage by stage (docs/formats.md). Values
// are kept as a person would type them; "@NAME" is the output of an earlier stage and "@teacher" the recipe's teacher.
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"
#include "io/json.h"

namespace zebra {

// What a verb takes, as far as a recipe must know. Keys are the long flags with _ for -.
struct StageVerb {
  std::string name;
  std::vector<std::string> places;                // arguments given by place, in order: "teacher"
  std::vector<std::string> options;               // take a value
  std::vector<std::string> switches;              // take none: true gives the flag
  bool has_json = false;                          // prints its result with --json
  bool takes_out = true;                          // writes --out; else what it prints is kept as its output
  std::string suffix;                             // of its output's name, for a file
  std::pair<std::string, std::string> folder_if;  // with this setting the output is a folder all the same
  // Keys that mean nothing where this setting is absent or none: a key=value for all stages leaves such a stage out.
  std::string governs;
  std::vector<std::string> governed;
  std::string each;  // setting that may name several folders: each has an output, in the stage's, under its own name

  std::vector<std::string> keys() const;
};

struct Stage {
  std::string name, verb;
  std::vector<std::pair<std::string, std::string>> settings;  // in the recipe's order

  const std::string* find(const std::string& key) const;
  void set(const std::string& key, const std::string& text);
};

struct Recipe {
  std::string name, about, teacher;
  std::optional<double> kv_percent;  // what the last model keeps of the cache, for lists; the dry run computes it
  std::vector<Stage> stages;
};

// Unknown keys, verbs and settings are errors with the nearest known one; `where` begins every message.
Recipe parse_recipe(const Json& json, const std::string& where, const std::vector<StageVerb>& verbs);
Json recipe_json(const Recipe& recipe);

// --set: "teacher=DIR", "STAGE.key=value", or "key=value" for every stage whose verb knows the key.
void set_recipe(Recipe& recipe, const std::string& assignment, const std::vector<StageVerb>& verbs);

// Every "@NAME" is the teacher or an earlier stage.
void check_references(const Recipe& recipe, const std::string& where);
std::vector<std::string> references(const Stage& stage);  // names of stages, without "teacher"

const StageVerb& verb_of(const Stage& stage, const std::vector<StageVerb>& verbs);

// Where a recipe's outputs are: by stage name, and "teacher".
using StageOutputs = std::map<std::string, std::string>;
StageOutputs stage_outputs(const Recipe& recipe, const std::string& out, const std::vector<StageVerb>& verbs);

// "@choose/selection.json" -> "out/x/choose/selection.json"; also inside comma lists.
std::string resolve(const std::string& text, const StageOutputs& outputs);

// What a stage writes: its output, or where its verb makes something of each of several folders, one in it for each.
std::vector<std::string> written_by(const Stage& stage, const StageVerb& verb, const StageOutputs& outputs);

// The words of the command line that runs a stage: {"convert", "TEACHER", "--out", ...}.
std::vector<std::string> stage_arguments(const Stage& stage, const StageVerb& verb, const StageOutputs& outputs);

}  // namespace zebra
