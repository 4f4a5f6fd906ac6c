#include "upcycle/prune.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/rng.h"
#include "support/scratch.h"

namespace zebra {
namespace {

using Indices = std::vector<int64_t>;

ModelConfig teacher_config() {
  ModelConfig config;
  config.model_type = "llama", config.vocab = 40, config.hidden = 24, config.intermediate = 32,
  config.max_position = 64;
  config.norm_eps = 1e-12;
  config.mixers.assign(3, AttentionConfig{.hidden = 24, .heads = 6, .kv_heads = 3, .head_dim = 4});
  config.attention = config.mixers[0].get<AttentionConfig>();
  return config;
}

class Prune : public testing::Test {
 protected:
  ScratchFolder folder;
  Model teacher{teacher_config()};
  Calibration calibration;

  void SetUp() override {
    initialise_random(teacher, 1, 0.3);
    Rng rng(4);
    calibration.ids = at::empty({5, 16}, at::kLong);
    for (int64_t i = 0; i < 80; ++i)
      calibration.ids.mutable_data_ptr<int64_t>()[i] = static_cast<int64_t>(rng.below(40));
    calibration.held_out = 1;
  }
  at::Tensor parameter(const std::string& wanted) {
    at::Tensor found;
    teacher.parameters([&](const std::string& name, at::Tensor& value) {
      if (name == wanted) found = value;
    });
    return found;
  }
  // Saves the teacher, prunes it and loads the result.
  Model pruned(const PruneTarget& wanted, PruneChoice* chosen = nullptr) {
    const fs::path from = folder.path / "teacher", to = folder.path / "pruned";
    fs::create_directories(from), fs::create_directories(to);
    save_model(from, teacher);
    // As most folders are: head_dim follows from hidden_size, until that shrinks.
    Json spelled = read_json(from / "config.json");
    spelled.erase("head_dim");
    write_json(from / "config.json", spelled);
    const ModelConfig config = read_config(from);
    const auto source = WeightSource::open(from);
    const PruneTarget target = complete(wanted, config);
    const Importance importance = measure_importance(*source, config, calibration, at::kCPU, nullptr);
    std::vector<double> scores;
    for (const auto& layer : importance.layers) scores.push_back(layer.influence);
    const PruneChoice choice = choose_parts(importance, scores, config, target);
    const ModelConfig smaller = plan_pruned(config, target);
    WeightWriter writer(to, parameter_plan(smaller));
    write_pruned(*source, config, smaller, choice, importance,
                 [&](const std::string& name, const at::Tensor& value) { writer.put(name, value); });
    writer.finish();
    write_config(to, smaller);
    if (chosen) *chosen = choice;
    return load_model(to);
  }
  at::Tensor logits(const Model& model) const { return model.logits(model.hidden(calibration.ids)); }
};

TEST_F(Prune, NothingGivesTheSameModel) {
  Model same = pruned({});
  std::map<std::string, at::Tensor> old;
  teacher.parameters([&](const std::string& name, at::Tensor& value) { old[name] = value; });
  same.parameters([&](const std::string& name, at::Tensor& value) {
    EXPECT_TRUE(at::equal(value, old.at(name))) << name;
    old.erase(name);
  });
  EXPECT_TRUE(old.empty());
  EXPECT_EQ(read_config(folder.path / "pruned").mixers, read_config(folder.path / "teacher").mixers);
}

TEST_F(Prune, PartsThatDoNothingAreDroppedWithoutATrace) {
  // Channels 3 and 7 of the stream: nothing writes to them.
  for (const int64_t channel : {3, 7}) {
    teacher.embedding().select(1, channel).zero_();
    for (int layer = 0; layer < 3; ++layer) {
      parameter(cat("model.layers.", layer, ".self_attn.o_proj.weight"))[channel].zero_();
      parameter(cat("model.layers.", layer, ".mlp.down_proj.weight"))[channel].zero_();
    }
  }
  // Layer 1 adds nothing; in the others neurons 5 and 9, and kv head 1, are silent, and of each other kv head a head.
  parameter("model.layers.1.self_attn.o_proj.weight").zero_();
  parameter("model.layers.1.mlp.down_proj.weight").zero_();
  for (const int layer : {0, 2}) {
    for (const int64_t neuron : {5, 9}) parameter(cat("model.layers.", layer, ".mlp.up_proj.weight"))[neuron].zero_();
    parameter(cat("model.layers.", layer, ".self_attn.v_proj.weight")).narrow(0, 4, 4).zero_();
  }
  const at::Tensor before = logits(teacher);
  PruneChoice choice;
  const Model small = pruned({.hidden = 22, .intermediate = 30, .kv_heads = 2, .layers = 2}, &choice);
  EXPECT_EQ(choice.layers, (Indices{0, 2}));
  EXPECT_EQ(choice.kv_heads[0], (Indices{0, 2}));
  EXPECT_EQ(choice.heads[1], (Indices{0, 1, 4, 5}));
  EXPECT_EQ(small.config().hidden, 22);
  EXPECT_EQ(small.config().mixers[0].get<AttentionConfig>().heads, 4);
  EXPECT_LT((logits(small) - before).abs().max().item<double>(), 1e-4 * before.abs().max().item<double>());
}

TEST_F(Prune, HeadsStayWithTheirKeys) {
  PruneChoice choice;
  const Model small = pruned({.heads = 2, .kv_heads = 2}, &choice);
  for (size_t layer = 0; layer < 3; ++layer) {
    ASSERT_EQ(choice.heads[layer].size(), 2u);
    for (size_t i = 0; i < 2; ++i) EXPECT_EQ(choice.heads[layer][i] / 2, choice.kv_heads[layer][i]);
  }
  EXPECT_TRUE(logits(small).isfinite().all().item<bool>());
}

TEST_F(Prune, ImportanceIsThatOfTheActivations) {
  save_model(folder.path, teacher);
  const Importance found =
      measure_importance(*WeightSource::open(folder.path), teacher.config(), calibration, at::kCPU, nullptr);
  std::vector<at::Tensor> inputs, outputs, normed;
  teacher.hidden(calibration.ids, {}, [&](int64_t, TapPoint point, const at::Tensor& value) {
    if (point == TapPoint::block_input) inputs.push_back(value.to(at::kDouble));
    if (point == TapPoint::mixer_input) normed.push_back(value.to(at::kDouble));
    if (point == TapPoint::block_output) outputs.push_back(value.to(at::kDouble));
  });
  for (size_t layer = 0; layer < 3; ++layer) {
    const at::Tensor expected = normed[layer].abs().mean(1).square().mean(0).sqrt();
    EXPECT_TRUE(at::allclose(found.layers[layer].first_norm, expected, 1e-5));
    EXPECT_TRUE(
        at::allclose(found.layers[layer].first_square, inputs[layer].square().mean(at::IntArrayRef{0, 1}), 1e-5));
    const double influence = 1 - at::cosine_similarity(inputs[layer], outputs[layer], -1).mean().item<double>();
    EXPECT_NEAR(found.layers[layer].influence, influence, 1e-6);
  }
}

TEST_F(Prune, DroppingALayerIsMeasuredByItsKl) {
  parameter("model.layers.1.self_attn.o_proj.weight").zero_();
  parameter("model.layers.1.mlp.down_proj.weight").zero_();
  const at::Tensor before = logits(teacher);
  const auto scores = drop_scores(teacher, calibration.ids, nullptr);
  EXPECT_TRUE(at::equal(logits(teacher), before));
  EXPECT_NEAR(scores[1], 0, 1e-6);
  EXPECT_GT(scores[0], 1e-3);
  EXPECT_GT(scores[2], 1e-3);
}

TEST_F(Prune, Errors) {
  EXPECT_THROW(complete({.hidden = 25}, teacher_config()), Error);
  EXPECT_THROW(complete({.layers = -1}, teacher_config()), Error);
  EXPECT_THROW(complete({.heads = 4}, teacher_config()), Error);                 // not a multiple of 3 kv heads
  EXPECT_THROW(complete({.heads = 6, .kv_heads = 2}, teacher_config()), Error);  // 3 heads where groups have 2
  EXPECT_EQ(complete({.kv_heads = 2}, teacher_config()).heads, 4);
  ModelConfig hybrid = teacher_config();
  hybrid.mixers[1] = Mamba2Config{.hidden = 24, .heads = 6, .kv_heads = 3, .head_dim = 4};
  EXPECT_THROW(complete({}, hybrid), Error);
}

// Which window a layer has would be lost with its neighbours.
TEST(PrunePlan, LayersOfDifferentWindowsStay) {
  ModelConfig teacher;
  teacher.hidden = 16, teacher.intermediate = 24;
  teacher.mixers.assign(3, AttentionConfig{.hidden = 16, .heads = 4, .kv_heads = 2, .head_dim = 4});
  const PruneTarget target{.hidden = 16, .intermediate = 24, .heads = 4, .kv_heads = 2, .layers = 2};
  EXPECT_EQ(plan_pruned(teacher, target).layers(), 2);
  teacher.mixers[2].get<AttentionConfig>().sliding_window = 8;
  EXPECT_THROW(plan_pruned(teacher, target), Error);
}

}  // namespace
}  // namespace zebra
