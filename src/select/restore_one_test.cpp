#include "select/restore_one.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "model/checkpoint.h"

namespace zebra {
namespace {

ModelConfig config_of(bool mla) {
  ModelConfig config;
  config.format = Format::zebra_llama, config.model_type = "llama";
  config.vocab = 20, config.hidden = 16, config.intermediate = 24, config.max_position = 64, config.tied = true;
  const Mamba2Config mamba{.hidden = 16, .heads = 4, .kv_heads = 2, .head_dim = 4};
  const MlaConfig latent{
      .hidden = 16, .heads = 4, .kv_heads = 2, .kv_rank = 8, .nope_dim = 4, .rope_dim = 2, .v_dim = 4};
  config.mixers.assign(3, mla ? MixerConfig(latent) : MixerConfig(mamba));
  return config;
}

Model model_of(bool mla) {
  Model model(config_of(mla));
  initialise_random(model, 1, 0.2);  // one seed: embedding and final norm are the same in both
  return model;
}

double fingerprint(const Model& model) {
  const at::Tensor ids = at::arange(24).mul(7).remainder(20).view({2, 12});
  return model.logits(model.hidden(ids)).square().mean().item<double>();
}

TEST(RestoreOne, ScoresAreOfSingleLayersAndNothingIsLeftChanged) {
  Model student = model_of(false), donor = model_of(true);
  const double before = fingerprint(student), donor_before = fingerprint(donor);
  const RestoreOne measured = restore_one(student, donor, fingerprint);
  EXPECT_EQ(fingerprint(student), before);
  EXPECT_EQ(fingerprint(donor), donor_before);
  EXPECT_EQ(measured.base, before);
  ASSERT_EQ(measured.scores.size(), 3u);
  for (int64_t layer = 0; layer < 3; ++layer) {
    const Model hybrid = combine(model_of(false), model_of(true), {layer});
    EXPECT_EQ(before - fingerprint(hybrid), measured.scores[static_cast<size_t>(layer)]) << layer;
    EXPECT_NE(measured.scores[static_cast<size_t>(layer)], 0) << layer;
  }
}

TEST(RestoreOne, CombinedConfigSaysWhatItHolds) {
  const Model hybrid = combine(model_of(false), model_of(true), {0, 2});
  EXPECT_EQ(hybrid.config().mixers[0], config_of(true).mixers[0]);
  EXPECT_EQ(hybrid.config().mixers[1], config_of(false).mixers[1]);
  EXPECT_EQ(hybrid.blocks()[2].mixer_key, "mla");
  EXPECT_EQ(fingerprint(combine(model_of(false), model_of(true), {})), fingerprint(model_of(false)));
  EXPECT_EQ(fingerprint(combine(model_of(false), model_of(true), {0, 1, 2})), fingerprint(model_of(true)));
}

TEST(RestoreOne, RefusesStudentsOfDifferentShape) {
  ModelConfig deeper = config_of(true);
  deeper.mixers.push_back(deeper.mixers[0]);
  EXPECT_THROW(check_pair(config_of(false), deeper, "donor"), Error);
  EXPECT_NO_THROW(check_pair(config_of(false), config_of(true), "donor"));
  ModelConfig mixed = config_of(true);
  mixed.mixers[1] = config_of(false).mixers[1];
  EXPECT_THROW(check_pair(config_of(false), mixed, "donor"), Error);
}

}  // namespace
}  // namespace zebra
