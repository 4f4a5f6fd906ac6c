// What every mixer promises, in float64: a prompt at once, in chunks and token by token give the same outputs; rows of
// unequal lengths behave as if they were alone; padding leaves no trace.
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <map>

#include "layers/block.h"
#include "ops/causal_conv.h"
#include "ops/gated_group_norm.h"

namespace zebra {
namespace {

constexpr int64_t kHidden = 12;
constexpr double kTolerance = 1e-10;

struct Case {
  std::string name;
  MixerConfig config;
};

RopeConfig interleaved() {
  RopeConfig rope;
  rope.layout = RopeConfig::Layout::interleaved;
  rope.type = RopeConfig::Type::yarn;
  rope.yarn = RopeConfig::Yarn::deepseek;
  rope.factor = 8;
  rope.mscale_all_dim = 1;
  rope.original_max_position = 16;
  return rope;
}

std::vector<Case> cases() {
  AttentionConfig attention{.hidden = kHidden, .heads = 4, .kv_heads = 2, .head_dim = 6};
  AttentionConfig window = attention;
  window.sliding_window = 4;
  AttentionConfig qwen = attention;
  qwen.qkv_bias = qwen.out_bias = qwen.qk_norm = true;
  MlaConfig mla{.hidden = kHidden,
                .heads = 4,
                .kv_heads = 2,
                .q_rank = 7,
                .kv_rank = 5,
                .nope_dim = 3,
                .rope_dim = 4,
                .v_dim = 6,
                .lora_norm = true,
                .qkv_bias = true,
                .rope = interleaved()};
  MlaConfig exact = mla;
  exact.q_rank = 0;
  exact.kv_heads = 4;
  exact.lora_norm = exact.qkv_bias = false;
  // A large rank against small heads: even single steps expand rather than absorb.
  MlaConfig wide = exact;
  wide.kv_rank = 64;
  wide.nope_dim = 1;
  wide.v_dim = 1;
  wide.kv_heads = 1;
  MlaConfig windowed = mla, wide_window = wide;
  windowed.sliding_window = 4, wide_window.sliding_window = 7;
  Mamba2Config mamba{.hidden = kHidden, .heads = 4, .kv_heads = 2, .head_dim = 4};
  Mamba2Config before = mamba;
  before.repeat_kv_before_conv = true;
  Mamba2Config full = mamba;
  full.kv_heads = 4;
  return {{"attention", attention},
          {"window", window},
          {"qwen", qwen},
          {"mla", mla},
          {"mla_exact", exact},
          {"mla_wide", wide},
          {"mamba2", mamba},
          {"before", before},
          {"full", full},
          {"mla_window", windowed},
          {"mla_wide_window", wide_window}};
}

class MixerTest : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    at::manual_seed(5);
    mixer_ = make_mixer(GetParam().config, at::kDouble);
    mixer_->parameters("m", [](const std::string&, at::Tensor& value) { value.normal_(0, 0.5); });
  }
  at::Tensor input(int64_t batch, int64_t length) { return at::randn({batch, length, kHidden}, at::kDouble); }
  void expect_close(const at::Tensor& found, const at::Tensor& expected) {
    ASSERT_EQ(found.sizes(), expected.sizes());
    EXPECT_LT((found - expected).abs().max().item<double>(), kTolerance);
  }

  c10::NoGradGuard no_grad_;
  std::unique_ptr<Mixer> mixer_;
};

TEST_P(MixerTest, ChunksAndStepsEqualOnePass) {
  const at::Tensor u = input(3, 23);
  const at::Tensor expected = mixer_->forward(u, {}, nullptr);
  for (const std::vector<int64_t>& chunks :
       {std::vector<int64_t>{23}, {1, 22}, {22, 1}, {2, 9, 12}, {10, 1, 1, 1, 10}, std::vector<int64_t>(23, 1)}) {
    const auto state = mixer_->make_state(3, 23);
    std::vector<at::Tensor> parts;
    int64_t start = 0;
    for (const int64_t length : chunks) {
      parts.push_back(mixer_->forward(u.narrow(1, start, length), {}, state.get()));
      start += length;
    }
    expect_close(at::cat(parts, 1), expected);
    EXPECT_TRUE(at::equal(state->seen, at::full({3}, 23, at::kLong)));
  }
}

TEST_P(MixerTest, RowsOfUnequalLengthsBehaveAsIfAlone) {
  // Three calls of unequal lengths, padding filled with other random values, one row empty at times.
  const std::vector<std::vector<int64_t>> lengths = {{5, 2, 7}, {3, 0, 1}, {1, 1, 1}, {0, 4, 2}, {1, 1, 1}};
  const std::vector<int64_t> widths = {7, 4, 1, 4, 1};
  const auto state = mixer_->make_state(3, 14);
  std::vector<std::vector<at::Tensor>> inputs(3), outputs(3);
  for (size_t call = 0; call < lengths.size(); ++call) {
    const at::Tensor u = input(3, widths[call]);
    Span span;
    span.lengths = at::tensor(lengths[call], at::kLong);
    const at::Tensor y = mixer_->forward(u, span, state.get());
    EXPECT_TRUE(y.isfinite().all().item<bool>());
    for (int64_t row = 0; row < 3; ++row) {
      const int64_t length = lengths[call][static_cast<size_t>(row)];
      inputs[static_cast<size_t>(row)].push_back(u[row].narrow(0, 0, length));
      outputs[static_cast<size_t>(row)].push_back(y[row].narrow(0, 0, length));
    }
  }
  for (size_t row = 0; row < 3; ++row) {
    const at::Tensor alone = mixer_->forward(at::cat(inputs[row]).unsqueeze(0), {}, nullptr);
    expect_close(at::cat(outputs[row]).unsqueeze(0), alone);
  }
}

TEST_P(MixerTest, PaddingLeavesNoTrace) {
  const at::Tensor u = input(2, 6), next = input(2, 3);
  Span span;
  span.lengths = at::tensor({4, 6}, at::kLong);
  std::vector<at::Tensor> results;
  for (const double padding : {0.0, 1e3}) {
    at::Tensor padded = u.clone();
    padded[0].narrow(0, 4, 2).fill_(padding);
    const auto state = mixer_->make_state(2, 9);
    const at::Tensor first = mixer_->forward(padded, span, state.get());
    results.push_back(at::cat({first[0].narrow(0, 0, 4), first[1]}));
    results.push_back(mixer_->forward(next, {}, state.get()).flatten(0, 1));
  }
  EXPECT_TRUE(at::equal(results[0], results[2]));
  EXPECT_TRUE(at::equal(results[1], results[3]));
}

TEST_P(MixerTest, TrainingGivesEveryParameterAGradient) {
  const c10::AutoGradMode with_grad(true);
  mixer_->parameters("m", [](const std::string&, at::Tensor& value) { value.set_requires_grad(true); });
  mixer_->forward(input(2, 9), {}, nullptr).square().sum().backward();
  mixer_->parameters("m", [](const std::string& name, at::Tensor& value) {
    ASSERT_TRUE(value.grad().defined()) << name;
    EXPECT_GT(value.grad().abs().max().item<double>(), 0) << name;
  });
}

TEST_P(MixerTest, SingleStepsOnPlainMemoryContinueAState) {
  const auto mixer = make_mixer(GetParam().config, at::kFloat);
  mixer->parameters("m", [](const std::string&, at::Tensor& value) { value.normal_(0, 0.5); });
  const at::Tensor u = input(1, 12).to(at::kFloat);
  const at::Tensor expected = mixer->forward(u, {}, nullptr);
  const auto state = mixer->make_state(1, 12);
  mixer->forward(u.narrow(1, 0, 5), {}, state.get());
  at::Tensor y = at::empty({kHidden});
  for (int64_t t = 5; t < 10; ++t) {
    ASSERT_TRUE(mixer->can_step(*state));
    mixer->step(u[0][t].const_data_ptr<float>(), y.mutable_data_ptr<float>(), *state);
    EXPECT_LT((y - expected[0][t]).abs().max().item<double>(), 1e-4) << "token " << t;
  }
  const at::Tensor rest = mixer->forward(u.narrow(1, 10, 2), {}, state.get());
  EXPECT_LT((rest - expected.narrow(1, 10, 2)).abs().max().item<double>(), 1e-4);
  EXPECT_EQ(state->seen.item<int64_t>(), 12);
  EXPECT_FALSE(mixer->can_step(*mixer->make_state(2, 12)));
}

// Documents in one row are as if each were alone: positions, states and the convolution begin anew.
TEST_P(MixerTest, DocumentsInARowAreAlone) {
  const at::Tensor u = input(2, 11);
  at::Tensor starts = at::zeros({2, 11}, at::kBool);
  for (const auto& [row, at] : {std::pair{0, 0}, {0, 4}, {0, 5}, {1, 8}}) starts[row][at] = true;
  const at::Tensor packed = mixer_->forward(u, {.starts = starts}, nullptr);
  const auto expect_alone = [&](int64_t row, int64_t begin, int64_t end) {
    const auto part = [&](const at::Tensor& x) { return x.narrow(0, row, 1).narrow(1, begin, end - begin); };
    expect_close(part(packed), mixer_->forward(part(u), {}, nullptr));
  };
  expect_alone(0, 0, 4), expect_alone(0, 4, 5), expect_alone(0, 5, 11);
  expect_alone(1, 0, 8), expect_alone(1, 8, 11);
  // Rows of one document each are an ordinary batch, bit for bit.
  EXPECT_TRUE(at::equal(mixer_->forward(u, {.starts = at::zeros({2, 11}, at::kBool)}, nullptr),
                        mixer_->forward(u, {}, nullptr)));
}

// Each token takes from itself and from earlier ones; softmax shares out one whole.
TEST_P(MixerTest, MixingIsCausalAndSharesOutOne) {
  const at::Tensor u = input(2, 9), m = mixer_->mixing(u);
  ASSERT_EQ(m.sizes(), (std::vector<int64_t>{2, 4, 9, 9}));
  EXPECT_TRUE(at::equal(m, m.tril()));
  if (!std::holds_alternative<Mamba2Config>(GetParam().config)) {
    expect_close(m.sum(-1), at::ones_like(m.sum(-1)));
  }
  // A change of token 5 leaves what tokens before it take of each other.
  at::Tensor changed = u.clone();
  changed.select(1, 5).add_(1);
  const at::Tensor after = mixer_->mixing(changed);
  expect_close(after.slice(2, 0, 5), m.slice(2, 0, 5));
  EXPECT_GT((after - m).abs().max().item<double>(), 1e-3);
}

// mixing() times what each kind mixes, written out from its parameters, is what it gives on.
TEST(Mixer, MixingTimesValuesIsTheOutput) {
  const c10::NoGradGuard no_grad;
  const at::Tensor u = at::randn({2, 9, kHidden}, at::kDouble);
  const auto checked = [&](const std::string& name, const auto& output) {
    for (const Case& c : cases()) {
      if (c.name != name) continue;
      const auto mixer = make_mixer(c.config, at::kDouble);
      std::map<std::string, at::Tensor> weights;
      mixer->parameters("m", [&](const std::string& key, at::Tensor& value) {
        value.normal_(0, 0.5);
        weights[key.substr(2)] = value;
      });
      const at::Tensor m = mixer->mixing(u);
      const auto mixed = [&](const at::Tensor& values) {  // [B, L, K, P] -> [B, L, H * P]
        const at::Tensor each = values.repeat_interleave(4 / values.size(2), 2).transpose(1, 2);
        return at::matmul(m, each).transpose(1, 2).flatten(2);
      };
      const at::Tensor y = output(weights, mixed);
      EXPECT_LT((y - mixer->inner(u, {}, nullptr)).abs().max().template item<double>(), kTolerance) << name;
    }
  };
  const auto times = [&](const at::Tensor& x, const at::Tensor& weight) { return at::matmul(x, weight.t()); };
  checked("window", [&](auto& w, const auto& mixed) { return mixed(times(u, w["v_proj.weight"]).view({2, 9, 2, 6})); });
  checked("mla_exact", [&](auto& w, const auto& mixed) {
    const at::Tensor latent = times(u, w["kv_a_proj_with_mqa.weight"]).narrow(-1, 0, 5);
    return mixed(times(latent, w["kv_b_proj.weight"]).view({2, 9, 4, 3 + 6}).narrow(-1, 3, 6));
  });
  checked("mamba2", [&](auto& w, const auto& mixed) {
    const at::Tensor projected = times(u, w["in_proj.weight"]);  // z 16 | x 8 | B 8 | C 16 | dt 4
    const at::Tensor behind =
        ops::causal_conv_silu(projected.narrow(-1, 16, 32), w["conv1d.weight"].squeeze(1), w["conv1d.bias"], {});
    return ops::gated_group_norm(mixed(behind.narrow(-1, 0, 8).view({2, 9, 2, 4})), projected.narrow(-1, 0, 16),
                                 w["norm.weight"], 4, 1e-5);
  });
}

INSTANTIATE_TEST_SUITE_P(All, MixerTest, testing::ValuesIn(cases()), [](const auto& info) { return info.param.name; });

TEST(Mixer, KeepsSmallVectorsInFp32) {
  for (const Case& c : cases()) {
    make_mixer(c.config, at::kBFloat16)->parameters("m", [](const std::string& name, at::Tensor& value) {
      const bool small =
          name.find("norm") != std::string::npos || name == "m.A_log" || name == "m.D" || name == "m.dt_bias";
      EXPECT_EQ(value.scalar_type(), small ? at::kFloat : at::kBFloat16) << name;
    });
  }
}

TEST(Mixer, AStateThatIsFullSaysSo) {
  const c10::NoGradGuard no_grad;
  const auto mixer = make_mixer(cases()[0].config, at::kDouble);
  mixer->parameters("m", [](const std::string&, at::Tensor& value) { value.zero_(); });
  const auto state = mixer->make_state(1, 4);
  mixer->forward(at::zeros({1, 3, kHidden}, at::kDouble), {}, state.get());
  EXPECT_THROW(mixer->forward(at::zeros({1, 2, kHidden}, at::kDouble), {}, state.get()), std::runtime_error);
}

}  // namespace
}  // namespace zebra
