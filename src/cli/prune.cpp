// zebra prune: a smaller Transformer of the same family, by what calibration text uses (Minitron).
#include <algorithm>
#include <cstdio>

#include "base/error.h"
#include "base/log.h"
#include "base/output.h"
#include "base/text.h"
#include "cli/field_options.h"
#include "cli/model_flags.h"
#include "cli/verbs.h"
#include "io/card.h"
#include "upcycle/prune.h"
#include "upcycle/prune_settings.h"

namespace zebra::cli {

namespace {

struct Options {
  std::string teacher, out;
  bool overwrite = false, json = false;
  FieldOptions fields;
  ModelOptions model;
};

// Whether layers go, and by what dropping one costs.
bool by_kl(const PruneSettings& settings, const ModelConfig& teacher) {
  return settings.depth == "kl" && settings.target.layers < teacher.layers();
}

std::vector<double> layer_scores(const Options& options, const Calibration& calibration, const Importance& importance,
                                 bool by_kl) {
  std::vector<double> scores;
  for (const auto& layer : importance.layers) scores.push_back(layer.influence);
  if (!by_kl) return scores;
  Model teacher = load_model(options.teacher, options.model.apply(options.teacher));
  Progress progress("dropping layers", static_cast<double>(scores.size()));
  const auto rows = calibration.ids.narrow(0, calibration.fitted(), calibration.held_out);
  scores = drop_scores(teacher, rows, [&](int64_t done) { progress.update(static_cast<double>(done), "layers"); });
  progress.finish();
  return scores;
}

Json result_json(const PruneChoice& choice, const std::vector<double>& scores, const ModelConfig& pruned,
                 const std::string& origin) {
  Json json;
  json["layers"] = choice.layers;
  json["layer_scores"] = scores;
  json["hidden"] = pruned.hidden;
  json["intermediate"] = pruned.intermediate;
  json["heads"] = base_attention(pruned).heads;
  json["kv_heads"] = base_attention(pruned).kv_heads;
  json["calibration"] = origin;
  return json;
}

void run(const Options& options) {
  auto settings = options.fields.read(PruneSettings{});
  const auto device = options.model.apply(options.teacher).device();
  const ModelConfig teacher = read_config(options.teacher);
  const auto source = WeightSource::open(options.teacher);
  check_weights(*source, teacher);
  settings.target = complete(settings.target, teacher);
  settings.check();
  const ModelConfig pruned = plan_pruned(teacher, settings.target);  // refuses before anything is measured
  OutputFolder out(options.out, options.overwrite, {options.teacher, settings.calibration});
  const Calibration calibration =
      make_calibration(options.teacher, teacher, settings.calibration, settings.calibration_tokens,
                       static_cast<uint64_t>(settings.seed), settings.bos);
  Progress progress("measuring", static_cast<double>(teacher.layers()));
  const Importance importance = measure_importance(*source, teacher, calibration, device, [&](int64_t done) {
    progress.update(static_cast<double>(done), "layers");
  });
  progress.finish();
  const auto scores = layer_scores(options, calibration, importance, by_kl(settings, teacher));
  const PruneChoice choice = choose_parts(importance, scores, teacher, settings.target);
  std::vector<WeightWriter::Entry> plan = parameter_plan(pruned);
  for (auto& entry : plan) {
    // As the teacher stores its own; layers share their dtypes.
    if (source->has(entry.name)) entry.dtype = source->dtype(entry.name);
  }
  WeightWriter writer(out.path(), plan);
  write_pruned(*source, teacher, pruned, choice, importance,
               [&](const std::string& name, const at::Tensor& value) { writer.put(name, value); });
  writer.finish();
  write_config(out.path(), pruned);
  copy_companions(options.teacher, out.path());
  const Json json = result_json(choice, scores, pruned, calibration.origin);
  write_json(out.path() / "pruning.json", json);
  write_file(out.path() / "README.md",
             card_head({.title = fs::path(options.out).filename().string(),
                        .origin = cat("A smaller `", options.teacher, "`, not trained yet."),
                        .how = command_text(
                            "prune " + shell_word(options.teacher) + " --out " + shell_word(options.out), settings),
                        .made_from = options.teacher,
                        .tags = {"pruned"}}) +
                 cat("Importance was measured on ", calibration.origin,
                     ".\n\nBeside it: `pruning.json` (what was kept).\n", earlier_card(options.teacher)));
  out.commit();
  if (options.json) {
    std::printf("%s\n", json.dump().c_str());
    return;
  }
  std::string table = cat("layer  ", by_kl(settings, teacher) ? "KL without it" : "influence", "\n");
  for (size_t layer = 0; layer < scores.size(); ++layer) {
    const bool kept = std::count(choice.layers.begin(), choice.layers.end(), static_cast<int64_t>(layer)) > 0;
    table += cat(padded(std::to_string(layer), 5), "  ", fixed(scores[layer], 4), kept ? "" : "  dropped", "\n");
  }
  std::printf("%s%s: hidden %ld of %ld, MLP %ld of %ld, heads %ld of %ld, kv heads %ld of %ld\n", table.c_str(),
              options.out.c_str(), long(pruned.hidden), long(teacher.hidden), long(pruned.intermediate),
              long(teacher.intermediate), long(settings.target.heads), long(base_attention(teacher).heads),
              long(settings.target.kv_heads), long(base_attention(teacher).kv_heads));
}

}  // namespace

void add_prune(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("prune", "make a smaller Transformer of a Transformer, for distill to repair");
  verb->add_option("teacher", options->teacher, "checkpoint folder of the Transformer")->required();
  verb->add_option("--out", options->out, "folder to write")->required();
  verb->add_flag("--overwrite", options->overwrite, "replace --out if it exists");
  verb->add_flag("--json", options->json, "one JSON object instead of a table");
  options->fields.add_recipe(*verb);
  options->fields.add_flags(*verb, PruneSettings{});
  add_model_flags(*verb, options->model);
  verb->callback([options] { run(*options); });
}

}  // namespace zebra::cli
