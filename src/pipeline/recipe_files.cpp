#include "pipeline/recipe_files.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "pipeline/amd_config.h"
#include "version/version.h"

namespace zebra {

std::vector<fs::path> recipe_files() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(fs::path(source_folder()) / "recipes")) {
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

fs::path find_recipe(const std::string& recipe) {
  if (fs::is_regular_file(recipe)) return recipe;
  std::vector<std::string> names;
  for (const auto& file : recipe_files()) {
    names.push_back(file.stem().string());
    if (recipe == names.back() || recipe == file.filename()) return file;
  }
  const std::string near = nearest(recipe, names);
  fail_usage(recipe, ": no such file, and no recipe of that name comes with the project",
             near.empty() ? "; see zebra recipes list" : ": did you mean " + near + "?");
}

Json read_recipe_json(const fs::path& file) {
  if (file.extension() != ".yaml" && file.extension() != ".yml") return read_json(file);
  constexpr size_t kLimit = 1 << 20;
  const AmdConfig config = read_amd_config(read_file(file, kLimit), file.string());
  if (!config.ignored.empty()) log_line(file.string() + ": ignored: " + join(config.ignored, ", "));
  return config.recipe;
}

Recipe load_recipe(const fs::path& file, const std::vector<StageVerb>& verbs) {
  const Json json = read_recipe_json(file);
  if (json.is_object() && !has_stages(json) && json.contains("model")) {
    fail_usage(file.string(), ": this is a recipe of zebra pretrain, without stages");
  }
  return parse_recipe(json, file.string(), verbs);
}

bool has_stages(const Json& json) {
  return json.is_object() && json.contains("stages");
}

std::string teacher_folder(const std::string& teacher) {
  if (teacher.empty()) return default_teacher();
  const fs::path ours = fs::path(source_folder()) / teacher;
  return !fs::exists(teacher) && fs::exists(ours) ? ours.string() : teacher;
}

}  // namespace zebra
