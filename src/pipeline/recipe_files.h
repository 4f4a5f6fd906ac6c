#pragma once
// Where recipes are: a file, or a name in the project's recipes/.
#include <string>
#include <vector>

#include "pipeline/recipe.h"

namespace zebra {

std::vector<fs::path> recipe_files();  // of the project, sorted by name

// `recipe` is a file (.json, or one of AMD's .yaml) or the name of a recipe that comes with the project; Error(usage)
// with the nearest name.
fs::path find_recipe(const std::string& recipe);
// The JSON of a recipe file; of AMD's configs what they become, with a line on stderr about what that leaves out.
Json read_recipe_json(const fs::path& file);
Recipe load_recipe(const fs::path& file, const std::vector<StageVerb>& verbs);

// Whether the file is a recipe of stages; the others are those of `zebra pretrain`.
bool has_stages(const Json& json);

// The recipe's teacher as a folder: as given, else in the project's folder; a recipe that names none means the model
// that comes with the project.
std::string teacher_folder(const std::string& teacher);

}  // namespace zebra
