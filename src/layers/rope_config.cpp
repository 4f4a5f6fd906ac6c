#include "layers/rope_config.h"

#include <cmath>

#include "base/error.h"

namespace zebra {

namespace {
using Type = RopeConfig::Type;
}  // namespace

RopeConfig canonical(RopeConfig rope) {
  RopeConfig out;
  out.type = rope.type;
  out.layout = rope.layout;
  out.inv_freq = rope.inv_freq;
  if (rope.inv_freq.empty() || rope.ntk_dim > 0) out.theta = rope.theta;
  if (rope.type == Type::standard) return out;
  out.factor = rope.factor;
  out.ntk_dim = rope.ntk_dim;
  if (rope.yarn == RopeConfig::Yarn::deepseek) {
    out.mscale_all_dim = rope.mscale_all_dim;
    if (rope.mscale_all_dim != 0) out.yarn = rope.yarn;
  }
  if (rope.type == Type::dynamic) out.max_position = rope.max_position;
  if (rope.type == Type::llama3 || rope.type == Type::yarn) {
    out.original_max_position = rope.original_max_position > 0 ? rope.original_max_position : rope.max_position;
  }
  if (rope.type == Type::llama3) {
    out.low_freq_factor = rope.low_freq_factor;
    out.high_freq_factor = rope.high_freq_factor;
  }
  if (rope.type == Type::yarn) {
    out.yarn = rope.yarn;
    out.beta_fast = rope.beta_fast;
    out.beta_slow = rope.beta_slow;
    out.mscale = rope.mscale;
    out.mscale_all_dim = rope.mscale_all_dim;
    if (rope.yarn == RopeConfig::Yarn::transformers) {
      out.truncate = rope.truncate;
      out.attention_factor = rope.attention_factor;
    }
  }
  return out;
}

void check_rope(const RopeConfig& rope, int64_t dim, const std::string& where) {
  const auto expect = [&](bool good, const char* key, const char* expected, double found) {
    if (!good) fail_input(where, ": ", key, ": expected ", expected, ", found ", found);
  };
  expect(rope.theta > 0 && std::isfinite(rope.theta), "rope_theta", "a positive number", rope.theta);
  expect(rope.max_position > 0, "max_position_embeddings", "a positive integer",
         static_cast<double>(rope.max_position));
  if (rope.type != Type::standard) {
    expect(rope.factor > 0 && std::isfinite(rope.factor), "rope factor", "a positive number", rope.factor);
  }
  if (rope.type == Type::dynamic) {
    expect(dim > 2 || !rope.inv_freq.empty(), "rope dimensions", "more than 2 for dynamic scaling",
           static_cast<double>(dim));
    if (rope.ntk_dim > 0) {
      expect(rope.ntk_dim > 2, "rope_ntk_dim", "more than 2", static_cast<double>(rope.ntk_dim));
      expect(rope.theta > 1, "rope_theta", "more than 1 for dynamic scaling", rope.theta);
    }
  }
  if (rope.type == Type::yarn) {
    expect(rope.theta > 1, "rope_theta", "more than 1 for yarn", rope.theta);
    expect(rope.beta_fast >= rope.beta_slow, "beta_fast", "at least beta_slow", rope.beta_fast);
  }
  if (rope.inv_freq.empty()) return;
  expect(static_cast<int64_t>(rope.inv_freq.size()) == dim / 2, "rope_inv_freq",
         "one frequency per pair of rope dimensions", static_cast<double>(rope.inv_freq.size()));
  for (const double f : rope.inv_freq) {
    expect(std::isfinite(f) && f >= 0, "rope_inv_freq", "finite frequencies of at least 0", f);
  }
}

}  // namespace zebra
