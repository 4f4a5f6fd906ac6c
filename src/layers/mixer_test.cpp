// What every mixer promises, in float64: a prompt at once, in chunks and token by token give the same outputs; rows of
// unequal lengths behave as if they were alone, wherever their pages and slots lie and whatever lies beside them.
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <map>

#include "layers/block.h"
#include "layers/config.h"
#include "layers/mixer_kinds.h"
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

// Sequences with a page of `capacity` tokens and a slot each, in order.
struct InOrder {
  InOrder(const Mixer& mixer, int64_t rows, int64_t capacity)
      : mixer(mixer),
        capacity(capacity),
        held(static_cast<size_t>(rows), 0),
        memory(mixer.make_memory({.pages = rows, .page = capacity, .slots = rows})) {}

  at::Tensor extend(const at::Tensor& u, const std::vector<int64_t>& lengths) {  // u [T, D]
    std::vector<Sequence> sequences;
    for (size_t row = 0; row < held.size(); ++row) {
      const auto place = static_cast<int64_t>(row);
      sequences.push_back({.length = lengths[row], .held = held[row], .pages = {place}, .slot = place});
      held[row] += lengths[row];
    }
    return mixer.extend(u, Batch(at::zeros({u.size(0)}, at::kLong), sequences, capacity), memory);
  }
  at::Tensor extend(const at::Tensor& u) {  // [B, L, D]
    return extend(u.flatten(0, 1), std::vector<int64_t>(held.size(), u.size(1))).view_as(u);
  }

  const Mixer& mixer;
  int64_t capacity;
  std::vector<int64_t> held;
  LayerMemory memory;
};

TEST_P(MixerTest, ChunksAndStepsEqualOnePass) {
  const at::Tensor u = input(3, 23);
  const at::Tensor expected = mixer_->forward(u);
  for (const std::vector<int64_t>& chunks :
       {std::vector<int64_t>{23}, {1, 22}, {22, 1}, {2, 9, 12}, {10, 1, 1, 1, 10}, std::vector<int64_t>(23, 1)}) {
    InOrder batch(*mixer_, 3, 23);
    std::vector<at::Tensor> parts;
    int64_t start = 0;
    for (const int64_t length : chunks) {
      parts.push_back(batch.extend(u.narrow(1, start, length)));
      start += length;
    }
    expect_close(at::cat(parts, 1), expected);
  }
}

// Five calls of unequal lengths, one sequence empty at times.
const std::vector<std::vector<int64_t>> kUneven = {{5, 2, 7}, {3, 0, 1}, {1, 1, 1}, {0, 4, 2}, {1, 1, 1}};

TEST_P(MixerTest, SequencesOfUnequalLengthsBehaveAsIfAlone) {
  const auto run = [&](const std::function<at::Tensor(const at::Tensor&, const std::vector<int64_t>&)>& extend) {
    std::vector<std::vector<at::Tensor>> inputs(3), outputs(3);
    for (const auto& lengths : kUneven) {
      const at::Tensor u = input(1, lengths[0] + lengths[1] + lengths[2])[0];
      const at::Tensor y = extend(u, lengths);
      const auto in = at::split_with_sizes(u, lengths), out = at::split_with_sizes(y, lengths);
      for (size_t row = 0; row < 3; ++row) inputs[row].push_back(in[row]), outputs[row].push_back(out[row]);
    }
    for (size_t row = 0; row < 3; ++row) {
      expect_close(at::cat(outputs[row]).unsqueeze(0), mixer_->forward(at::cat(inputs[row]).unsqueeze(0)));
    }
  };
  InOrder batch(*mixer_, 3, 14);
  run([&](const at::Tensor& u, const std::vector<int64_t>& lengths) { return batch.extend(u, lengths); });

  // Pages of three tokens and slots taken here and there; all that belongs to nobody is poisoned, before each call.
  const double poison = std::numeric_limits<double>::quiet_NaN();
  const std::vector<std::vector<int64_t>> pages = {{9, 2, 11, 4}, {0, 7, 5}, {3, 12, 1, 8}};
  const std::vector<int64_t> slots = {4, 1, 2};
  LayerMemory memory = mixer_->make_memory({.pages = 13, .page = 3, .slots = 6});
  for (const at::Tensor& all : memory.pages) all.fill_(poison);
  for (const at::Tensor& all : memory.slots) {
    all.fill_(poison);
    for (const int64_t slot : slots) all[slot].zero_();
  }
  std::vector<int64_t> held(3, 0);
  run([&](const at::Tensor& u, const std::vector<int64_t>& lengths) {
    std::vector<Sequence> sequences;
    for (size_t row = 0; row < 3; ++row) {
      sequences.push_back({.length = lengths[row], .held = held[row], .pages = pages[row], .slot = slots[row]});
      held[row] += lengths[row];
    }
    return mixer_->extend(u, Batch(at::zeros({u.size(0)}, at::kLong), sequences, 3), memory);
  });
  for (const at::Tensor& all : memory.pages) EXPECT_TRUE(all.select(0, 6).isnan().all().item<bool>());
  for (const at::Tensor& all : memory.slots) EXPECT_TRUE(all.select(0, 3).isnan().all().item<bool>());
}

TEST_P(MixerTest, TrainingGivesEveryParameterAGradient) {
  const c10::AutoGradMode with_grad(true);
  mixer_->parameters("m", [](const std::string&, at::Tensor& value) { value.set_requires_grad(true); });
  mixer_->forward(input(2, 9)).square().sum().backward();
  mixer_->parameters("m", [](const std::string& name, at::Tensor& value) {
    ASSERT_TRUE(value.grad().defined()) << name;
    EXPECT_GT(value.grad().abs().max().item<double>(), 0) << name;
  });
}

TEST_P(MixerTest, SingleStepsOnPlainMemoryContinueASequence) {
  const auto mixer = make_mixer(GetParam().config, at::kFloat);
  mixer->parameters("m", [](const std::string&, at::Tensor& value) { value.normal_(0, 0.5); });
  const at::Tensor u = input(1, 12).to(at::kFloat);
  const at::Tensor expected = mixer->forward(u)[0];
  InOrder batch(*mixer, 2, 12);  // the second sequence goes on by steps, the first stays at its 12th token
  batch.extend(at::cat({u[0], u[0].narrow(0, 0, 5)}), {12, 5});
  at::Tensor y = at::empty({kHidden});
  for (int64_t t = 5; t < 10; ++t, ++batch.held[1]) {
    ASSERT_TRUE(mixer->can_step(batch.memory));
    mixer->step(u[0][t].const_data_ptr<float>(), y.mutable_data_ptr<float>(), batch.memory, 1, t);
    EXPECT_LT((y - expected[t]).abs().max().item<double>(), 1e-4) << "token " << t;
  }
  const at::Tensor rest = batch.extend(u[0].narrow(0, 10, 2), {0, 2});
  EXPECT_LT((rest - expected.narrow(0, 10, 2)).abs().max().item<double>(), 1e-4);
}

// Documents in one row are as if each were alone: positions, states and the convolution begin anew.
TEST_P(MixerTest, DocumentsInARowAreAlone) {
  const at::Tensor u = input(2, 11);
  at::Tensor starts = at::zeros({2, 11}, at::kBool);
  for (const auto& [row, at] : {std::pair{0, 0}, {0, 4}, {0, 5}, {1, 8}}) starts[row][at] = true;
  const at::Tensor packed = mixer_->forward(u, {.starts = starts});
  const auto expect_alone = [&](int64_t row, int64_t begin, int64_t end) {
    const auto part = [&](const at::Tensor& x) { return x.narrow(0, row, 1).narrow(1, begin, end - begin); };
    expect_close(part(packed), mixer_->forward(part(u)));
  };
  expect_alone(0, 0, 4), expect_alone(0, 4, 5), expect_alone(0, 5, 11);
  expect_alone(1, 0, 8), expect_alone(1, 8, 11);
  // Rows of one document each are an ordinary batch, bit for bit.
  EXPECT_TRUE(at::equal(mixer_->forward(u, {.starts = at::zeros({2, 11}, at::kBool)}), mixer_->forward(u)));
}

// Each token takes from itself and from earlier ones; softmax shares out one whole.
TEST_P(MixerTest, MixingIsCausalAndSharesOutOne) {
  const at::Tensor u = input(2, 9), m = mixer_->mixing(u);
  ASSERT_EQ(m.sizes(), (std::vector<int64_t>{2, 4, 9, 9}));
  EXPECT_TRUE(at::equal(m, m.tril()));
  if (!GetParam().config.is<Mamba2Config>()) {
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
      EXPECT_LT((y - mixer->inner(u)).abs().max().template item<double>(), kTolerance) << name;
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

TEST(Mixer, PagesThatAreFullSaySo) {
  const Sequence full{.length = 2, .held = 3, .pages = {0}, .slot = 0};
  EXPECT_THROW(Batch(at::zeros({2}, at::kLong), {full}, 4), std::runtime_error);
}

}  // namespace
}  // namespace zebra
