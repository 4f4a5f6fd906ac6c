#include "pipeline/plan.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/fields.h"
#include "base/text.h"
#include "data/examples.h"
#include "model/checkpoint.h"
#include "model/model_words.h"
#include "pipeline/known_shapes.h"
#include "select/choice.h"
#include "select/students.h"
#include "train/distill_layers.h"
#include "upcycle/plan.h"
#include "upcycle/prune_settings.h"

namespace zebra {

namespace {

class Planner {
 public:
  Planner(const Recipe& recipe, const std::string& out, const StageVerbs& verbs, bool run)
      : recipe_(recipe), verbs_(verbs), outputs_(stage_outputs(recipe, out, verbs.known)), run_(run) {}

  std::vector<StagePlan> plan() {
    std::vector<StagePlan> plans;
    for (const auto& stage : recipe_.stages) {
      stage_ = stage.name;
      try {
        plans.push_back(plan(stage));
      } catch (const Error& error) {
        fail(error.kind(), recipe_.name, ": stage ", stage.name, ": ", error.what());
      }
      if (!made_.insert(plans.back().output).second) {
        fail_usage(recipe_.name, ": stage ", stage.name, ": ", plans.back().output, " is another stage's output too");
      }
      const StagePlan& made = plans.back();
      if (made.model) models_[made.output] = {*made.model, made.layers_assumed, made.ranks_assumed};
    }
    return plans;
  }

 private:
  struct Planned {
    ModelConfig config;
    bool layers_assumed = false, ranks_assumed = false;
  };

  StagePlan plan(const Stage& stage) {
    const StageVerb& verb = verb_of(stage, verbs_.known);
    StagePlan plan{.stage = stage,
                   .arguments = stage_arguments(stage, verb, outputs_),
                   .output = outputs_.at(stage.name),
                   .written = written_by(stage, verb, outputs_)};
    verbs_.check(plan.arguments, stage.verb);
    if (run_) check_files(stage);
    if (stage.verb == "convert") plan_convert(plan);
    if (stage.verb == "distill") plan_distill(plan);
    if (stage.verb == "align") plan_align(plan);
    if (stage.verb == "prune") plan_prune(plan);
    if (stage.verb == "select") plan_select(plan);
    if (stage.verb == "eval" || stage.verb == "export") take(plan, model(text(stage, "dir"), "dir"));
    if (stage.verb == "eval" && stage.find("teacher")) model(text(stage, "teacher"), "teacher");
    if (fs::exists(fs::path(plan.output) / "config.json")) {
      plan.model = read_config(plan.output);
      plan.layers_assumed = plan.ranks_assumed = false;
    }
    if (plan.model) plan.parameters = parameter_count(*plan.model);
    return plan;
  }

  static void take(StagePlan& plan, const Planned& from) {
    plan.model = from.config, plan.layers_assumed = from.layers_assumed, plan.ranks_assumed = from.ranks_assumed;
  }

  std::string text(const Stage& stage, const std::string& key) const {
    const std::string* text = stage.find(key);
    return text ? resolve(*text, outputs_) : "";
  }

  template <class Settings>
  Settings read(const Stage& stage, Settings settings) const {
    const auto known = field_names(settings);
    for (const auto& [key, value] : stage.settings) {
      const bool field = std::find(known.begin(), known.end(), key) != known.end();
      if (field) set_field(settings, key, resolve(value, outputs_), stage.verb);
    }
    use_own_words(settings);
    return settings;
  }

  // What the folder holds, or will hold.
  const Planned& model(const std::string& folder, const char* key) {
    const auto found = models_.find(folder);
    if (found != models_.end()) return found->second;
    if (made_.count(folder)) fail_usage(key, ": ", folder, " is the output of a stage that makes no model");
    if (!fs::exists(folder)) {
      if (const auto known = run_ ? std::nullopt : known_shape(folder)) return models_[folder] = {*known};
      fail_usage(key, ": there is no folder \"", folder, "\": name yours with ",
                 folder == recipe_.teacher ? "--teacher DIR" : cat("--set ", stage_, ".", key, "=DIR"),
                 run_ ? "" : "; for a plan a config.json in it is enough, or a name in models/shapes.json");
    }
    const ModelConfig config = read_config(folder);
    if (run_) check_weights(*WeightSource::open(folder), config);
    return models_[folder] = {config};
  }

  void check_files(const Stage& stage) const {
    for (const char* key : {"text", "data", "eval_data", "calibration"}) {
      for (const auto& file : split(text(stage, key), ',')) {
        const bool word = file.empty() || file == "sample" || file == "random";
        if (word || made_.count(file) || fs::exists(file)) continue;
        fail_usage(key, ": there is no file \"", file, "\": name yours with --set ", key,
                   "=FILE (for this stage alone: ", stage.name, ".", key, "=FILE)");
      }
    }
  }

  void plan_convert(StagePlan& plan) {
    const Planned teacher = model(text(plan.stage, "teacher"), "teacher");
    plan.layers_assumed = teacher.layers_assumed;
    auto settings = read(plan.stage, ConvertSettings{});
    const auto chosen = selections_.find(settings.mla_layers);
    if (chosen != selections_.end() && !fs::exists(settings.mla_layers)) {
      use_selection(settings, chosen->second);
      plan.layers_assumed = true;
    }
    read_selection(settings);
    const StudentOptions student = student_options(settings);
    plan.model = plan_student(teacher.config, student);
    refuse_unused_flags(settings, teacher.config, *plan.model);
    // budget and equal only divide the same sum.
    plan.ranks_assumed = teacher.ranks_assumed || student.rank == RankRule::energy;
  }

  void plan_prune(StagePlan& plan) {
    const ModelConfig teacher = model(text(plan.stage, "teacher"), "teacher").config;
    const auto settings = read(plan.stage, PruneSettings{});
    settings.check();
    plan.model = plan_pruned(teacher, complete(settings.target, teacher));
  }

  void plan_distill(StagePlan& plan) {
    auto options = read(plan.stage, DistillOptions{});
    options.out = join(plan.written, ",");
    const ModelConfig teacher = model(options.teacher, "teacher").config;
    const auto each = each_student(options);
    for (auto one : each) {
      const Planned student = model(one.student, "student");
      prepare(one, teacher, student.config);
      plan.tokens = one.train.steps() * one.train.batch_tokens;
      plan.device = one.train.device, plan.loss_is_kl = one.loss_is_kl();
      // Students of one run share what the teacher takes.
      const double shared = plan.flops > 0 ? teacher_flops(one, teacher) : 0;
      plan.flops += static_cast<double>(plan.tokens) * (training_flops(one, teacher, student.config) - shared);
      plan.memory.add_student(training_memory(one, teacher, student.config));
      models_[one.out] = student;
    }
    if (each.size() == 1) take(plan, models_.at(options.out));
  }

  void plan_align(StagePlan& plan) {
    auto options = read(plan.stage, AlignOptions{});
    options.out = plan.output;
    const Planned from = model(options.model, "model");
    std::optional<ModelConfig> teacher;
    if (!options.teacher.empty()) teacher = model(options.teacher, "teacher").config;
    const ExampleCount found = count_examples({options.data.begin(), options.data.end()});
    const TrainSettings loop = prepare(options, from.config, teacher ? &*teacher : nullptr, found.examples);
    const ModelConfig* held_to = options.method == "dpo" ? &from.config : teacher ? &*teacher : nullptr;
    take(plan, from);
    if (found.examples > 0) {
      // Prompts lose what is too long.
      const double mean = static_cast<double>(found.tokens) / static_cast<double>(found.examples);
      const double row = std::min(mean, static_cast<double>(loop.length));
      plan.tokens = static_cast<int64_t>(row * static_cast<double>(loop.steps() * options.batch));
    }
    plan.flops = static_cast<double>(plan.tokens) * training_flops(options, from.config, held_to);
    plan.memory = training_memory(options, from.config, held_to);
    plan.device = loop.device;
  }

  void plan_select(StagePlan& plan) {
    const ModelConfig teacher = model(text(plan.stage, "teacher"), "teacher").config;
    ChoicePlan choice;
    if (plan.stage.find("method")) choice.method = text(plan.stage, "method");
    if (plan.stage.find("score")) choice.score = text(plan.stage, "score");
    if (plan.stage.find("rest")) choice.rest = text(plan.stage, "rest");
    parse_field(text(plan.stage, "count"), choice.count);
    parse_field(text(plan.stage, "kv_percent"), choice.kv_percent);
    const Students<ModelConfig> students = select_students(plan.stage, teacher, choice.rest == "mla");
    check_choice(choice, teacher.layers(), students.mla.size());
    // Evenly spread layers, or under a budget those that come first, stand for the choice.
    std::vector<LayerChoice> options;
    for (const auto& mla : students.mla) options.push_back({"", mla, std::vector<double>(mla.mixers.size(), 1.0)});
    ChoicePlan assumed = choice;
    if (choice.method != "knapsack") assumed.method = "uniform";
    plan.model = students.rest;
    for (const auto& [layer, option] : choose_layers(assumed, options, students.rest, teacher)) {
      plan.model->mixers[static_cast<size_t>(layer)] = students.mla[option].mixers[static_cast<size_t>(layer)];
    }
    plan.layers_assumed = choice.method != "uniform";
    for (const auto& folder : split(text(plan.stage, "mla_student"), ',')) {
      plan.ranks_assumed = plan.ranks_assumed || (!folder.empty() && model(folder, "mla_student").ranks_assumed);
    }
    const std::string file = plan.output + "/selection.json";
    selections_[file] = parse_selection(layers_json(*plan.model), file);
  }

  // The students that a stage names, or else those that select will make.
  Students<ModelConfig> select_students(const Stage& stage, const ModelConfig& teacher, bool rest_is_mla) {
    Latents latents;
    for (const auto& word : split(text(stage, "kv_rank"), ',')) {
      int64_t rank = 0;
      if (parse_field(word, rank)) latents.kv_ranks.push_back(rank);
    }
    parse_field(text(stage, "rope_dim"), latents.rope_dim);
    StudentFolders given{text(stage, "mamba2_student"), {}};
    if (stage.find("mla_student")) given.mla = split(text(stage, "mla_student"), ',');
    return plan_students(teacher, given, default_latents(latents, teacher), rest_is_mla,
                         [&](const std::string& folder) {
                           return model(folder, folder == given.mamba2 ? "mamba2_student" : "mla_student").config;
                         });
  }

  const Recipe& recipe_;
  const StageVerbs& verbs_;
  StageOutputs outputs_;
  bool run_;
  std::string stage_;  // that is being planned
  std::set<std::string> made_;
  std::map<std::string, Planned> models_;
  std::map<std::string, LayerSelection> selections_;  // by the selection.json that will hold them
};

}  // namespace

bool StagePlan::done() const {
  return std::all_of(written.begin(), written.end(), [](const auto& path) { return fs::exists(path); });
}

std::vector<StagePlan> plan_stages(const Recipe& recipe, const std::string& out, const StageVerbs& verbs, bool run) {
  return Planner(recipe, out, verbs, run).plan();
}

}  // namespace zebra
