// The mathematics of the initialisations: what must be exact, what must be AMD's, what must be better.
#include <gtest/gtest.h>

#include <cmath>

#include "upcycle/linalg.h"
#include "upcycle/mamba2_reference.h"
#include "upcycle/mamba2_refined.h"
#include "upcycle/mla_reference.h"
#include "upcycle/mla_refined.h"
#include "upcycle/mla_rope_table.h"
#include "upcycle/plan.h"
#include "upcycle/refit.h"
#include "upcycle/test_teachers.h"

namespace zebra {
namespace {

const MlaIdeas kMla = parse_mla_ideas("refined", "");
const Mamba2Ideas kMamba2 = parse_mamba2_ideas("refined", "");

double distance(const at::Tensor& a, const at::Tensor& b) {
  return ((a - b).to(at::kDouble).norm() / b.to(at::kDouble).norm()).item<double>();
}

// One layer of a random teacher and what calibration would say about it.
struct Layer {
  ScratchFolder scratch;
  Model model;
  AttentionConfig config;
  TeacherAttention attention;
  LayerStatistics statistics;
  at::Tensor inputs;

  explicit Layer(const std::string& changes = "{}")
      : model((write_teacher(scratch.path, changes), load_model(scratch.path))),
        config(model.config().mixers[0].get<AttentionConfig>()),
        attention(read_attention(*model.blocks()[0].mixer, config)) {
    const auto calibration = random_calibration(model.config().vocab);
    inputs = model.blocks()[0].input_layernorm(model.embed(calibration.ids));
    InputMoments moments;
    ReachObserver reach(*model.blocks()[0].mixer, config);
    moments.see(inputs);
    reach.see(inputs);
    const bool augmented = attention.inputs() > config.hidden;
    statistics = {moments.second(augmented), moments.mean(augmented), reach.finish()};
    fold_head_norms(attention, statistics.second);
  }

  MlaConfig mla(int64_t rank, int64_t rope) const {
    MlaConfig mla;
    mla.hidden = config.hidden, mla.heads = config.heads, mla.kv_heads = config.kv_heads;
    mla.kv_rank = rank, mla.rope_dim = rope;
    mla.nope_dim = mla.v_dim = config.head_dim;
    mla.qkv_bias = config.qkv_bias;
    return mla;
  }

  at::Tensor teacher_output() const { return model.blocks()[0].mixer->forward(inputs); }
  at::Tensor output(const MixerConfig& shape, const MixerWeights& weights) const {
    return build_mixer(shape, weights, at::kFloat)->forward(inputs);
  }
};

at::Tensor weight_with_bias(const MixerWeights& weights, const std::string& name) {
  const auto& weight = weights.at(name + ".weight");
  const auto bias = weights.find(name + ".bias");
  return bias == weights.end() ? weight : at::cat({weight, bias->second.unsqueeze(1)}, 1);
}

// Keys, values and queries that the factors of an MLA layer make, per head.
struct Expanded {
  at::Tensor q_nope, q_rope, k_nope, v, shared_key;
  Expanded(const MixerWeights& weights, const MlaConfig& mla) {
    const auto q = weight_with_bias(weights, "q_proj").view({mla.heads, mla.nope_dim + mla.rope_dim, -1});
    q_nope = q.narrow(1, 0, mla.nope_dim), q_rope = q.narrow(1, mla.nope_dim, mla.rope_dim);
    const auto down = weight_with_bias(weights, "kv_a_proj_with_mqa");
    const auto up = weights.at("kv_b_proj.weight").view({mla.kv_heads, mla.nope_dim + mla.v_dim, mla.kv_rank});
    const auto kv = at::matmul(up, down.narrow(0, 0, mla.kv_rank));
    k_nope = kv.narrow(1, 0, mla.nope_dim), v = kv.narrow(1, mla.nope_dim, mla.v_dim);
    shared_key = down.narrow(0, mla.kv_rank, mla.rope_dim);
  }
};

class RefinedMla : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Teachers, RefinedMla,
                         ::testing::Values("{}", R"({"attention_bias": true})", R"({"hidden_size": 40, "head_dim": 8})",
                                           R"({"num_key_value_heads": 4})"));

TEST_P(RefinedMla, FullRankKeepsValuesAndScoresAtDistanceZero) {
  Layer layer(GetParam());
  layer.statistics.reach.rotation.fill_(1);  // all attention at distance 0
  const int64_t rank = std::min(layer.attention.inputs(), layer.config.kv_heads * 2 * layer.config.head_dim);
  const auto mla = layer.mla(rank, 4);
  const Expanded made(refined_mla(layer.attention, layer.statistics, mla, {1, 2}, kMla), mla);
  EXPECT_LT(distance(made.v, layer.attention.v), 1e-9);
  const int64_t group = layer.attention.group();
  const auto k = made.k_nope.repeat_interleave(group, 0);
  const auto score =
      (at::matmul(made.q_nope.transpose(1, 2), k) + at::matmul(made.q_rope.transpose(1, 2), made.shared_key)) /
      std::sqrt(static_cast<double>(mla.nope_dim + mla.rope_dim));
  const auto wanted = at::matmul(layer.attention.q.transpose(1, 2), layer.attention.k.repeat_interleave(group, 0)) /
                      std::sqrt(static_cast<double>(layer.config.head_dim));
  EXPECT_LT(distance(score, wanted), 1e-9);
}

TEST_P(RefinedMla, FullRankKeepsRowsOfPairsThatLoseTheirRotation) {
  Layer layer(GetParam());
  const int64_t rank = std::min(layer.attention.inputs(), layer.config.kv_heads * 2 * layer.config.head_dim);
  const auto mla = layer.mla(rank, 4);
  auto ideas = kMla;
  ideas.freqfold = false;  // part of such a pair would go into the shared key
  const Expanded made(refined_mla(layer.attention, layer.statistics, mla, {0, 2}, ideas), mla);
  const auto rows = at::tensor({1, 3, 5, 7}, at::kLong);  // pairs 1 and 3 of four, in half layout
  EXPECT_LT(distance(made.k_nope.index_select(1, rows), layer.attention.k.index_select(1, rows)), 1e-9);
  // Queries are turned by a phase: their lengths per pair stay.
  const auto lengths = [](const at::Tensor& q) { return to_complex_pairs(q).abs().square().sum({1, 2}); };
  const double scale = static_cast<double>(mla.nope_dim + mla.rope_dim) / static_cast<double>(layer.config.head_dim);
  EXPECT_LT(distance(lengths(made.q_nope), lengths(layer.attention.q) * scale), 1e-9);
}

// One key head and all frequencies kept: the shared key is the teacher's key, and nothing at all is lost.
TEST(RefinedMlaLayer, OneKeyHeadWithAllFrequenciesIsTheTeacher) {
  for (const char* changes :
       {R"({"num_key_value_heads": 1})", R"({"num_key_value_heads": 1, "attention_bias": true})"}) {
    Layer layer(changes);
    auto mla = layer.mla(16, 8);
    mla.rope = with_frequencies(layer.config.rope, layer.attention.frequencies);
    const auto weights = refined_mla(layer.attention, layer.statistics, mla, {0, 1, 2, 3}, kMla);
    EXPECT_LT(distance(layer.output(mla, weights), layer.teacher_output()), 1e-5) << changes;
  }
}

TEST(RefinedMlaLayer, LowRankQueryAtFullRankIsExact) {
  Layer layer;
  auto mla = layer.mla(8, 4);
  const auto exact = layer.output(mla, refined_mla(layer.attention, layer.statistics, mla, {0, 1}, kMla));
  mla.q_rank = layer.config.hidden;
  const auto factored = layer.output(mla, refined_mla(layer.attention, layer.statistics, mla, {0, 1}, kMla));
  EXPECT_LT(distance(factored, exact), 1e-5);
}

TEST(RefinedMlaLayer, BeatsTheReferenceAtEqualCache) {
  Layer layer;
  auto mla = layer.mla(8, 4);
  mla.rope = with_frequencies(layer.config.rope, {layer.attention.frequencies[0], layer.attention.frequencies[1]});
  const double refined = distance(layer.output(mla, refined_mla(layer.attention, layer.statistics, mla, {0, 1}, kMla)),
                                  layer.teacher_output());
  mla.nope_dim = 4, mla.q_rank = 24;
  mla.rope = layer.config.rope;
  mla.rope.layout = RopeConfig::Layout::interleaved;
  const double reference = distance(layer.output(mla, reference_mla(layer.attention, mla)), layer.teacher_output());
  EXPECT_LT(refined, 0.9 * reference);
}

TEST(ReferenceMla, FullRankReproducesUsedRows) {
  Layer layer;
  auto mla = layer.mla(32, 4);
  mla.nope_dim = 4, mla.q_rank = 32;
  const auto weights = reference_mla(layer.attention, mla);
  const auto q = at::matmul(weights.at("q_b_proj.weight"), weights.at("q_a_proj.weight")).view({4, 8, 32});
  EXPECT_LT(distance(q, layer.attention.q), 1e-9);
  const auto down = weights.at("kv_a_proj_with_mqa.weight");
  const auto kv = at::matmul(weights.at("kv_b_proj.weight").view({2, 12, 32}), down.narrow(0, 0, 32));
  EXPECT_LT(distance(kv.narrow(1, 0, 4), layer.attention.k.narrow(1, 0, 4)), 1e-9);
  EXPECT_LT(distance(kv.narrow(1, 4, 8), layer.attention.v), 1e-9);
  EXPECT_LT(distance(down.narrow(0, 32, 4), layer.attention.k.narrow(1, 4, 4).mean(0)), 1e-12);
}

Mamba2Config mamba_of(const AttentionConfig& config) {
  Mamba2Config mamba;
  mamba.hidden = config.hidden, mamba.heads = config.heads, mamba.kv_heads = config.kv_heads;
  mamba.head_dim = config.head_dim;
  return mamba;
}

TEST(ReferenceMamba2, CopiesProjectionsAndDrawsTheRest) {
  Layer layer;
  const auto mamba = mamba_of(layer.config);
  const auto weights = reference_mamba2(layer.attention, mamba, 3, 1),
             same = reference_mamba2(layer.attention, mamba, 3, 1);
  const auto in_proj = weights.at("in_proj.weight");
  EXPECT_TRUE(in_proj.narrow(0, 32, 16).equal(layer.attention.v.flatten(0, 1)));
  EXPECT_TRUE(in_proj.narrow(0, 48, 16).equal(layer.attention.k.flatten(0, 1)));
  EXPECT_TRUE(in_proj.narrow(0, 64, 32).equal(layer.attention.q.flatten(0, 1)));
  for (const auto& [name, value] : weights) EXPECT_TRUE(value.equal(same.at(name))) << name;
  EXPECT_FALSE(in_proj.equal(reference_mamba2(layer.attention, mamba, 4, 1).at("in_proj.weight")));
  EXPECT_FALSE(in_proj.equal(reference_mamba2(layer.attention, mamba, 3, 2).at("in_proj.weight")));
  const auto a = weights.at("A_log").exp(), dt = at::softplus(weights.at("dt_bias"));
  EXPECT_GE(a.min().item<double>(), 1);
  EXPECT_LE(a.max().item<double>(), 16);
  EXPECT_GE(dt.min().item<double>(), 1e-3 - 1e-9);
  EXPECT_LE(dt.max().item<double>(), 0.1 + 1e-9);
}

class RefinedMamba2 : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Teachers, RefinedMamba2,
                         ::testing::Values("{}", R"({"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"]})",
                                           R"({"hidden_size": 40, "head_dim": 8})"));

TEST_P(RefinedMamba2, StartsAsAConstantPlusLinearAttention) {
  Layer layer(GetParam());
  const auto mamba = mamba_of(layer.config);
  const HeadSample sample{layer.inputs, layer.model.blocks()[0].mixer->inner(layer.inputs)};
  const auto weights = refined_mamba2(layer.attention, layer.statistics, mamba, sample, kMamba2, 0, 0);
  // The gate is the same for every channel, and its mean is 2.
  const auto gate = weights.at("in_proj.weight").narrow(0, 0, mamba.d_inner());
  EXPECT_TRUE(gate[0].equal(gate[5]));
  const auto z = at::matmul(layer.inputs.to(at::kDouble), gate[0]);
  EXPECT_NEAR(z.mean().item<double>(), 2, 1e-6);
  // The last channel of B and C of every head ignores the input.
  const auto in_proj = weights.at("in_proj.weight");
  const int64_t b = mamba.d_inner() + mamba.d_xb() + mamba.head_dim - 1,
                c = mamba.d_inner() + 2 * mamba.d_xb() + mamba.head_dim - 1;
  EXPECT_EQ(in_proj[b].abs().max().item<double>(), 0);
  EXPECT_EQ(in_proj[c].abs().max().item<double>(), 0);
  EXPECT_NEAR(at::silu(weights.at("conv1d.bias"))[mamba.d_xb() + mamba.head_dim - 1].item<double>(), 0.5, 1e-9);
  EXPECT_EQ(weights.at("D").abs().max().item<double>(), 0);

  // After a refit its output is much nearer to the teacher than AMD's with the same refit.
  const auto refitted = [&](const MixerWeights& w) {
    const auto mixer = build_mixer(mamba, w, at::kFloat);
    OutputRefit refit;
    const auto y = mixer->inner(layer.inputs);
    refit.see(y, layer.teacher_output());
    return distance(at::linear(y, refit.solve(mixer->output_projection().weight).to(at::kFloat)),
                    layer.teacher_output());
  };
  if (!layer.config.qkv_bias) {
    EXPECT_LT(refitted(weights), 0.9 * refitted(reference_mamba2(layer.attention, mamba, 0, 0)));
  }
  EXPECT_LT(refitted(weights), 0.9);
}

TEST(OutputRefit, LowersTheErrorAndStaysWhereItIsRight) {
  const auto y = at::randn({200, 12}, at::kDouble), truth = at::randn({5, 12}, at::kDouble);
  const auto start = truth + 0.3 * at::randn({5, 12}, at::kDouble);
  OutputRefit refit;
  refit.see(y.narrow(0, 0, 120), at::matmul(y, truth.t()).narrow(0, 0, 120));
  refit.see(y.narrow(0, 120, 80), at::matmul(y, truth.t()).narrow(0, 120, 80));
  EXPECT_LT(distance(refit.solve(start), truth), 0.05 * distance(start, truth));
  EXPECT_LT(distance(refit.solve(truth), truth), 1e-12);
}

TEST(Linalg, FactorsAndPowers) {
  const auto tall = at::randn({9, 4}, at::kDouble), wide = tall.t().contiguous();
  for (const auto& matrix : {tall, wide}) {
    const auto full = truncated_svd(matrix, 4);
    EXPECT_LT(distance(at::matmul(full.up, full.down), matrix), 1e-9);
    const auto [u, s, v] = at::linalg_svd(matrix, false);
    const auto two = truncated_svd(matrix, 2);
    const auto best = at::matmul(u.narrow(1, 0, 2) * s.narrow(0, 0, 2), v.narrow(0, 0, 2));
    EXPECT_LT(distance(at::matmul(two.up, two.down), best), 1e-9);
  }
  const auto gram = at::matmul(wide, tall);
  const auto root = symmetric_power(gram, 0.5, 0);
  EXPECT_LT(distance(at::matmul(root, root), gram), 1e-9);
  EXPECT_LT(distance(at::matmul(symmetric_power(gram, -0.5, 0), root), at::eye(4, at::kDouble)), 1e-9);
}

TEST(AttentionReach, OfAttentionThatOnlySeesItself) {
  Layer layer;
  ReachObserver reach(*layer.model.blocks()[0].mixer, layer.config);
  reach.see(layer.inputs.narrow(1, 0, 1));  // one token: distance 0
  const auto result = reach.finish();
  EXPECT_LT(result.distance.abs().max().item<double>(), 1e-12);
  EXPECT_LT((result.rotation - 1).abs().max().item<double>(), 1e-12);
}

}  // namespace
}  // namespace zebra
