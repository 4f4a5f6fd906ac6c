#include "pipeline/amd_config.h"

#include <cmath>
#include <set>

#include "base/error.h"
#include "base/fields.h"
#include "pipeline/flat_yaml.h"

namespace zebra {

namespace {

constexpr int64_t kGpus = 8;        // of the machines that their batch sizes are written for
constexpr double kMixTokens = 7e9;  // of one epoch of their data

class Reader {
 public:
  Reader(std::string_view yaml, const std::string& where) : where_(where), entries_(parse_flat_yaml(yaml, where)) {}

  AmdConfig read() {
    AmdConfig config;
    Json& recipe = config.recipe;
    recipe["name"] = name();
    recipe["about"] = "From AMD's " + fs::path(where_).filename().string() + ", for batches of 8 GPUs.";
    recipe["teacher"] = need("model_name_or_path");
    recipe["stages"] = has("beta") ? Json::array({dpo()}) : distillation(recipe["teacher"]);
    recipe["stages"].push_back({{"stage", "scores"},
                                {"verb", "eval"},
                                {"dir", cat("@", recipe["stages"].back()["stage"].get<std::string>())},
                                {"text", "held_out.jsonl"},
                                {"teacher", "@teacher"},
                                {"dtype", "bf16"},
                                {"device", "cuda"}});
    for (const auto& entry : entries_) {
      if (!used_.count(entry.key)) config.ignored.push_back(entry.key);
    }
    return config;
  }

 private:
  const YamlEntry* find(const std::string& key) {
    for (const auto& entry : entries_) {
      if (entry.key != key) continue;
      used_.insert(key);
      return &entry;
    }
    return nullptr;
  }

  bool has(const std::string& key) { return find(key) != nullptr; }

  std::string text(const std::string& key) {
    const YamlEntry* entry = find(key);
    if (entry && entry->is_list) fail_input(where_, ": key ", key, ": expected one value, found a list");
    return entry && entry->value != "null" ? entry->value : "";
  }

  std::string need(const std::string& key) {
    const std::string value = text(key);
    if (value.empty()) fail_input(where_, ": key ", key, ": expected a value, found none");
    return value;
  }

  bool flag(const std::string& key) {
    const std::string value = text(key);
    if (value.empty() || value == "false" || value == "False") return false;
    if (value == "true" || value == "True") return true;
    fail_input(where_, ": key ", key, ": expected true or false, found \"", value, "\"");
  }

  double number(const std::string& key, double otherwise) {
    const std::string value = text(key);
    if (value.empty()) return otherwise;
    double parsed = 0;
    if (!parse_field(value, parsed)) fail_input(where_, ": key ", key, ": expected a number, found \"", value, "\"");
    return parsed;
  }

  int64_t whole(const std::string& key, int64_t otherwise) {
    const double value = number(key, static_cast<double>(otherwise));
    if (value != std::floor(value) || std::fabs(value) > 1e12) {
      fail_input(where_, ": key ", key, ": expected a whole number, found ", value);
    }
    return static_cast<int64_t>(value);
  }

  // The last folder of output_dir, in letters that a recipe's name may have.
  std::string name() {
    std::string name = fs::path(text("output_dir")).filename().string();
    if (name.empty()) name = fs::path(where_).stem().string();
    for (char& c : name) {
      const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
      if (!plain && c != '-' && c != '.') c = '_';
    }
    return name[0] == '.' ? "_" + name : name;
  }

  std::vector<std::string> mla_layers() {
    const YamlEntry* entry = find("mla_layers");
    if (!entry || !entry->is_list) fail_input(where_, ": key mla_layers: expected a list of layers");
    return entry->items;
  }

  Json distillation(const std::string& base) {
    const bool ild = flag("ILD");
    const std::string mamba2 = text("mamba_ILD_path"), mla = text("mla_ILD_path");
    const Json first = mamba2.empty() || mla.empty() ? convert() : select(mamba2, mla);
    return Json::array({first, distill(base, first["stage"], ild)});
  }

  Json convert() {
    Json stage = {{"stage", "init"}, {"verb", "convert"}, {"teacher", "@teacher"}, {"init", "reference"}};
    const auto layers = mla_layers();
    stage["mla_layers"] = layers.empty() ? Json("none") : Json(layers);
    stage["rest"] = "mamba2";
    if (layers.empty()) return stage;  // their Mamba2 configs give no widths
    const std::pair<const char*, const char*> widths[] = {{"kv_lora_rank", "kv_rank"},
                                                          {"q_lora_rank", "q_rank"},
                                                          {"qk_rope_head_dim", "rope_dim"},
                                                          {"qk_nope_head_dim", "nope_dim"},
                                                          {"v_head_dim", "v_dim"}};
    for (const auto& [theirs, ours] : widths) {
      if (find(theirs)) stage[ours] = whole(theirs, 0);
    }
    if (flag("use_lora_layer_norm")) stage["lora_norm"] = true;
    if (flag("use_full_kv_head")) stage["full_kv_head"] = true;
    return stage;
  }

  // Their second stage takes layers from two trained students, named layers; ours chooses as many by SMART.
  Json select(const std::string& mamba2, const std::string& mla) {
    return {{"stage", "hybrid"},        {"verb", "select"},   {"teacher", "@teacher"},
            {"mamba2_student", mamba2}, {"mla_student", mla}, {"text", "choice.jsonl"},
            {"max_length", 2048},       {"limit", 256},       {"count", mla_layers().size()},
            {"method", "smart"},        {"dtype", "bf16"},    {"device", "cuda"}};
  }

  Json distill(const std::string& base, const std::string& student, bool ild) {
    if (number("kl_weight", 1) != 1 || number("ce_weight", 0) != 0) {
      fail_input(
          where_,
          ": kl_weight and ce_weight: expected 1 and 0: their KL is a sum over the tokens of a row, ours a mean, "
          "so that the weights mean something else here; give the recipe a ce_weight of its own");
    }
    const std::string teacher = text("teacher_model_name_or_path");
    Json stage = {{"stage", "distilled"}, {"verb", "distill"}};
    stage["teacher"] = teacher.empty() || teacher == base ? "@teacher" : teacher;
    stage["student"] = "@" + student;
    stage["data"] = "train.jsonl";
    const int64_t length = whole("max_seq_length", 2048), batch = examples_in_a_step();
    const int64_t steps = whole("max_steps", -1);
    const double epochs = std::fabs(number("num_train_epochs", 1)) * number("data_ratio", 1);
    if (length < 1) fail_input(where_, ": max_seq_length: expected a number above 0, found ", length);
    stage["tokens"] = steps > 0 ? steps * batch * length : std::llround(epochs * kMixTokens);
    stage["length"] = length;
    stage["batch_tokens"] = batch * length;
    stage["lr"] = stage["lr_inherited"] = number("learning_rate", 5e-5);
    stage.update(training());
    if (ild) {
      stage["loss"] = "layers", stage["layer_distance"] = "norm", stage["layer_match"] = "both";
    } else {
      stage["layer_weight"] = 0;
    }
    return stage;
  }

  // Their last stage, on a model that is distilled already; the mix of preferences becomes a file of them.
  Json dpo() {
    Json stage = {{"stage", "preferred"},
                  {"verb", "align"},
                  {"method", "dpo"},
                  {"model", "@teacher"},
                  {"data", "preferences.jsonl"},
                  {"eval_data", "held_out_preferences.jsonl"},
                  {"beta", number("beta", 0.1)},
                  {"epochs", number("num_train_epochs", 1)},
                  {"batch", examples_in_a_step()},
                  {"length", whole("max_length", 1024)},
                  {"lr", number("learning_rate", 5e-5)}};
    stage.update(training());
    return stage;
  }

  int64_t examples_in_a_step() {
    const int64_t batch = whole("per_device_train_batch_size", 8) * whole("gradient_accumulation_steps", 1) * kGpus;
    if (batch < 1) fail_input(where_, ": batch sizes: expected numbers above 0");
    return batch;
  }

  Json training() {
    return {{"schedule", has("lr_scheduler_type") ? text("lr_scheduler_type") : "linear"},  // their trainer's default
            {"warmup", number("warmup_ratio", 0)},
            {"beta2", 0.999},  // of the trainer that they use
            {"seed", whole("seed", 42)},
            {"dtype", flag("bf16") || text("torch_dtype") == "bfloat16" ? "bf16" : "fp32"},
            {"device", "cuda"},
            {"optimizer", "adamw"}};
  }

  std::string where_;
  std::vector<YamlEntry> entries_;
  std::set<std::string> used_;
};

}  // namespace

AmdConfig read_amd_config(std::string_view yaml, const std::string& where) {
  return Reader(yaml, where).read();
}

}  // namespace zebra
