// zebra select: which layers keep a cache. Scores every layer (or whole subsets), chooses, and writes the hybrid that
// has the chosen layers of one student and the others of another.
#include <cstdio>

#include "base/error.h"
#include "base/log.h"
#include "base/output.h"
#include "cli/field_options.h"
#include "cli/model_flags.h"
#include "cli/ranges.h"
#include "cli/stage_verbs.h"
#include "cli/text_flags.h"
#include "cli/verbs.h"
#include "io/card.h"
#include "model/checkpoint.h"
#include "model/describe.h"
#include "pipeline/make_students.h"
#include "select/restore_one.h"
#include "select/run.h"
#include "select/supernet.h"
#include "train/metrics.h"
#include "train/trainer.h"
#include "upcycle/mla_export_amd.h"

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

// Whether the students that are made here learn layer by layer before they are compared.
bool teaches_layers(const Options& options) {
  return options.request.plan.score == "kl" && !options.tokens.empty();
}

Inputs inputs_of(const Options& options) {
  Inputs inputs(options.request.training.data.begin(), options.request.training.data.end());
  inputs.insert(inputs.end(), options.given.mla.begin(), options.given.mla.end());
  for (const auto& each : {options.request.teacher, options.given.mamba2, options.request.text.text}) {
    inputs.push_back(each);
  }
  return inputs;
}

// The folder is emptied at the end, so nobody else's may have that name.
void check_work_folder(const fs::path& work) {
  if (!fs::exists(work) || fs::is_empty(work)) return;
  for (const char* name : {"stages.json", "stages.lock", "scores", "supernet"}) {
    if (fs::exists(work / name)) return;
  }
  fail_usage(work.string(), " is where select works, and holds something else: move it away, or choose another --out");
}

// Settings of what is trained.
void read_training(Options& options) {
  DistillOptions& training = options.request.training;
  if (!options.request.plan.trains() && !teaches_layers(options)) return;
  training.train.device = options.model.device, training.train.dtype = options.model.dtype;
  training.train.threads = options.model.threads;
  set_field(training, "tokens", options.tokens, "--tokens");
  for (const auto& assignment : options.distill) set_field(training, assignment);
  for (const auto& file : training.data) {
    if (file != "sample" && !fs::exists(file)) fail_input("--data: there is no file ", file);
  }
}

// Every flag that is given has a use in the method that is; but for those that `upcycle --set key=value` gives to all
// stages of a recipe: data, kv_rank, rope_dim.
void check_flags(const CLI::App& verb, const Options& options) {
  const ChoicePlan& plan = options.request.plan;
  const auto belong = [&](bool used, const std::vector<const char*>& names, const char* to) {
    if (!used) refuse_flags(verb, names, cat("belongs to ", to));
  };
  const bool searches = plan.searches() || (plan.method.empty() && default_method(plan) == "search");
  belong(plan.trains() || plan.score == "kl", {"--tokens", "--distill"}, "--score kl, trained and supernet");
  const bool rest_given = plan.rest == "mla" || !options.given.mamba2.empty();
  belong(plan.trains() || options.given.mla.empty() || !rest_given, {"--tokens"}, "students that select makes");
  belong(plan.trains() || teaches_layers(options), {"--distill"}, "--tokens");
  belong(plan.recalls(), {"--documents", "--pairs", "--lookups"}, "--score recall and recall-ratio");
  belong(searches, {"--search-all", "--beam"}, "--method search");
  belong(plan.rest == "mamba2", {"--mamba2-student"}, "--rest mamba2");
  if (options.tokens.empty()) {
    if (!plan.trains()) return;
    throw CLI::ValidationError("--tokens", "is missing: what the students train on before they are compared");
  }
  DistillOptions training;
  training.held_out = 0;  // students are compared on --text
  if (plan.score == "kl") training.loss = "layers";
  const std::string loss = training.loss;
  for (const auto& assignment : options.distill) set_field(training, assignment);
  if (!training.teacher.empty() || !training.student.empty() || !training.out.empty()) {
    throw CLI::ValidationError("--distill", "teacher, student and out are select's to say; leave them out");
  }
  if (training.loss != loss) throw CLI::ValidationError("--distill", cat("loss: expected ", loss, "; leave it out"));
  if (plan.score == "supernet") check_supernet(training);
}

// How the students are made that nobody gave: measured on (the first of) the texts of --data, where that is given.
StudentStages stages_of(const Options& options) {
  const SelectionRequest& request = options.request;
  const Json how = {{"device", options.model.device}, {"threads", options.model.threads}};
  StudentStages out{how, nullptr};
  if (request.training.data.front() != "sample") {
    out.convert.update({{"calibration", request.training.data.front()}, {"bos", request.training.bos}});
  }
  if (!teaches_layers(options)) return out;
  out.layers = how, out.layers_set = options.distill;
  out.layers.update(
      {{"data", join(request.training.data, ",")}, {"tokens", options.tokens}, {"dtype", options.model.dtype}});
  return out;
}

// What a choice may cost is asked before anything is trained or scored.
void check_costs(const ChoicePlan& plan, const Students<ModelConfig>& students, const ModelConfig& teacher) {
  for (const auto& option : students.mla) extra_cost(option, students.rest);
  if (plan.kv_percent > 0) extra_budget(plan.kv_percent, students.rest, teacher);
}

// A folder says much once for all layers, so that not every hybrid can be written. What can is asked early, too.
void check_writable(const Students<ModelConfig>& students, const fs::path& folder) {
  for (size_t i = 0; i < students.mla.size(); ++i) {
    ModelConfig hybrid = combine(students.rest, students.mla[i], {0});
    if (i > 0) hybrid = combine(hybrid, students.mla[i - 1], {hybrid.layers() - 1});
    try {
      write_config(folder, hybrid);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::disk) throw;
      fail_input("the students: expected layers that one folder can hold, found otherwise: ", error.what(),
                 "; convert them alike (--mla-init, --repeat-kv-before-conv, --lora-norm ...)");
    }
  }
}

// What the hybrid is, and how its students were made.
std::string hybrid_card(const SelectionRequest& request, const SelectionResult& result) {
  std::string out = card_head({.title = fs::path(request.out).filename().string(),
                               .origin = cat("Layers of several students put together by `zebra select` for `",
                                             request.teacher, "`."),
                               .how = selection_table(result, request.out),
                               .made_from = request.teacher,
                               .is_hybrid = true,
                               .tags = mixer_tags(result.hybrid.mixers)}) +
                    "Beside it: `selection.json`, `selection.svg`.\n";
  if (request.plan.trains()) {
    out += cat(request.plan.score == "supernet"
                   ? "The mixers of the students below were trained together before (`metrics.jsonl`)"
                   : "For its scores, students were distilled with each layer in turn",
               ", with these settings:\n```\n", without_machine_paths(save_fields(request.training).dump()), "\n```\n");
  }
  for (const auto& folder : request.students.mla) out += earlier_card(folder);
  return out + earlier_card(request.students.rest);
}

void run(Options options) {
  SelectionRequest& request = options.request;
  const at::TensorOptions how = options.model.apply(request.teacher);
  options.model.dtype = options.model.dtype_of(request.teacher);
  const ModelConfig teacher = read_config(request.teacher);
  options.latents = default_latents(options.latents, teacher);
  const bool rest_is_mla = request.plan.rest == "mla";
  const auto students = plan_students(teacher, options.given, options.latents, rest_is_mla,
                                      [](const std::string& folder) { return read_config(folder); });
  check_choice(request.plan, teacher.layers(), students.mla.size());
  read_training(options);
  check_costs(request.plan, students, teacher);
  request.documents = token_documents(request.teacher, request.text, teacher);
  OutputFolder out(request.out, options.overwrite, inputs_of(options));
  check_writable(students, out.path());
  request.work = run_folder(request.out);
  check_work_folder(request.work);
  request.resume = options.resume == "auto";
  if (!request.resume) fs::remove_all(request.work);
  request.students = make_students(request.teacher, options.given, options.latents, rest_is_mla, request.work,
                                   stages_of(options), stage_verbs());

  // Recall puts Mamba2 into the teacher, the other scores MLA into the student.
  const bool recalls = request.plan.recalls();
  const bool makes_mamba2 = options.given.makes_mamba2(rest_is_mla);
  const bool made = recalls ? makes_mamba2 : makes_mamba2 || options.given.mla.empty();
  const bool trained = request.plan.trains() || teaches_layers(options);
  if (made && !trained && request.plan.method != "uniform") {
    log_warning(cat("scores of students that nobody trained can rank layers backwards (docs/results.md): ",
                    recalls ? "give --mamba2-student after distill --loss layers"
                            : "--tokens lets them learn layer by layer first"));
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
  const std::string no_export = no_amd_export(result.hybrid);
  if (!no_export.empty()) log_line(cat("export: not to AMD's format. ", no_export));
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
                   "its student with Mamba2 in every layer (default: made here, as convert makes it)");
  verb->add_option("--mla-student", options->given.mla,
                   "its student with MLA in every layer (default: made here); knapsack and --rest mla: "
                   "several, a,b,c, of different ranks")
      ->delimiter(',');
  add_text_flags(*verb, options->request.text);
  verb->add_option("--rest", options->request.plan.rest,
                   "what the other layers get: mamba2, or mla = the MLA with the smallest cache of those given, so "
                   "that ranks are chosen for all layers")
      ->check(CLI::IsMember({"mamba2", "mla"}))
      ->capture_default_str();
  verb->add_option("--count", options->request.plan.count, "layers to choose (knapsack: --kv-percent instead)")
      ->check(positive());
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
                   "knapsack: cache of the hybrid in % of the teacher's, by what one more token adds; states of Mamba2 "
                   "layers, which do not grow, come on top")
      ->check(between(0.0, 100.0));
  verb->add_option("--kv-rank", options->latents.kv_ranks,
                   "of students that select makes; knapsack and --rest mla: several, 8,16,24 (default: a quarter of "
                   "the keys' width)")
      ->delimiter(',')
      ->check(positive());
  verb->add_option("--rope-dim", options->latents.rope_dim, "of students that select makes (default: half of head_dim)")
      ->check(positive());
  verb->add_option(
      "--tokens,--tokens-per-layer", options->tokens,
      "to train on: kl = of the students that select makes, layer by layer and all in one pass over their teacher "
      "(default: they stay as made); "
      "trained = of each layer's run; supernet = of all together");
  verb->add_option("--data", options->request.training.data,
                   "of that training, and (the first) to measure the teacher on: text files, or sample = its own")
      ->delimiter(',')
      ->capture_default_str();
  verb->add_option("--distill", options->distill, "further settings of that training: key=value, as --set of distill")
      ->delimiter(',');
  verb->add_option("--documents", options->request.lookup.documents, "recall: documents of key-value pairs")
      ->check(positive())
      ->capture_default_str();
  verb->add_option("--pairs", options->request.lookup.pairs, "recall: pairs in a document")
      ->check(positive())
      ->capture_default_str();
  verb->add_option("--lookups", options->request.lookup.lookups, "recall: keys of a document that come again")
      ->check(positive())
      ->capture_default_str();
  verb->add_option("--search-all", options->request.limits.all, "search: as many subsets are all tried")
      ->check(not_negative())
      ->capture_default_str();
  verb->add_option("--beam", options->request.limits.beam, "search: subsets that go on, where there are more")
      ->check(positive())
      ->capture_default_str();
  verb->add_option("--resume", options->resume, "auto = go on where OUT.run stands; never = start anew")
      ->check(CLI::IsMember({"auto", "never"}))
      ->capture_default_str();
  verb->add_option("--out", options->request.out, "folder to write: the hybrid, selection.json, selection.svg")
      ->required();
  verb->add_flag("--overwrite", options->overwrite, "replace --out if it exists");
  verb->add_flag("--json", options->json, "one JSON object instead of a table");
  add_model_flags(*verb, options->model);
  // While the command line is read, so that a recipe's plan finds it too.
  verb->parse_complete_callback([options, verb] { check_flags(*verb, *options); });
  verb->callback([options] { run(*options); });
}

}  // namespace zebra::cli
