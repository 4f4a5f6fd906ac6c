#include "study/rows.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "base/error.h"
#include "base/text.h"
#include "data/world/tasks.h"
#include "select/students.h"
#include "upcycle/inherited.h"

namespace zebra {

namespace {

constexpr double kCompressions[] = {4, 6.4, 10.6};  // of the KV cache, by X-EcoMLA
constexpr double kMiddle = kCompressions[1];
constexpr const char* kReference = "reference";  // AMD's initialisation
constexpr int64_t kPreferences = 1024;           // pairs of the generated world, for DPO
constexpr int64_t kTaskDocuments = 200;          // of each task of the generated world
constexpr double kLayersPart = 0.2;              // of a row's tokens, for its layers: Zebra-Llama's 1.4B of 7B

std::string number(double value) {
  std::string text = fixed(value, 1);
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  return text;
}

int64_t rounded(double value, int64_t unit) {
  return std::max<int64_t>(1, std::llround(value / static_cast<double>(unit))) * unit;
}

// What an MLA layer caches: its latent, and the rotated key beside it.
struct Widths {
  int64_t kv_rank, rope_dim;
};

class Planner {
 public:
  Planner(const ReproduceOptions& options, const ModelConfig& teacher, const std::vector<StageVerb>& verbs)
      : verbs_(verbs), options_(options), teacher_(teacher), latents_(default_latents({}, teacher)) {}

  Reproduction plan() {
    text_ = of_the_world() ? world("stories", "stories", "test", 200) : options_.text;
    find_tasks();
    add("base", "teacher", [](const auto&) { return std::string("@teacher"); });
    for (const double factor : kCompressions) ecomla(factor, "", "@teacher");
    add(ecomla_key(kMiddle) + "_reference", cat("X-EcoMLA, ", number(kMiddle), "x, reference initialisation"),
        [&](const auto& key) { return distilled(key, ecomla_init(kMiddle, kReference), "@teacher"); });
    if (!options_.large_teacher.empty()) {
      for (const double factor : kCompressions) ecomla(factor, "_large", options_.large_teacher);
    }
    zebras();
    add("mamba_in_llama", "MambaInLlama, every second attention kept",
        [&](const auto& key) { return mamba_in_llama(key); });
    add("llamba", "Llamba, all Mamba2",
        [&](const auto& key) { return distilled(key, layers("mamba2"), "@teacher", true); });
    add("transmla", cat("TransMLA-like, ", number(kCompressions[2]), "x"),
        [&](const auto& key) { return transmla(key); });
    add("minitron", "Minitron-like, 3/4 of the width", [&](const auto& key) { return minitron(key); });
    for (const auto& key : options_.rows) {
      if (key != "all" && std::find(known_.begin(), known_.end(), key) == known_.end()) {
        fail_usage("--rows: expected all, or some of ", join(known_, ", "), ", found \"", key, "\"");
      }
    }
    recipe_["name"] = "reproduce";
    recipe_["teacher"] = options_.teacher;
    return {parse_recipe(recipe_, "reproduce", verbs_), tasks_, rows_};
  }

 private:
  // Adds a stage once and returns what later ones call it.
  std::string stage(const std::string& name, const std::string& verb, const Json& settings) {
    if (std::find(stages_.begin(), stages_.end(), name) == stages_.end()) {
      Json json = {{"stage", name}, {"verb", verb}};
      json.update(settings);
      recipe_["stages"].push_back(json);
      stages_.push_back(name);
    }
    return "@" + name;
  }

  bool wanted(const std::string& key, bool by_default) const {
    const auto& rows = options_.rows;
    const auto holds = [&](const std::string& word) { return std::find(rows.begin(), rows.end(), word) != rows.end(); };
    return rows.empty() ? by_default : holds(key) || holds("all");
  }

  // `model` adds the stages that make the row's model, the last of them named by the row's key, and returns that.
  using MakeModel = std::function<std::string(const std::string& key)>;
  void add(const std::string& key, const std::string& name, const MakeModel& model, bool by_default = true) {
    known_.push_back(key);
    if (!wanted(key, by_default)) return;
    const std::string made = model(key);
    TableRow row{.key = key, .name = name, .scores = key + "_scores", .recall = "", .tasks = {}};
    stage(row.scores, "eval", {{"dir", made}, {"text", text_}, {"teacher", "@teacher"}});
    for (const int64_t shots : tasks_.empty() ? std::vector<int64_t>() : options_.shots) {
      row.tasks[shots] = cat(key, "_shots_", shots);
      score(row.tasks[shots], made, join(tasks_, ","), shots);
    }
    if (recall_) {
      row.recall = key + "_recall";
      score(row.recall, made, world::kRecallTask, 0);
    }
    rows_.push_back(row);
  }

  void score(const std::string& name, const std::string& model, const std::string& tasks, int64_t shots) {
    Json settings = {{"dir", model}, {"tasks", tasks}, {"data_dir", data_dir_}, {"num_fewshot", shots}};
    if (!options_.data_dir.empty() && options_.limit > 0) settings["limit"] = options_.limit;
    stage(name, "eval", settings);
  }

  bool of_the_world() const { return options_.text.empty(); }

  // Which tasks, and where their documents are.
  void find_tasks() {
    std::vector<std::string> known = world::task_names();
    known.push_back(world::kRecallTask);
    if (options_.tasks == "none" || (options_.tasks.empty() && !of_the_world())) {
      if (!options_.data_dir.empty()) fail_usage("--data-dir: goes with --tasks, which names what to score there");
      return;
    }
    tasks_ = options_.tasks.empty() ? known : split(options_.tasks, ',');
    const int64_t documents = options_.limit > 0 ? options_.limit : kTaskDocuments;
    for (const auto& task : options_.data_dir.empty() ? tasks_ : std::vector<std::string>()) {
      if (std::find(known.begin(), known.end(), task) != known.end()) continue;
      fail_usage("--tasks: without --data-dir expected some of ", join(known, ", "), ", found \"", task, "\"");
    }
    recall_ = std::erase(tasks_, world::kRecallTask) > 0;
    data_dir_ = options_.data_dir;
    if (data_dir_.empty()) data_dir_ = stage("world_tasks", "world", {{"kind", "tasks"}, {"documents", documents}});
  }

  std::string world(const std::string& name, const std::string& kind, const std::string& split, int64_t documents) {
    return stage(name, "world", {{"kind", kind}, {"split", split}, {"documents", documents}});
  }

  std::string convert(const std::string& name, Json settings) {
    check_transformer(teacher_, "a row of reproduce");  // its names would not say what a hybrid's students are
    settings["teacher"] = "@teacher";
    settings["seed"] = options_.seed;
    const bool measures = settings.value("init", "") != kReference;
    if (measures && options_.data != "sample") settings["calibration"] = split(options_.data, ',').front();
    return stage(name, "convert", settings);
  }

  // All layers MLA of these widths, begun with as `init` says; AMD's way knows ranks of 8, 16, ... only.
  std::string all_mla(const std::string& name, const Widths& widths, const std::string& init, Json settings = {}) {
    const bool reference = init == kReference;
    if (!init.empty()) settings["init"] = init;
    settings["mla_layers"] = "all";
    settings["rope_dim"] = widths.rope_dim;
    settings["kv_rank"] = reference ? (widths.kv_rank + 7) / 8 * 8 : widths.kv_rank;
    return convert(name, settings);
  }

  // With which the cache shrinks by `factor`. Where a teacher has few kv heads, the rotated key must not crowd out the
  // latent.
  Widths widths_of(double factor) const {
    const AttentionConfig attention = base_attention(teacher_);
    const int64_t numbers = std::llround(static_cast<double>(2 * attention.kv_heads * attention.head_dim) / factor);
    const int64_t rope_dim = std::min(latents_.rope_dim, std::max<int64_t>(2, numbers / 4 * 2));
    return {std::max<int64_t>(1, numbers - rope_dim), rope_dim};
  }

  std::string distilled(const std::string& key, const std::string& student, const std::string& teacher,
                        bool after_layers = false) {
    const int64_t spent = after_layers ? layers_tokens() : 0;
    return stage(key, "distill",
                 {{"teacher", teacher},
                  {"student", student},
                  {"data", options_.data},
                  {"tokens", options_.tokens - spent},
                  {"seed", options_.seed}});
  }

  int64_t layers_tokens() const {
    return std::max<int64_t>(1, std::llround(kLayersPart * static_cast<double>(options_.tokens)));
  }

  // A student of one kind whose layers learned the teacher's, each alone.
  std::string layers(const std::string& kind, const std::string& init = "") {
    const std::string suffix = init.empty() ? kind : kind + "_" + init;
    Json mamba2 = {{"mla_layers", "none"}, {"rest", "mamba2"}};
    if (!init.empty()) mamba2["init"] = init;
    const std::string student =
        kind == "mla" ? all_mla(cat("init_", suffix), {latents_.kv_ranks.front(), latents_.rope_dim}, init)
                      : convert(cat("init_", suffix), mamba2);
    return stage(cat("ild_", suffix), "distill",
                 {{"teacher", "@teacher"},
                  {"student", student},
                  {"data", options_.data},
                  {"loss", "layers"},
                  {"tokens", layers_tokens()},
                  {"seed", options_.seed}});
  }

  static std::string ecomla_key(double factor) {
    std::string key = cat("x_ecomla_", number(factor));
    std::replace(key.begin(), key.end(), '.', '_');
    return key;
  }

  std::string ecomla_init(double factor, const std::string& init) {
    const std::string name = cat("init_", ecomla_key(factor), init.empty() ? "" : "_", init);
    return all_mla(name, widths_of(factor), init);
  }

  void ecomla(double factor, const std::string& suffix, const std::string& teacher) {
    add(ecomla_key(factor) + suffix, cat("X-EcoMLA, ", number(factor), "x", suffix.empty() ? "" : ", larger teacher"),
        [&](const auto& key) { return distilled(key, ecomla_init(factor, ""), teacher); });
  }

  void zebras() {
    const int64_t half = std::max<int64_t>(1, teacher_.layers() / 2);
    const int64_t quarter = std::max<int64_t>(1, teacher_.layers() / 4);
    const std::string key = "zebra_quarter", name = "Zebra, MLA in 1 of 4 layers (4:12)", spread = ", evenly spread";
    const std::string half_key = "zebra_half", half_name = "Zebra, MLA in 1 of 2 layers (8:8)";
    const auto made = [&](int64_t count, const char* method, const char* init = "") -> MakeModel {
      return [this, count, method, init](const std::string& row) { return zebra(row, count, method, init); };
    };
    add(half_key, half_name, made(half, "smart"));
    add(half_key + "_uniform", half_name + spread, made(half, "uniform"));
    add(key, name, made(quarter, "smart"));
    add(key + "_uniform", name + spread, made(quarter, "uniform"));
    add(key + "_reference", name + ", reference initialisation", made(quarter, "smart", kReference), false);
    add(
        key + "_dpo", name + ", then DPO",
        [&](const std::string& row) { return preferring(row, zebra(key, quarter, "smart")); },
        of_the_world() || !options_.preferences.empty());
  }

  // `count` layers of one student and the others of another, then trained end to end.
  std::string zebra(const std::string& key, int64_t count, const std::string& method, const std::string& init = "") {
    if (options_.choice_text.empty() && !of_the_world()) {
      fail_usage("--choice-text: expected a file for SMART to choose layers on, other than --text");
    }
    const std::string choice =
        options_.choice_text.empty() ? world("choice_stories", "stories", "valid", 64) : options_.choice_text;
    const std::string mla = layers("mla", init), mamba2 = layers("mamba2", init);
    const std::string hybrid = stage(cat("hybrid_", key), "select",
                                     {{"teacher", "@teacher"},
                                      {"mamba2_student", mamba2},
                                      {"mla_student", mla},
                                      {"text", choice},
                                      {"count", count},
                                      {"method", method}});
    return distilled(key, hybrid, "@teacher", true);
  }

  std::string preferring(const std::string& key, const std::string& model) {
    if (options_.preferences.empty() && !of_the_world()) {
      fail_usage("--preferences: expected a file of prompt, chosen and rejected, for the row ", key);
    }
    const std::string pairs = options_.preferences.empty() ? world("preferences", "preferences", "train", kPreferences)
                                                           : options_.preferences;
    return stage(key, "align", {{"method", "dpo"}, {"model", model}, {"data", pairs}, {"seed", options_.seed}});
  }

  std::string mamba_in_llama(const std::string& key) {
    std::vector<int64_t> odd;
    for (int64_t layer = 1; layer < teacher_.layers(); layer += 2) odd.push_back(layer);
    if (odd.empty()) fail_usage("--rows: mamba_in_llama needs a teacher of two layers or more");
    const std::string init = convert(
        "init_mamba_in_llama", {{"mla_layers", "none"}, {"rest", "attention"}, {"mamba2_layers", list_text(odd)}});
    return distilled(key, init, "@teacher");
  }

  // The cache of X-EcoMLA's smallest, from TransMLA's own steps: rotated heads, folded frequencies, balance.
  std::string transmla(const std::string& key) {
    const std::string init = all_mla("init_transmla", widths_of(kCompressions[2]), "",
                                     {{"mla_init", "balance,whiten,rorope,freqfold"}, {"refit", "none"}});
    return distilled(key, init, "@teacher");
  }

  std::string minitron(const std::string& key) {
    Json settings = {{"teacher", "@teacher"},
                     {"hidden", rounded(0.75 * static_cast<double>(teacher_.hidden), 8)},
                     {"intermediate", rounded(0.625 * static_cast<double>(teacher_.intermediate), 8)},
                     {"seed", options_.seed}};
    if (options_.data != "sample") settings["calibration"] = split(options_.data, ',').front();
    return distilled(key, stage("init_minitron", "prune", settings), "@teacher");
  }

  const std::vector<StageVerb>& verbs_;
  const ReproduceOptions& options_;
  const ModelConfig& teacher_;
  Latents latents_;
  Json recipe_ = Json::object();
  std::string text_, data_dir_;
  std::vector<std::string> stages_, known_, tasks_;
  bool recall_ = false;
  std::vector<TableRow> rows_;
};

}  // namespace

Reproduction plan_reproduction(const ReproduceOptions& options, const ModelConfig& teacher,
                               const std::vector<StageVerb>& verbs) {
  if (options.shots.empty()) fail_usage("--num-fewshot: expected numbers of examples, as 0,5, found none");
  return Planner(options, teacher, verbs).plan();
}

}  // namespace zebra
