// Recipes: what is accepted is written and read back as the same, and its stages have command lines. An input that
// begins with # is one of AMD's training configs.
#include "base/error.h"
#include "fuzz/files.h"
#include "fuzz/fuzz.h"
#include "pipeline/amd_config.h"
#include "pipeline/recipe.h"

namespace zebra::fuzz {

namespace {

const std::vector<StageVerb> kVerbs = {
    {.name = "convert", .places = {"teacher"}, .options = {"mla_layers", "kv_rank"}, .has_json = true},
    {.name = "distill", .options = {"teacher", "student", "data", "tokens", "lr", "loss"}, .each = "student"},
    {.name = "eval",
     .places = {"dir"},
     .options = {"text"},
     .switches = {"no_bos"},
     .takes_out = false,
     .suffix = ".json"},
    {.name = "world", .options = {"kind", "seed"}, .suffix = ".jsonl", .folder_if = {"kind", "tasks"}}};

}  // namespace

std::vector<std::string> seeds() {
  return {
      R"({"name": "small", "about": "An example.", "teacher": "base", "kv_percent": 3.5, "stages": [
    {"stage": "student", "verb": "convert", "teacher": "@teacher", "mla_layers": [1, 3], "kv_rank": 8},
    {"stage": "learned", "verb": "distill", "teacher": "@teacher", "student": ["@student"], "data": ["a", "@student/b"], "lr": 8e-5},
    {"stage": "scores", "verb": "eval", "text": "it is.jsonl", "dir": "@learned/student", "no_bos": true},
    {"stage": "w", "verb": "world", "kind": "tasks", "seed": 3}]})",
      "# Model arguments\nmodel_name_or_path: org/Base-1B   # a comment\nteacher_model_name_or_path: org/Base-8B\n"
      "mla_layers: [0, 5]\nbf16: true\nchat_template: \"{% if x %}{{ '# no' + \\\"y\\\" }}{% endif %}\"\n"
      "dataset_mixer:\n  org/text: 1.0\ndataset_splits:\n- train\n- test\nlearning_rate: 8.0e-05\nlr_scheduler_type: "
      "cosine\n"
      "max_seq_length: 2048\nmax_steps: -1\nnum_train_epochs: 1\ndata_ratio: 0.8\noutput_dir: checkpoints/My Model\n"
      "per_device_train_batch_size: 12\ngradient_accumulation_steps: 2\nseed: 42\nwarmup_ratio: 0.01\nq_lora_rank: "
      "1344\n"
      "kv_lora_rank: 128\nqk_rope_head_dim: 32\nuse_lora_layer_norm: false\n",
      "# DPO\nmodel_name_or_path: a\nbeta: 0.01\nmax_length: 1024\nlearning_rate: 5e-7\n",
      "# ILD\nmodel_name_or_path: a\nILD: true\nmla_layers:\n- 1\n- 2\nmamba_ILD_path: x\nmla_ILD_path: y\nkl_weight: "
      "1\n"};
}
std::vector<std::string> words() {
  return with_json_words({"\"stage\":",  "\"verb\":", "\"stages\":",  "@teacher",  "@student",
                          "@",           "/",         "..",           "\"world\"", "true",
                          "- ",          "  ",        ": ",           "#",         "'",
                          "max_steps: ", "beta: ",    "mla_layers: ", "ILD: true", "kl_weight: 0",
                          "1e400",       "[",         "&a",           "*a",        "|\n"});
}

}  // namespace zebra::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace zebra;
  using fuzz::kVerbs;
  const std::string_view text = fuzz::text(data, size);
  try {
    if (text.starts_with("#")) {
      read_amd_config(text, "fuzz.yaml");
      return 0;
    }
    const Recipe recipe = parse_recipe(parse_json(text, "fuzz"), "fuzz", kVerbs);
    const Json json = recipe_json(recipe);
    if (recipe_json(parse_recipe(json, "again", kVerbs)) != json) __builtin_trap();
    check_references(recipe, "fuzz");
    const StageOutputs outputs = stage_outputs(recipe, "out", kVerbs);
    for (const Stage& stage : recipe.stages) {
      stage_arguments(stage, verb_of(stage, kVerbs), outputs);
      written_by(stage, verb_of(stage, kVerbs), outputs);
    }
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::input && error.kind() != ErrorKind::usage) __builtin_trap();
  }
  return 0;
}
