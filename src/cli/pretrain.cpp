#include "train/pretrain.h"

#include <memory>

#include "cli/field_options.h"
#include "cli/train_report.h"
#include "cli/verbs.h"

namespace zebra::cli {

namespace {

struct Request {
  FieldOptions fields;
  std::string out;
  RunFlags run;
};

void run(const Request& request) {
  PretrainRecipe recipe = request.fields.read(PretrainRecipe{});
  if (!request.out.empty()) recipe.out = request.out;
  std::string command = "zebra pretrain " + shell_word(request.fields.recipe);
  for (const auto& assignment : request.fields.assignments) command += " --set " + shell_word(assignment);
  command += " --out " + shell_word(recipe.out);
  const PretrainResult result = pretrain(recipe, request.run.overwrite, request.run.resumes(), command);
  print_report({recipe.out, "loss", result.parameters}, result.report, save_fields(result.settings), request.run.json);
}

}  // namespace

void add_pretrain(CLI::App& app) {
  auto* verb = app.add_subcommand("pretrain", "train a Llama-style model from scratch");
  const auto request = std::make_shared<Request>();
  verb->add_option("RECIPE", request->fields.recipe, "JSON recipe (keys: zebra pretrain --help)")->required();
  request->fields.add_set(*verb);
  verb->add_option("--out", request->out, "folder for the result; default: the recipe's");
  request->run.add_to(*verb);
  verb->footer("Keys of a recipe and of --set, with their defaults:\n" + fields_help(PretrainRecipe{}));
  verb->callback([request] { run(*request); });
}

}  // namespace zebra::cli
