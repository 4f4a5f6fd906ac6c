// zebra bench init: what each idea of an initialisation is worth, before training and after.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <tuple>

#include "base/error.h"
#include "base/signals.h"
#include "base/text.h"
#include "cli/bench.h"
#include "cli/model_flags.h"
#include "cli/ranges.h"
#include "cli/text_flags.h"
#include "cli/token_count.h"
#include "model/checkpoint.h"
#include "study/init_rows.h"
#include "train/distill.h"
#include "upcycle/convert.h"

namespace zebra::cli {

namespace {

struct Options {
  std::string teacher, work, rows = "added", students, data = "sample";
  ConvertSettings convert;
  TextOptions text;
  ModelOptions model;
  std::string tokens = "0";
  bool json = false;
};

struct Scores {
  double kl = 0, ppl = 0, cache = 0, trained_kl = 0, trained_ppl = 0;
};

// A folder for one student at a time, removed at the end.
class WorkFolder {
 public:
  explicit WorkFolder(const fs::path& parent)
      : path_((parent.empty() ? fs::temp_directory_path() : parent) / cat("zebra-bench-", ::getpid())),
        unfinished_(path_) {
    fs::create_directories(path_);
  }
  ~WorkFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;
  fs::path operator/(const char* name) const { return path_ / name; }

 private:
  fs::path path_;
  RemovedBySignal unfinished_;
};

class InitBench {
 public:
  explicit InitBench(const Options& options)
      : options_(options),
        tokens_(token_count(options.tokens, 0)),
        how_(options.model.apply(options.teacher)),
        teacher_(load_model(options.teacher, how_)),
        documents_(token_documents(options.teacher, options.text, teacher_.config())),
        calibration_(make_calibration(options.teacher, teacher_.config(), options.convert)),
        work_(options.work) {
    const auto source = WeightSource::open(options.teacher);
    statistics_ = measured_statistics(*source, teacher_.config(), calibration_, how_.device());
  }

  double teacher_ppl() const { return evaluate_text(teacher_, nullptr, documents_, options_.text.eval).ppl; }

  Scores measure(const ConvertSettings& settings) {
    const auto student = work_ / "student", trained = work_ / "trained";
    convert({.teacher = options_.teacher,
             .out = student,
             .settings = settings,
             .device = how_.device(),
             .overwrite = true,
             .calibration = &calibration_,
             .statistics = statistics_});
    Scores scores;
    scores.cache = cache_cost(read_config(student)).percent();
    std::tie(scores.kl, scores.ppl) = evaluate(student);
    if (tokens_ > 0) {
      distill(distillation(student, trained), /*overwrite=*/true, /*resume=*/false, "zebra bench init");
      std::tie(scores.trained_kl, scores.trained_ppl) = evaluate(trained);
    }
    return scores;
  }

  int64_t tokens() const { return tokens_; }

 private:
  std::pair<double, double> evaluate(const fs::path& folder) const {
    const auto result = evaluate_text(load_model(folder, how_), &teacher_, documents_, options_.text.eval);
    return {result.kl.value(), result.ppl};
  }

  DistillOptions distillation(const fs::path& student, const fs::path& out) const {
    DistillOptions distill;
    distill.teacher = options_.teacher, distill.student = student.string(), distill.out = out.string();
    distill.data = split(options_.data, ',');
    distill.train.tokens = tokens_;
    distill.train.seed = options_.convert.seed;
    distill.train.dtype = options_.model.dtype_of(options_.teacher), distill.train.device = options_.model.device;
    distill.train.threads = options_.model.threads;
    return distill;
  }

  const Options& options_;
  int64_t tokens_;
  at::TensorOptions how_;
  Model teacher_;
  std::vector<std::vector<int64_t>> documents_;
  Calibration calibration_;
  StatisticsOf statistics_;
  WorkFolder work_;
};

struct Student {
  StudentKind kind;
  const char* name;
  ConvertSettings settings;
};

// Those that the flags describe, or those of them that --students names.
std::vector<Student> students(const Options& options) {
  const auto& base = options.convert;
  std::vector<Student> known = {{StudentKind::mla, "mla", base}, {StudentKind::mamba2, "mamba2", base}};
  known[0].settings.mla_layers = "all", known[1].settings.mla_layers = "none";
  if (base.mla_layers != "none") known.push_back({StudentKind::hybrid, "hybrid", base});
  std::vector<Student> chosen;
  if (options.students.empty()) {
    for (auto& student : known) {
      if (student.kind == StudentKind::mamba2 || base.kv_rank > 0) chosen.push_back(student);
    }
    return chosen;
  }
  for (const auto& name : split(options.students, ',')) {
    const auto found = std::find_if(known.begin(), known.end(), [&](const auto& s) { return name == s.name; });
    if (found == known.end()) {
      fail_usage("--students: expected mla, mamba2 or hybrid (with --mla-layers), found \"", name, "\"");
    }
    chosen.push_back(*found);
  }
  return chosen;
}

class Table {
 public:
  Table(const Options& options, bool trained) : json_(options.json), trained_(trained) {}

  void head(double teacher_ppl) const {
    if (json_) return;
    std::printf("teacher perplexity %.4f\n", teacher_ppl);
    std::printf("%-8s %-58s %7s %8s %9s %7s", "student", "initialisation", "cache %", "KL", "ppl", "ratio");
    std::printf(trained_ ? " %8s %9s %7s\n" : "\n", "trained", "ppl", "ratio");
    std::fflush(stdout);
  }

  // The first row of a student is the reference that ratios are taken to.
  void row(const std::string& student, const InitRow& row, const Scores& scores, bool reference) {
    if (reference) reference_ = scores;
    const auto ratio = [](double value, double to) { return to > 0 ? value / to : 0; };
    const double before = ratio(scores.kl, reference_.kl), after = ratio(scores.trained_kl, reference_.trained_kl);
    if (json_) {
      Json json = about(student, row);
      json["cache_percent"] = scores.cache;
      json["kl"] = scores.kl, json["ppl"] = scores.ppl;
      json["ratio"] = before > 0 ? Json(before) : Json(nullptr);
      if (trained_) {
        json["trained_kl"] = scores.trained_kl, json["trained_ppl"] = scores.trained_ppl;
        json["trained_ratio"] = after > 0 ? Json(after) : Json(nullptr);
      }
      return print(json);
    }
    const auto ratio_text = [](double value) { return value > 0 ? fixed(value, 3) : std::string("-"); };
    std::printf("%-8s %-58s %7.2f %8.4f %9.3f %7s", student.c_str(), row.name.c_str(), scores.cache, scores.kl,
                scores.ppl, ratio_text(before).c_str());
    if (trained_) {
      std::printf(" %8.4f %9.3f %7s", scores.trained_kl, scores.trained_ppl, ratio_text(after).c_str());
    }
    std::printf("\n");
    std::fflush(stdout);
  }

  void refused(const std::string& student, const InitRow& row, const std::string& why, bool reference) {
    if (reference) reference_ = {};
    if (!json_) {
      std::printf("%-8s %-58s not possible: %s\n", student.c_str(), row.name.c_str(), why.c_str());
      std::fflush(stdout);
      return;
    }
    Json json = about(student, row);
    json["refused"] = why;
    print(json);
  }

 private:
  static Json about(const std::string& student, const InitRow& row) {
    return {{"student", student},
            {"name", row.name},
            {"mla_init", row.settings.mla_init},
            {"mamba2_init", row.settings.mamba2_init},
            {"refit", row.settings.refit},
            {"refit_on", row.settings.refit_on}};
  }
  static void print(const Json& json) {
    std::printf("%s\n", json.dump().c_str());
    std::fflush(stdout);
  }

  bool json_, trained_;
  Scores reference_;
};

void run(const Options& options) {
  const auto chosen = students(options);
  options.model.apply(options.teacher);  // a device that is not there is an error of its flag
  TrainSettings machine;
  machine.device = options.model.device, machine.threads = options.model.threads;
  prepare_device(machine);  // a distillation would, and then it is too late for cuBLAS
  InitBench bench(options);
  Table table(options, bench.tokens() > 0);
  table.head(bench.teacher_ppl());
  for (const auto& student : chosen) {
    auto rows = options.rows == "left-out" ? left_out_rows(student.kind, student.settings)
                                           : added_rows(student.kind, student.settings);
    if (options.rows == "all") {
      for (const auto& row : left_out_rows(student.kind, student.settings)) {
        if (row.name != "reference" && row.name != "refined") rows.push_back(row);
      }
    }
    for (size_t i = 0; i < rows.size(); ++i) {
      try {
        table.row(student.name, rows[i], bench.measure(rows[i].settings), i == 0);
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::usage) throw;
        table.refused(student.name, rows[i], error.what(), i == 0);  // AMD's arithmetic does not fit every teacher
      }
    }
  }
}

}  // namespace

void add_bench_init(CLI::App& bench) {
  auto options = std::make_shared<Options>();
  options->convert.calibration = "sample";
  auto& convert = options->convert;
  CLI::App* verb = bench.add_subcommand("init", "what each idea of an initialisation is worth, in KL to the teacher");
  verb->add_option("teacher", options->teacher, "checkpoint folder of the Transformer")->required();
  add_text_flags(*verb, options->text);
  verb->add_option("--mla-layers", convert.mla_layers, "MLA layers of the hybrid; without them there is none");
  verb->add_option("--kv-rank", convert.kv_rank, "width of an MLA layer's latent; without it only Mamba2 is measured");
  verb->add_option("--rope-dim", convert.rope_dim, "width of its shared rotated key");
  verb->add_option("--students", options->students, "of mla, mamba2, hybrid (default: all that the flags describe)");
  verb->add_option("--rows", options->rows,
                   "added: one idea more in each row; left-out: the default without one; or all of them")
      ->check(CLI::IsMember({"added", "left-out", "all"}))
      ->capture_default_str();
  verb->add_option("--calibration", convert.calibration, "as in convert: a text file, sample or random")
      ->capture_default_str();
  verb->add_option("--calibration-tokens", convert.calibration_tokens, "tokens to measure on (default: as in convert)")
      ->check(not_negative());
  verb->add_option("--tokens", options->tokens, "also distil each student on so many, with the defaults of distill")
      ->capture_default_str();
  verb->add_option("--data", options->data, "text files to distil on, or sample")->capture_default_str();
  verb->add_option("--seed", convert.seed, "of everything that is random")->check(not_negative());
  verb->add_option("--work", options->work,
                   "folder for students while they are measured (default: for temporary files)");
  verb->add_flag("--json", options->json, "a JSON object per row instead of a table");
  add_model_flags(*verb, options->model);
  verb->callback([options] { run(*options); });
}

}  // namespace zebra::cli
