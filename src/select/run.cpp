#include "select/run.h"

#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "eval/text_eval.h"
#include "io/crc32c.h"
#include "model/checkpoint.h"
#include "select/restore_one.h"
#include "select/supernet.h"
#include "select/trained_scores.h"
#include "train/run_checks.h"

namespace zebra {

namespace {

// Names of files stay where their content changes.
int64_t content_of(const std::vector<std::vector<int64_t>>& documents) {
  std::string sums;
  for (const auto& ids : documents) {
    const uint32_t sum = crc32c({reinterpret_cast<const char*>(ids.data()), ids.size() * sizeof(int64_t)});
    sums.append(reinterpret_cast<const char*>(&sum), sizeof sum);
  }
  return crc32c(sums);
}

class Selection {
 public:
  Selection(const SelectionRequest& options, at::TensorOptions how)
      : options_(options), plan_(options.plan), students_(options.students), how_(how) {
    result_.plan = plan_, result_.text = options_.text.text;
    for (const auto& folder : students_.mla) result_.options.push_back({folder, read_config(folder), {}});
  }

  SelectionResult run(Model& hybrid) {
    if (plan_.score == "supernet") train_together();
    if (plan_.searches()) {
      search();
    } else {
      if (plan_.score == "trained") {
        trained();
      } else if (plan_.recalls()) {
        recall();
      } else {
        restored();
      }
      result_.chosen =
          choose_layers(plan_, result_.options, read_config(students_.rest), read_config(options_.teacher));
    }
    hybrid = take(kRest);
    for (size_t option = 0; option < result_.options.size(); ++option) {
      std::vector<int64_t> layers;
      for (const auto& [layer, chosen] : result_.chosen) {
        if (chosen == option) layers.push_back(layer);
      }
      if (!layers.empty()) hybrid = combine(std::move(hybrid), take(option + 1), layers);
    }
    result_.hybrid = hybrid.config();
    result_.kl = kl(hybrid, load_model(options_.teacher, how_));
    return std::move(result_);
  }

 private:
  static constexpr size_t kRest = 0;  // a student's number; that of an option is one more than its own

  // What the supernet has trained, else read from its folder: one student in memory at a time.
  Model take(size_t student) {
    if (!supernet_.empty()) return std::move(supernet_[student]);
    return load_model(student == kRest ? students_.rest : students_.mla[student - 1], how_);
  }
  void give_back(size_t student, Model model) {
    if (!supernet_.empty()) supernet_[student] = std::move(model);
  }

  void train_together() {
    DistillOptions training = options_.training;
    training.teacher = options_.teacher, training.student = students_.rest, training.out = options_.out;
    training.layer_weight = 0;
    prepare_device(training.train);  // before cuBLAS begins
    Model teacher = load_model(options_.teacher, how_);
    prepare(training, teacher.config(), read_config(students_.rest));
    teacher.require_grad(false);
    std::vector<Model> students;
    for (size_t student = 0; student <= students_.mla.size(); ++student) students.push_back(take(student));
    const ModelConfig& rest = students.front().config();
    SupernetDraw draw{.count = plan_.count};
    if (plan_.count == 0) {
      for (const auto& option : result_.options) draw.costs.push_back(extra_cost(option.config, rest));
      draw.budget = extra_budget(plan_.kv_percent, rest, teacher.config());
    }
    const TrainReport report =
        train_supernet(students, teacher, draw, training, options_.work / "supernet", options_.resume);
    log_line(cat("supernet: loss ", fixed(report.first_loss, 4), " -> ", fixed(report.last_loss, 4)));
    supernet_ = std::move(students);
  }

  double kl(const Model& model, const Model& teacher) const {
    return *evaluate_text(model, &teacher, options_.documents, options_.text.eval).kl;
  }

  void restored() {
    const Model teacher = load_model(options_.teacher, how_);
    Model student = take(kRest);
    Progress progress("scoring",
                      static_cast<double>(result_.options.size()) * static_cast<double>(student.config().layers() + 1));
    double done = 0;
    for (size_t i = 0; i < result_.options.size(); ++i) {
      LayerChoice& option = result_.options[i];
      Model donor = take(i + 1);
      const RestoreOne measured = restore_one(student, donor, [&](const Model& model) {
        const double value = kl(model, teacher);
        progress.update(++done, cat("KL ", fixed(value, 4)));
        return value;
      });
      option.scores = measured.scores, result_.base = measured.base;
      give_back(i + 1, std::move(donor));
    }
    progress.finish();
    give_back(kRest, std::move(student));
  }

  void trained() {
    TrainedScoring scoring{.distill = options_.training, .rest = students_.rest, .mla = students_.mla};
    scoring.distill.teacher = options_.teacher;
    scoring.run = options_.work / "scores";
    scoring.resume = options_.resume;
    scoring.identity = {{"text", options_.text.text},
                        {"documents", content_of(options_.documents)},
                        {"data", file_checksums(options_.training.data)},
                        {"limit", options_.text.eval.limit},
                        {"min_length", options_.text.eval.min_length},
                        {"max_length", options_.text.eval.max_length},
                        {"pack", options_.text.pack},
                        {"bos", !options_.text.no_bos}};
    scoring.kl = [&](const Model& model) { return kl(model, load_model(options_.teacher, how_)); };
    scoring.progress = [](int64_t done, int64_t all) { log_line(cat("select: ", done, " of ", all, " runs done")); };
    const auto measured = trained_scores(scoring);
    for (size_t i = 0; i < measured.size(); ++i) {
      result_.options[i].scores = measured[i].scores, result_.base = measured[i].base;
    }
  }

  // The teacher with one layer of the Mamba2 student: what it can no longer look up.
  void recall() {
    Model teacher = load_model(options_.teacher, how_), student = take(kRest);
    const auto words = lookup_words(Tokenizer::load(options_.teacher), teacher.config());
    const auto lookups = lookup_documents(words, options_.lookup);
    const bool ratio = plan_.score == "recall-ratio";
    Progress progress("scoring", static_cast<double>(teacher.config().layers() + 1));
    double done = 0;
    std::vector<double> likelihoods;
    const RestoreOne accuracy = restore_one(teacher, student, [&](const Model& model) {
      const LookupResult found = measure_lookup(model, lookups);
      if (likelihoods.empty()) result_.lookup = found;
      likelihoods.push_back(found.log_likelihood);
      progress.update(++done, cat("lookups ", fixed(found.accuracy, 4)));
      return found.accuracy;
    });
    progress.finish();
    const double chance = 1.0 / static_cast<double>(options_.lookup.pairs);
    if (accuracy.base < 2 * chance) {
      log_warning(cat("the teacher finds ", fixed(accuracy.base, 3), " of the values and chance ", fixed(chance, 3),
                      ": its recall says little about layers; try fewer --pairs, or --score kl"));
    }
    std::vector<double> scores = accuracy.scores;
    if (ratio) {
      const RestoreOne loss = restore_one(teacher, student, [&](const Model& model) {
        return evaluate_text(model, nullptr, options_.documents, options_.text.eval).loss;
      });
      scores = recall_ratios(accuracy.scores, loss.scores);
    }
    for (size_t layer = 0; layer < scores.size(); ++layer) {
      result_.likelihood_falls.push_back(likelihoods[0] - likelihoods[layer + 1]);
    }
    for (auto& option : result_.options) option.scores = scores;
    result_.base = kl(student, load_model(options_.teacher, how_));
  }

  void search() {
    const Model teacher = load_model(options_.teacher, how_);
    Model student = take(kRest), donor = take(1);
    Progress progress("searching", static_cast<double>(search_cost(student.config().layers())));
    double done = 0;
    const SubsetSearch found = search_subsets(student.config().layers(), plan_.count, options_.limits,
                                              [&](const std::vector<int64_t>& layers) {
                                                swap_blocks(student, donor, layers);
                                                const double value = kl(student, teacher);
                                                swap_blocks(student, donor, layers);
                                                progress.update(++done, cat("KL ", fixed(value, 4)));
                                                return value;
                                              });
    progress.finish();
    result_.base = found.base, result_.options.front().scores = found.scores;
    result_.evaluated = found.evaluated, result_.searched_all = found.all;
    for (const int64_t layer : found.layers) result_.chosen[layer] = 0;
    give_back(kRest, std::move(student)), give_back(1, std::move(donor));
  }

  int64_t search_cost(int64_t layers) const {
    const SubsetLimits& limits = options_.limits;
    const int64_t all = count_subsets(layers, plan_.count, limits.all);
    return 1 + layers + (all <= limits.all ? all : limits.beam * layers * (plan_.count - 1));
  }

  const SelectionRequest& options_;
  const ChoicePlan& plan_;
  const Students<std::string>& students_;
  at::TensorOptions how_;
  std::vector<Model> supernet_;  // the trained students, the rest's first; empty: nothing was trained
  SelectionResult result_;
};

}  // namespace

SelectionResult run_selection(const SelectionRequest& request, at::TensorOptions how, Model& hybrid) {
  return Selection(request, how).run(hybrid);
}

}  // namespace zebra
