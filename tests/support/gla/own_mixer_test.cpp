// A kind of mixer that only this program has: everything that is done with one works without knowing which it is.
#include <gtest/gtest.h>

#include "infer/generate.h"
#include "layers/mixer_kinds.h"
#include "model/checkpoint.h"
#include "support/gla/config.h"
#include "train/distill_fixture.h"
#include "upcycle/convert.h"

namespace zebra {
namespace {

TEST(OwnMixer, AtOnceInPiecesAndTokenByToken) {
  const c10::NoGradGuard no_grad;
  at::manual_seed(3);
  const auto mixer = make_mixer(GlaConfig{.hidden = 8, .heads = 4, .kv_heads = 2, .head_dim = 3}, at::kDouble);
  mixer->parameters("m", [](const std::string&, at::Tensor& value) { value.normal_(0, 0.5); });
  const at::Tensor u = at::randn({3, 7, 8}, at::kDouble), whole = mixer->forward(u);
  // Sequences in slots out of order, which grow by unequal pieces.
  LayerMemory memory = mixer->make_memory({.pages = 3, .page = 16, .slots = 4});
  const std::vector<std::vector<int64_t>> calls = {{1, 3, 2}, {5, 1, 1}, {1, 3, 4}};
  std::vector<int64_t> held(3, 0);
  for (const auto& lengths : calls) {
    std::vector<Sequence> sequences;
    std::vector<at::Tensor> inputs, expected;
    for (size_t row = 0; row < held.size(); ++row) {
      const auto place = static_cast<int64_t>(row);
      sequences.push_back({.length = lengths[row], .held = held[row], .pages = {place}, .slot = 3 - place});
      inputs.push_back(u[place].narrow(0, held[row], lengths[row]));
      expected.push_back(whole[place].narrow(0, held[row], lengths[row]));
      held[row] += lengths[row];
    }
    const at::Tensor ids = at::zeros({at::cat(inputs).size(0)}, at::kLong);
    const at::Tensor found = mixer->extend(at::cat(inputs), Batch(ids, sequences, 16), memory);
    EXPECT_LT((found - at::cat(expected)).abs().max().item<double>(), 1e-12);
  }
}

class OwnMixerModel : public testing_support::DistillFolders {
 protected:
  void SetUp() override {
    DistillFolders::SetUp();
    ConvertTask task{.teacher = folder.path / "teacher", .out = folder.path / "own"};
    task.settings.layers = "0:gla,rest:mla";
    task.settings.kv_rank = 4, task.settings.rope_dim = 2, task.settings.calibration = "random";
    task.settings.calibration_tokens = 512;
    summary_ = convert(task);
  }
  ConversionSummary summary_;
};

TEST_F(OwnMixerModel, IsConvertedSavedAndReadBack) {
  EXPECT_EQ(summary_.report.layers[0].mixer, "gla");
  const ModelConfig config = read_config(folder.path / "own");
  for (size_t layer = 0; layer < config.mixers.size(); ++layer) {
    EXPECT_EQ(config.mixers[layer].canonical(), summary_.report.student.mixers[layer].canonical()) << layer;
  }
  ASSERT_TRUE(config.mixers[0].is<GlaConfig>());
  ModelConfig other = config;
  other.mixers[0].get<GlaConfig>().heads += 1;
  EXPECT_NE(other.mixers, config.mixers);
  Model model = load_model(folder.path / "own");
  fs::create_directories(folder.path / "again");
  save_model(folder.path / "again", model);
  EXPECT_EQ(read_config(folder.path / "again").mixers, config.mixers);
  EXPECT_EQ(read_file(folder.path / "again" / "model.safetensors"),
            read_file(folder.path / "own" / "model.safetensors"));
}

TEST_F(OwnMixerModel, IsCountedAndShown) {
  const ModelConfig config = read_config(folder.path / "own");
  const auto& own = config.mixers[0];
  const CacheCost cost = cache_cost(config);
  EXPECT_EQ(cost.per_sequence, 4.0 * static_cast<double>(own->state().fp32));
  EXPECT_NE(conversion_table(summary_).find(own->shape()), std::string::npos);
  EXPECT_NE(read_file(folder.path / "own" / "README.md").find("gla"), std::string::npos);
}

TEST_F(OwnMixerModel, DistilsAndDecodes) {
  DistillOptions run = options(text());
  run.student = (folder.path / "own").string();
  const DistillResult result = distill(run, true, false, "");
  EXPECT_LT(result.report.last_loss, 0.7 * result.report.first_loss);
  const Model model = load_model(run.out);
  std::vector<int64_t> all = {1, 5, 3};
  const auto made = generate(model, all, 8, {});
  const c10::InferenceMode inference;
  for (const int64_t id : made) {
    EXPECT_EQ(id, model.logits(model.hidden(at::tensor(all, at::kLong).unsqueeze(0)))[0][-1].argmax().item<int64_t>());
    all.push_back(id);
  }
}

TEST_F(OwnMixerModel, OtherProgramsRefuseItByName) {
  ConvertTask task{.teacher = folder.path / "teacher", .out = folder.path / "none"};
  task.settings.layers = "0:lstm";
  try {
    convert(task);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("attention, mla, mamba2, gla"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace zebra
