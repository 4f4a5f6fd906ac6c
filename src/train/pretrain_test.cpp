#include "train/pretrain.h"

#include <gtest/gtest.h>

#include <ATen/Parallel.h>

#include "base/error.h"
#include "io/json_fields.h"
#include "layers/parameters.h"
#include "train/distill_fixture.h"
#include "train/test_models.h"

namespace zebra {
namespace {

class Pretrain : public testing::Test {
 protected:
  ScratchFolder folder, results;
  void SetUp() override {
    at::set_num_threads(1);
    testing_support::write_tokenizer(folder.path);
    testing_support::write_text(folder.path / "text.jsonl", 60);
  }
  PretrainRecipe recipe(const std::string& more = "{}") const {
    write_file(folder.path / "recipe.json", R"({"model": {"hidden": 16, "layers": 2, "heads": 4, "kv_heads": 2},
      "train": {"tokens": 12800, "length": 16, "batch_tokens": 256, "lr": 0.02}})");
    PretrainRecipe out = read_pretrain_recipe(folder.path / "recipe.json");
    out.tokenizer = folder.path.string();
    out.data = {(folder.path / "text.jsonl").string()};
    out.out = (results.path / "out").string();
    load_fields(out, parse_json(more, "more"), "more");
    return out;
  }
  std::string error_of(const std::string& more) const {
    try {
      pretrain(recipe(more), false, true, "");
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }
};

TEST_F(Pretrain, LearnsAndWritesAFolderThatLoads) {
  const PretrainResult result = pretrain(recipe(), false, true, "zebra pretrain recipe.json");
  EXPECT_NEAR(result.report.first_loss, std::log(30.0), 0.1);
  EXPECT_LT(result.report.last_loss, 1.5);
  const fs::path out = recipe().out;
  Model model = load_model(out);
  EXPECT_EQ(model.parameter_count(), result.parameters);
  EXPECT_EQ(model.config().vocab, 30);
  EXPECT_EQ(model.config().bos, 0);
  EXPECT_EQ(model.config().eos, std::vector<int64_t>{1});
  EXPECT_TRUE(fs::exists(out / "tokenizer.json"));
  EXPECT_TRUE(fs::exists(out / "README.md"));
  EXPECT_NE(read_file(out / "report.html").find("<polyline"), std::string::npos);
}

TEST_F(Pretrain, WritesWeightsInBf16WhereAsked) {
  pretrain(recipe(), false, true, "");
  Model full = load_model(recipe().out);
  pretrain(recipe(R"({"weights": "bf16"})"), true, false, "");
  Model half = load_model(recipe().out);
  EXPECT_EQ(half.config().dtype, "bfloat16");
  std::map<std::string, at::Tensor> wanted;
  full.parameters([&](const std::string& name, at::Tensor& value) { wanted[name] = value; });
  half.parameters([&](const Parameter& parameter, at::Tensor& value) {
    const at::Tensor stored = wanted.at(parameter.name).to(parameter_dtype(parameter.role, at::kBFloat16));
    EXPECT_TRUE(at::equal(value, stored.to(at::kFloat))) << parameter.name;
  });
  EXPECT_NE(error_of(R"({"out": "x", "weights": "int8"})").find("weights"), std::string::npos);
}

TEST_F(Pretrain, IsBitForBitTheSameAgain) {
  const auto weights = [&](const std::string& more) {
    pretrain(recipe(more), true, false, "");
    return read_file(fs::path(recipe().out) / "model.safetensors");
  };
  const std::string first = weights("{}");
  EXPECT_EQ(first, weights("{}"));
  EXPECT_NE(first, weights(R"({"train": {"seed": 1}})"));
}

// As many tokens as before, one of them another.
TEST_F(Pretrain, AStoppedRunGoesOnWithTheSameTextOnly) {
  const PretrainRecipe run = recipe(R"({"train": {"save_every": 2}})");
  testing_support::DistillFolders::stop_run(run.out, 4, [&] { pretrain(run, false, true, ""); });
  const fs::path file = run.data.front();
  const std::string before = read_file(file);
  std::string other = before;
  other[other.find("ab")] = 'b';  // a letter of the first document: the end of a text may be dropped
  write_file(file, other);
  const std::string error = error_of(R"({"train": {"save_every": 2}})");
  EXPECT_NE(error.find("text differs: the saved run read "), std::string::npos) << error;
  write_file(file, before);
  EXPECT_EQ(pretrain(run, false, true, "").report.steps, 50);
}

TEST_F(Pretrain, ErrorsSayWhatIsWrong) {
  EXPECT_NE(error_of(R"({"model": {"heads": 3, "kv_heads": 0}})").find("model.heads"), std::string::npos);
  EXPECT_NE(error_of(R"({"model": {"kv_heads": 3}})").find("divisor of heads"), std::string::npos);
  EXPECT_NE(error_of(R"({"model": {"hiden": 3}})").find("did you mean \"hidden\""), std::string::npos);
  EXPECT_NE(error_of(R"({"train": {"length": 4096, "batch_tokens": 4096}})").find("context length 512"),
            std::string::npos);
  EXPECT_NE(error_of(R"({"data": []})").find("data is missing"), std::string::npos);
  EXPECT_NE(error_of(R"({"tokenizer": "/nowhere"})"), "");
  EXPECT_NE(error_of(R"({"train": {"tokens": 0}})").find("train.tokens is missing"), std::string::npos);
}

}  // namespace
}  // namespace zebra
