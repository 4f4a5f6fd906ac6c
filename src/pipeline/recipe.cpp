#include "pipeline/recipe.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/fields.h"
#include "base/text.h"

namespace zebra {

namespace {

bool contains(const std::vector<std::string>& list, const std::string& word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

std::string scalar_text(const Json& value, const std::string& where) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return field_text(value.get<bool>());
  if (value.is_number()) return value.dump();
  fail_input(where, ": expected text, a number, true, false or a list of these, found ", value.dump().substr(0, 80));
}

std::string value_text(const Json& value, const std::string& where) {
  if (!value.is_array()) return scalar_text(value, where);
  std::vector<std::string> words;
  for (const auto& element : value) words.push_back(scalar_text(element, where));
  return join(words, ",");
}

std::vector<std::string> verb_names(const std::vector<StageVerb>& verbs) {
  std::vector<std::string> names;
  for (const auto& verb : verbs) names.push_back(verb.name);
  return names;
}

void check_switch(const StageVerb& verb, const std::string& key, const std::string& text, const std::string& where,
                  ErrorKind kind) {
  bool on = false;
  if (contains(verb.switches, key) && !parse_field(text, on)) {
    fail(kind, where, ": ", key, ": expected true or false, found \"", text, "\"");
  }
}

// Names are folders, and a stage's is a word after @ and before the dot of --set: a recipe's may have dots, too.
void check_name(const std::string& name, const std::string& more, const std::string& where) {
  const std::string letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-" + more;
  if (name.empty() || name[0] == '.' || name.find_first_not_of(letters) != std::string::npos) {
    fail_input(where, ": expected a name of letters, digits, _ and -, found \"", name, "\"");
  }
  if (name == "teacher") fail_input(where, ": the name teacher is taken by the recipe's teacher; choose another");
}

Stage parse_stage(const Json& json, const std::string& at, const std::string& recipe,
                  const std::vector<StageVerb>& verbs) {
  if (!json.is_object()) fail_input(at, ": expected an object, found ", json.dump().substr(0, 80));
  Stage stage;
  stage.name = json_get<std::string>(json, "stage", at);
  check_name(stage.name, "", at);
  const std::string where = recipe + ": stage " + stage.name;
  stage.verb = json_get<std::string>(json, "verb", where);
  const auto names = verb_names(verbs);
  if (!contains(names, stage.verb)) {
    const std::string near = nearest(stage.verb, names);
    fail_input(where, ": unknown verb \"", stage.verb, "\"",
               near.empty() ? "; known are " + join(names, ", ") : " (did you mean \"" + near + "\"?)");
  }
  const StageVerb& verb = verb_of(stage, verbs);
  for (const auto& [key, value] : json.items()) {
    if (key == "stage" || key == "verb" || value.is_null()) continue;
    if (!contains(verb.keys(), key)) fail_unknown_field(ErrorKind::input, where, key, verb.keys());
    const std::string text = value_text(value, where + ": " + key);
    check_switch(verb, key, text, where, ErrorKind::input);
    stage.set(key, text);
  }
  return stage;
}

// "@choose/selection.json" -> "choose"; "" for a word that is no reference.
std::string reference_name(const std::string& word) {
  return word.empty() || word[0] != '@' ? "" : word.substr(1, word.find('/') - 1);
}

}  // namespace

std::vector<std::string> StageVerb::keys() const {
  std::vector<std::string> all = places;
  all.insert(all.end(), options.begin(), options.end());
  all.insert(all.end(), switches.begin(), switches.end());
  if (takes_out) all.push_back("out");
  return all;
}

const std::string* Stage::find(const std::string& key) const {
  for (const auto& [name, text] : settings) {
    if (name == key) return &text;
  }
  return nullptr;
}

void Stage::set(const std::string& key, const std::string& text) {
  for (auto& setting : settings) {
    if (setting.first == key) {
      setting.second = text;
      return;
    }
  }
  settings.emplace_back(key, text);
}

const StageVerb& verb_of(const Stage& stage, const std::vector<StageVerb>& verbs) {
  return *std::find_if(verbs.begin(), verbs.end(), [&](const StageVerb& verb) { return verb.name == stage.verb; });
}

Recipe parse_recipe(const Json& json, const std::string& where, const std::vector<StageVerb>& verbs) {
  if (!json.is_object()) fail_input(where, ": expected a JSON object, found ", json.dump().substr(0, 80));
  const std::vector<std::string> known = {"name", "about", "teacher", "kv_percent", "stages"};
  for (const auto& [key, value] : json.items()) {
    if (!contains(known, key)) fail_unknown_field(ErrorKind::input, where, key, known);
  }
  Recipe recipe;
  recipe.name = json_get<std::string>(json, "name", where);
  check_name(recipe.name, ".", where + ": name");
  recipe.about = json_get<std::string>(json, "about", "", where);
  recipe.teacher = json_get<std::string>(json, "teacher", "", where);
  if (json.contains("kv_percent")) recipe.kv_percent = json_get<double>(json, "kv_percent", where);
  if (!json.contains("stages") || !json["stages"].is_array() || json["stages"].empty()) {
    fail_input(where, ": key \"stages\": expected a list of stages");
  }
  std::set<std::string> names;
  for (size_t i = 0; i < json["stages"].size(); ++i) {
    Stage stage = parse_stage(json["stages"][i], cat(where, ": stage ", i + 1), where, verbs);
    if (!names.insert(stage.name).second) fail_input(where, ": stage ", stage.name, " is there twice; rename one");
    recipe.stages.push_back(std::move(stage));
  }
  check_references(recipe, where);
  return recipe;
}

Json recipe_json(const Recipe& recipe) {
  Json json;
  json["name"] = recipe.name;
  json["about"] = recipe.about;
  json["teacher"] = recipe.teacher;
  if (recipe.kv_percent) json["kv_percent"] = *recipe.kv_percent;
  json["stages"] = Json::array();
  for (const auto& stage : recipe.stages) {
    Json one = {{"stage", stage.name}, {"verb", stage.verb}};
    for (const auto& [key, text] : stage.settings) one[key] = text;
    json["stages"].push_back(one);
  }
  return json;
}

void set_recipe(Recipe& recipe, const std::string& assignment, const std::vector<StageVerb>& verbs) {
  const size_t equals = assignment.find('='), dot = assignment.substr(0, equals).find('.');
  if (equals == std::string::npos || equals == 0) {
    fail_usage("--set ", assignment, ": expected key=value or STAGE.key=value, for example --set device=cuda");
  }
  const std::string text = assignment.substr(equals + 1);
  const std::string stage_name = dot == std::string::npos ? "" : assignment.substr(0, dot);
  std::string key =
      dot == std::string::npos ? assignment.substr(0, equals) : assignment.substr(dot + 1, equals - dot - 1);
  std::replace(key.begin(), key.end(), '-', '_');
  if (stage_name.empty() && key == "teacher") {
    recipe.teacher = text;
    return;
  }
  std::vector<std::string> known, stages;
  bool stage_found = false, key_found = false;
  for (Stage& stage : recipe.stages) {
    stages.push_back(stage.name);
    if (!stage_name.empty() && stage.name != stage_name) continue;
    stage_found = true;
    const StageVerb& verb = verb_of(stage, verbs);
    for (const auto& name : verb.keys()) {
      if (!contains(known, name)) known.push_back(name);
    }
    // One folder for all stages cannot be meant.
    if (!contains(verb.keys(), key) || (stage_name.empty() && key == "out")) continue;
    const std::string* governing = stage.find(verb.governs);
    const bool idle = contains(verb.governed, key) && (!governing || *governing == "none");
    if (stage_name.empty() && idle) continue;
    key_found = true;
    check_switch(verb, key, text, "--set", ErrorKind::usage);
    stage.set(key, text);
  }
  if (!stage_found) {
    const std::string near = nearest(stage_name, stages);
    fail_usage("--set ", assignment, ": the recipe has no stage ", stage_name,
               near.empty() ? "; it has " + join(stages, ", ") : ": did you mean " + near + "?");
  }
  if (!key_found) fail_unknown_field(ErrorKind::usage, "--set", key, known);
}

std::vector<std::string> references(const Stage& stage) {
  std::vector<std::string> names;
  for (const auto& [key, text] : stage.settings) {
    for (const auto& word : split(text, ',')) {
      const std::string name = reference_name(word);
      if (!name.empty() && name != "teacher" && !contains(names, name)) names.push_back(name);
    }
  }
  return names;
}

void check_references(const Recipe& recipe, const std::string& where) {
  std::vector<std::string> earlier, all;
  for (const auto& stage : recipe.stages) all.push_back(stage.name);
  for (const auto& stage : recipe.stages) {
    for (const auto& name : references(stage)) {
      if (contains(earlier, name)) continue;
      const std::string near = nearest(name, earlier);
      fail_input(where, ": stage ", stage.name, ": @", name,
                 contains(all, name) ? " does not come before it: a stage uses the outputs of earlier ones only"
                                     : " is no stage",
                 near.empty() || contains(all, name) ? "" : " (did you mean @" + near + "?)");
    }
    earlier.push_back(stage.name);
  }
}

StageOutputs stage_outputs(const Recipe& recipe, const std::string& out, const std::vector<StageVerb>& verbs) {
  StageOutputs outputs = {{"teacher", recipe.teacher}};
  for (const auto& stage : recipe.stages) {
    const StageVerb& verb = verb_of(stage, verbs);
    const std::string *given = stage.find("out"), *kind = stage.find(verb.folder_if.first);
    const bool folder = kind && *kind == verb.folder_if.second;
    outputs[stage.name] = given ? *given : (fs::path(out) / (stage.name + (folder ? "" : verb.suffix))).string();
  }
  return outputs;
}

std::string resolve(const std::string& text, const StageOutputs& outputs) {
  std::vector<std::string> words = split(text, ',');
  for (auto& word : words) {
    const std::string name = reference_name(word);
    if (!name.empty()) word = outputs.at(name) + word.substr(1 + name.size());
  }
  return join(words, ",");
}

std::vector<std::string> written_by(const Stage& stage, const StageVerb& verb, const StageOutputs& outputs) {
  const std::string& output = outputs.at(stage.name);
  const std::string* each = verb.each.empty() ? nullptr : stage.find(verb.each);
  const auto folders = each ? split(resolve(*each, outputs), ',') : std::vector<std::string>();
  if (folders.size() < 2) return {output};
  std::vector<std::string> out;
  for (const auto& folder : folders) out.push_back((fs::path(output) / fs::path(folder).filename()).string());
  return out;
}

std::vector<std::string> stage_arguments(const Stage& stage, const StageVerb& verb, const StageOutputs& outputs) {
  std::vector<std::string> arguments = {stage.verb};
  for (const auto& key : verb.places) {
    if (const std::string* text = stage.find(key)) arguments.push_back(resolve(*text, outputs));
  }
  for (const auto& [key, text] : stage.settings) {
    if (key == "out" || contains(verb.places, key)) continue;
    std::string flag = "--" + key;
    std::replace(flag.begin(), flag.end(), '_', '-');
    if (!contains(verb.switches, key)) {
      arguments.push_back(flag);
      arguments.push_back(resolve(text, outputs));
    } else if (bool on = false; parse_field(text, on) && on) {
      arguments.push_back(flag);
    }
  }
  if (verb.takes_out) {
    arguments.push_back("--out");
    arguments.push_back(join(written_by(stage, verb, outputs), ","));
  }
  return arguments;
}

}  // namespace zebra
