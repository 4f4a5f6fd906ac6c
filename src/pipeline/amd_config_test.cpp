#include "pipeline/amd_config.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "pipeline/flat_yaml.h"

namespace zebra {
namespace {

const char* const kYaml = R"(# Model arguments
model_name_or_path: org/Base-1B   # a comment
teacher_model_name_or_path: org/Base-8B
mla_layers: [0, 5]
bf16: true
chat_template: "{% if x %}{{ '# no comment' + \"y\" }}{% endif %}"
dataset_mixer:
  org/text: 1.0
dataset_splits:
- train
- test
learning_rate: 8.0e-05
lr_scheduler_type: cosine
max_seq_length: 2048
max_steps: -1
num_train_epochs: 1
data_ratio: 0.8
output_dir: checkpoints/My Model
per_device_train_batch_size: 12
gradient_accumulation_steps: 2
seed: 42
warmup_ratio: 0.01
q_lora_rank: 1344
kv_lora_rank: 128
qk_rope_head_dim: 32
use_lora_layer_norm: false
)";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  return text.replace(text.find(from), from.size(), to);
}

std::string error_of(const std::string& yaml) {
  try {
    read_amd_config(yaml, "x.yaml");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::input);
    return error.what();
  }
  return "no error";
}

TEST(AmdConfig, LeavesNothingOfTheTrainingToOurDefaults) {
  const AmdConfig read = read_amd_config(replaced(kYaml, "lr_scheduler_type: cosine\n", ""), "x.yaml");
  const Json& stage = read.recipe["stages"].at(1);
  EXPECT_EQ(stage["verb"], "distill");
  EXPECT_EQ(stage["schedule"], "linear");
  EXPECT_EQ(stage["optimizer"], "adamw");
  EXPECT_EQ(stage["layer_weight"], 0);
}

TEST(AmdConfig, BecomesConversionAndDistillation) {
  const AmdConfig config = read_amd_config(kYaml, "x.yaml");
  const Json& stages = config.recipe["stages"];
  EXPECT_EQ(config.recipe["name"], "My_Model");
  EXPECT_EQ(config.recipe["teacher"], "org/Base-1B");
  EXPECT_EQ(stages[0]["verb"], "convert");
  EXPECT_EQ(stages[0]["mla_layers"], Json({"0", "5"}));
  EXPECT_EQ(stages[0]["kv_rank"], 128);
  EXPECT_EQ(stages[0]["q_rank"], 1344);
  EXPECT_FALSE(stages[0].contains("lora_norm"));
  EXPECT_EQ(stages[1]["teacher"], "org/Base-8B");
  EXPECT_EQ(stages[1]["batch_tokens"], 12 * 2 * 8 * 2048);
  EXPECT_EQ(stages[1]["tokens"], 5600000000);
  EXPECT_EQ(stages[1]["lr"], 8e-5);
  EXPECT_EQ(stages[1]["dtype"], "bf16");
  EXPECT_FALSE(stages[1].contains("loss"));
  EXPECT_EQ(config.ignored, (std::vector<std::string>{"chat_template", "dataset_mixer", "dataset_splits"}));
}

TEST(AmdConfig, IldAndStepsAndTwoStudents) {
  const std::string mamba2 = replaced(kYaml, "[0, 5]", "[]") + "ILD: true\n";
  const Json ild = read_amd_config(replaced(mamba2, "max_steps: -1", "max_steps: 10"), "x.yaml").recipe["stages"];
  EXPECT_EQ(ild[0]["mla_layers"], "none");
  EXPECT_FALSE(ild[0].contains("kv_rank"));
  EXPECT_EQ(ild[1]["loss"], "layers");
  EXPECT_EQ(ild[1]["tokens"], 10 * 12 * 2 * 8 * 2048);
  const Json kd =
      read_amd_config(kYaml + std::string("mamba_ILD_path: a/M2\nmla_ILD_path: a/MLA\n"), "x").recipe["stages"];
  EXPECT_EQ(kd[0]["verb"], "select");
  EXPECT_EQ(kd[0]["count"], 2);
  EXPECT_EQ(kd[0]["mamba2_student"], "a/M2");
  EXPECT_EQ(kd[1]["student"], "@hybrid");
}

TEST(AmdConfig, PreferencesBecomeAlign) {
  const AmdConfig config = read_amd_config(
      "model_name_or_path: a/SFT\ntorch_dtype: bfloat16\nbeta: 0.01\nlearning_rate: 5.0e-7\n"
      "lr_scheduler_type: cosine\nmax_length: 1024\nmax_prompt_length: 512\nnum_train_epochs: 1\n"
      "per_device_train_batch_size: 4\nwarmup_ratio: 0.1\n",
      "dpo.yaml");
  const Json& stages = config.recipe["stages"];
  ASSERT_EQ(stages.size(), 2u);
  EXPECT_EQ(stages[0]["verb"], "align");
  EXPECT_EQ(stages[0]["method"], "dpo");
  EXPECT_EQ(stages[0]["model"], "@teacher");
  EXPECT_EQ(stages[0]["beta"], 0.01);
  EXPECT_EQ(stages[0]["batch"], 4 * 8);
  EXPECT_EQ(stages[0]["length"], 1024);
  EXPECT_EQ(stages[0]["lr"], 5e-7);
  EXPECT_EQ(stages[0]["schedule"], "cosine");
  EXPECT_EQ(stages[0]["dtype"], "bf16");
  EXPECT_EQ(stages[1]["dir"], "@preferred");
  EXPECT_EQ(config.ignored, (std::vector<std::string>{"max_prompt_length"}));
}

TEST(AmdConfig, ErrorsNameKeyAndLine) {
  EXPECT_NE(error_of(replaced(kYaml, "model_name_or_path", "other")).find("model_name_or_path"), std::string::npos);
  EXPECT_NE(error_of(replaced(kYaml, "8.0e-05", "fast")).find("learning_rate: expected a number"), std::string::npos);
  EXPECT_NE(error_of(replaced(kYaml, "bf16: true", "bf16: maybe")).find("bf16"), std::string::npos);
  EXPECT_NE(error_of(replaced(kYaml, "2048", "0.5")).find("max_seq_length"), std::string::npos);
  EXPECT_NE(error_of(kYaml + std::string("ce_weight: 0.5\n")).find("ce_weight"), std::string::npos);
  EXPECT_NE(error_of(replaced(kYaml, "[0, 5]", "7")).find("mla_layers"), std::string::npos);
  EXPECT_NE(error_of("a: b\nnonsense\n").find("line 2"), std::string::npos);
  EXPECT_NE(error_of("a: b\na: c\n").find("twice"), std::string::npos);
  EXPECT_NE(error_of("  a: b\n").find("line 1"), std::string::npos);
  EXPECT_NE(error_of("a: [1, 2\n").find("closed"), std::string::npos);
  EXPECT_NE(error_of("a: |\n  x\n").find("line 1"), std::string::npos);
  EXPECT_NE(error_of("a: \"x\n").find("closing"), std::string::npos);
  EXPECT_NE(error_of("").find("model_name_or_path"), std::string::npos);
}

TEST(FlatYaml, ListsAndQuotes) {
  const auto entries = parse_flat_yaml("a:\n- x\n- 'y, z'\nb: ['q', r]\nc: 'it # is'\nd: u#v\ne:\n", "x");
  EXPECT_EQ(entries[0].items, (std::vector<std::string>{"x", "y, z"}));
  EXPECT_EQ(entries[1].items, (std::vector<std::string>{"q", "r"}));
  EXPECT_EQ(entries[2].value, "it # is");
  EXPECT_EQ(entries[3].value, "u#v");
  EXPECT_EQ(entries[4].value, "");
}

}  // namespace
}  // namespace zebra
