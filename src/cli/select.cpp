// zebra select: which layers keep a cache. Scores every layer with two students of one teacher, chooses, and writes the
// hybrid that has the chosen layers of one and the others of the other.
#include <cstdio>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/documents.h"
#include "cli/model_options.h"
#include "cli/verbs.h"
#include "eval/text_eval.h"
#include "io/json.h"
#include "model/checkpoint.h"
#include "select/restore_one.h"
#include "select/score_plot.h"
#include "select/selectors.h"

namespace zebra::cli {

namespace {

struct Options {
  std::string teacher, mamba2, mla, out, method = "smart";
  int64_t count = 0;
  TextOptions text;
  bool overwrite = false, json = false;
  ModelOptions model;
};

std::string layers_text(const std::vector<int64_t>& layers) {
  std::vector<std::string> parts;
  for (const int64_t layer : layers) parts.push_back(std::to_string(layer));
  return join(parts, ",");
}

void run(const Options& options) {
  const at::TensorOptions how = options.model.apply();
  check_pair(read_config(options.mamba2), read_config(options.mla), options.mla);
  const Model teacher = load_model(options.teacher, how);
  Model student = load_model(options.mamba2, how), donor = load_model(options.mla, how);
  const auto documents = token_documents(options.teacher, options.text, teacher.config());

  Progress progress("scoring", static_cast<double>(student.config().layers() + 1));
  double done = 0;
  const RestoreOne measured = restore_one(student, donor, [&](const Model& model) {
    const double kl = *evaluate_text(model, &teacher, documents, options.text.eval).kl;
    progress.update(++done, cat("KL ", fixed(kl, 4)));
    return kl;
  });
  progress.finish();
  const auto layers = select_layers(options.method, measured.scores, options.count);

  Json json;
  json["method"] = options.method;
  json["mla_layers"] = layers;
  json["scores"] = measured.scores;
  json["kl_without"] = measured.base;
  json["text"] = options.text.text;
  OutputFolder out(options.out, options.overwrite);
  Model hybrid = combine(std::move(student), std::move(donor), layers);
  json["kl"] = *evaluate_text(hybrid, &teacher, documents, options.text.eval).kl;
  save_model(out.path(), hybrid);
  copy_companions(options.mamba2, out.path());
  write_json(out.path() / "selection.json", json);
  write_file(out.path() / "selection.svg",
             score_plot(cat("KL saved by MLA in one layer (", options.method, ")"), measured.scores, layers));
  out.commit();

  if (options.json) {
    std::printf("%s\n", json.dump().c_str());
    return;
  }
  std::printf("layer  KL saved by MLA there alone (of %.4f)\n", measured.base);
  for (size_t layer = 0; layer < measured.scores.size(); ++layer) {
    const bool taken = std::count(layers.begin(), layers.end(), static_cast<int64_t>(layer)) > 0;
    std::printf("%5zu  %8.4f%s\n", layer, measured.scores[layer], taken ? "  <- MLA" : "");
  }
  std::printf("%s: --mla-layers %s; %s has KL %.4f\n", options.method.c_str(), layers_text(layers).c_str(),
              options.out.c_str(), json["kl"].get<double>());
}

}  // namespace

void add_select(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("select", "choose the layers that become MLA, and build that hybrid");
  verb->add_option("teacher", options->teacher, "checkpoint folder of the Transformer")->required();
  verb->add_option("--mamba2-student", options->mamba2, "its student with Mamba2 in every layer")->required();
  verb->add_option("--mla-student", options->mla, "its student with MLA in every layer")->required();
  options->text.add_to(*verb);
  verb->add_option("--count", options->count, "layers to give MLA")->required()->check(CLI::PositiveNumber);
  verb->add_option("--method", options->method, "smart (Zebra-Llama's), largest or uniform")->capture_default_str();
  verb->add_option("--out", options->out, "folder to write: the hybrid, selection.json, selection.svg")->required();
  verb->add_flag("--overwrite", options->overwrite, "replace --out if it exists");
  verb->add_flag("--json", options->json, "one JSON object instead of a table");
  options->model.add_to(*verb);
  verb->callback([options] { run(*options); });
}

}  // namespace zebra::cli
