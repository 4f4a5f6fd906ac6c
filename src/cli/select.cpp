// zebra select: which layers keep a cache. Scores every layer (or whole subsets), chooses, and writes the hybrid that
// has the chosen layers of one student and the others of another.
#include <cstdio>

#include "base/error.h"
#include "base/log.h"
#include "cli/field_options.h"
#include "cli/model_options.h"
#include "cli/select_run.h"
#include "cli/verbs.h"
#include "io/card.h"
#include "model/checkpoint.h"
#include "select/restore_one.h"
#include "select/supernet.h"
#include "train/metrics.h"
#include "train/trainer.h"

namespace zebra::cli {

namespace {

struct Options {
  SelectionRequest request;
  StudentFolders given;
  Latents latents;  // of students that are made here
  std::string tokens, resume = "auto";
  std::vector<std::string> distill;  // key=value
  bool overwrite = false, json = false;
  ModelOptions model;
};

// Settings of the methods that train.
void read_training(Options& options) {
  DistillOptions& training = options.request.training;
  if (!options.request.plan.trains()) return;
  training.train.device = options.model.device, training.train.dtype = options.model.dtype;
  training.train.threads = options.model.threads;
  set_field(training, "tokens", options.tokens, "--tokens");
  for (const auto& assignment : options.distill) set_field(training, assignment);
}

// Every flag that is given has a use in the method that is; but for those that `upcycle --set key=value` gives to all
// stages of a recipe: data, kv_rank, rope_dim.
void check_flags(const CLI::App& verb, const Options& options) {
  const ChoicePlan& plan = options.request.plan;
  const auto belong = [&](bool used, const std::vector<const char*>& names, const char* to) {
    if (!used) refuse_flags(verb, names, cat("belongs to ", to));
  };
  const bool searches = plan.searches() || (plan.method.empty() && default_method(plan) == "search");
  belong(plan.trains(), {"--tokens", "--distill"}, "--score trained and supernet, which train");
  belong(plan.recalls(), {"--documents", "--pairs", "--lookups"}, "--score recall and recall-ratio");
  belong(searches, {"--search-all", "--beam"}, "--method search");
  belong(plan.rest == "mamba2", {"--mamba2-student"}, "--rest mamba2");
  if (!plan.trains()) return;
  if (options.tokens.empty())
    throw CLI::ValidationError("--tokens", "is missing: what the students train on before they are compared");
  DistillOptions training;
  for (const auto& assignment : options.distill) set_field(training, assignment);
  if (plan.score == "supernet") check_supernet(training);
}

// How convert makes the students that nobody gave: the teacher measured once for all of them, on (the first of) the
// texts that they train on, if they do.
std::vector<std::string> how_to_convert(const Options& options) {
  const SelectionRequest& request = options.request;
  std::vector<std::string> words = {"--device",     options.model.device,
                                    "--threads",    std::to_string(options.model.threads),
                                    "--statistics", (request.work / kStatisticsName).string()};
  if (request.plan.trains() && request.training.data.front() != "sample") {
    words.insert(words.end(),
                 {"--calibration", request.training.data.front(), "--bos", field_text(request.training.bos)});
  }
  return words;
}

Students<ModelConfig> configs_of(const Students<std::string>& folders) {
  Students<ModelConfig> out{read_config(folders.rest), {}};
  for (const auto& folder : folders.mla) out.mla.push_back(read_config(folder));
  return out;
}

// What a choice may cost is asked before anything is trained or scored.
void check_costs(const ChoicePlan& plan, const Students<ModelConfig>& students, const ModelConfig& teacher) {
  for (const auto& option : students.mla) extra_cost(option, students.rest);
  if (plan.kv_percent > 0) extra_budget(plan.kv_percent, students.rest, teacher);
}

// What the hybrid is, and how its students were made.
std::string hybrid_card(const SelectionRequest& request, const SelectionResult& result) {
  std::string out =
      card_head(fs::path(request.out).filename().string(),
                cat("Layers of several students put together by `zebra select` for `", request.teacher, "`."),
                selection_table(result, request.out)) +
      "Beside it: `selection.json`, `selection.svg`.\n";
  if (request.plan.trains()) {
    out += cat(request.plan.score == "supernet"
                   ? "The mixers of the students below were trained together before (`metrics.jsonl`)"
                   : "For its scores, students were distilled with each layer in turn",
               ", with these settings:\n```\n", save_fields(request.training).dump(), "\n```\n");
  }
  for (const auto& folder : request.students.mla) out += earlier_card(folder);
  return out + earlier_card(request.students.rest);
}

void run(Options options) {
  SelectionRequest& request = options.request;
  const at::TensorOptions how = options.model.apply();
  const ModelConfig teacher = read_config(request.teacher);
  options.latents = default_latents(options.latents, teacher);
  const bool given = !options.given.mla.empty(), rest_is_mla = request.plan.rest == "mla";
  const bool rest_given = rest_is_mla ? given : !options.given.mamba2.empty();
  // The layers that are scored: recall puts Mamba2 into the teacher, the other scores MLA into the student.
  const bool scored_given = request.plan.recalls() ? rest_given : given;
  const size_t kinds = given ? options.given.mla.size() : options.latents.kv_ranks.size();
  check_choice(request.plan, teacher.layers(), kinds - size_t{rest_is_mla});
  read_training(options);
  if (!given || !rest_given) check_transformer(teacher, "select");
  if (!given) check_costs(request.plan, plan_students(teacher, options.latents, rest_is_mla), teacher);
  OutputFolder out(request.out, options.overwrite);
  request.work = run_folder(request.out), request.resume = options.resume == "auto";
  if (!request.resume) fs::remove_all(request.work);
  request.students = make_students(request.teacher, options.given, options.latents, rest_is_mla, request.work,
                                   how_to_convert(options));
  const Students<ModelConfig> students = configs_of(request.students);
  for (size_t i = 0; i < students.mla.size(); ++i) check_pair(students.rest, students.mla[i], request.students.mla[i]);
  // The rest's must be MLA in every layer, too.
  if (rest_is_mla) check_pair(students.mla.front(), students.rest, request.students.rest);
  check_costs(request.plan, students, teacher);

  if (!scored_given && !request.plan.trains() && request.plan.method != "uniform") {
    log_warning(
        "scores of students that nobody trained can rank layers backwards (docs/results.md): rather give "
        "students after distill --loss layers, or --score trained or supernet");
  }

  Model hybrid(ModelConfig{}, at::kMeta);
  const SelectionResult result = run_selection(request, how, hybrid);
  save_model(out.path(), hybrid);
  copy_companions(request.students.rest, out.path());
  write_json(out.path() / "selection.json", selection_json(result));
  write_file(out.path() / "selection.svg", selection_plot(result));
  write_file(out.path() / "README.md", hybrid_card(request, result));
  if (request.plan.score == "supernet") {
    fs::copy_file(request.work / "supernet" / kMetricsName, out.path() / kMetricsName);
  }
  out.commit();
  fs::remove_all(request.work);
  const std::string text = options.json ? selection_json(result).dump() + "\n" : selection_table(result, request.out);
  std::printf("%s", text.c_str());
}

}  // namespace

void add_select(CLI::App& app) {
  auto options = std::make_shared<Options>();
  options->request.training.data = {"sample"};
  CLI::App* verb = app.add_subcommand("select", "choose the layers that become MLA, and build that hybrid");
  verb->add_option("teacher", options->request.teacher, "checkpoint folder of the Transformer")->required();
  verb->add_option("--mamba2-student", options->given.mamba2,
                   "its student with Mamba2 in every layer (default: made by convert)");
  verb->add_option("--mla-student", options->given.mla,
                   "its student with MLA in every layer (default: made by convert); knapsack and --rest mla: "
                   "several, a,b,c, of different ranks")
      ->delimiter(',');
  options->request.text.add_to(*verb);
  verb->add_option("--rest", options->request.plan.rest,
                   "what the other layers get: mamba2, or mla = the MLA with the smallest cache of those given, so "
                   "that ranks are chosen for all layers")
      ->check(CLI::IsMember({"mamba2", "mla"}))
      ->capture_default_str();
  verb->add_option("--count", options->request.plan.count, "layers to choose (knapsack: --kv-percent instead)")
      ->check(CLI::PositiveNumber);
  verb->add_option(
          "--method", options->request.plan.method,
          "by scores: smart (Zebra-Llama's), largest, uniform or knapsack; by each subset's own KL: search (default: "
          "knapsack with --kv-percent; smart for --score kl, search for supernet, else largest)")
      ->check(CLI::IsMember(choice_methods()));
  verb->add_option(
          "--score", options->request.plan.score,
          "of a layer: kl = its fall when MLA comes in; trained = the same after a short distillation; supernet = kl "
          "after a short training of all students together, a random mix of them in every step; recall = fall of "
          "key-value lookups in the teacher when Mamba2 comes in; recall-ratio = that by the rise of the loss (HALO's)")
      ->check(CLI::IsMember(score_names()))
      ->capture_default_str();
  verb->add_option("--kv-percent", options->request.plan.kv_percent,
                   "knapsack: cache of the hybrid in % of the teacher's")
      ->check(CLI::Range(0.0, 100.0));
  verb->add_option("--kv-rank", options->latents.kv_ranks,
                   "of students that select makes; knapsack and --rest mla: several, 8,16,24 (default: a quarter of "
                   "the keys' width)")
      ->delimiter(',')
      ->check(CLI::PositiveNumber);
  verb->add_option("--rope-dim", options->latents.rope_dim, "of students that select makes (default: half of head_dim)")
      ->check(CLI::PositiveNumber);
  verb->add_option("--tokens,--tokens-per-layer", options->tokens,
                   "to train on: of each layer's run (trained), or of all together (supernet)");
  verb->add_option("--data", options->request.training.data,
                   "of that training: text files, or sample = the teacher's own")
      ->delimiter(',')
      ->capture_default_str();
  verb->add_option("--distill", options->distill, "further settings of that training: key=value, as --set of distill")
      ->delimiter(',');
  verb->add_option("--documents", options->request.lookup.documents, "recall: documents of key-value pairs")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  verb->add_option("--pairs", options->request.lookup.pairs, "recall: pairs in a document")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  verb->add_option("--lookups", options->request.lookup.lookups, "recall: keys of a document that come again")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  verb->add_option("--search-all", options->request.limits.all, "search: as many subsets are all tried")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  verb->add_option("--beam", options->request.limits.beam, "search: subsets that go on, where there are more")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  verb->add_option("--resume", options->resume,
                   "trained, supernet: auto = go on where OUT.run stands; never = start anew")
      ->check(CLI::IsMember({"auto", "never"}))
      ->capture_default_str();
  verb->add_option("--out", options->request.out, "folder to write: the hybrid, selection.json, selection.svg")
      ->required();
  verb->add_flag("--overwrite", options->overwrite, "replace --out if it exists");
  verb->add_flag("--json", options->json, "one JSON object instead of a table");
  options->model.add_to(*verb);
  // While the command line is read, so that a recipe's plan finds it too.
  verb->parse_complete_callback([options, verb] { check_flags(*verb, *options); });
  verb->callback([options] { run(*options); });
}

}  // namespace zebra::cli
