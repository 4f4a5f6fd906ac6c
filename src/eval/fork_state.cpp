#include "eval/fork_state.h"

#include "layers/attention.h"
#include "layers/mamba2.h"
#include "layers/mla.h"

namespace zebra {

namespace {

std::unique_ptr<State> fork_layer(const State& state, const at::Tensor& rows) {
  const auto copy = [&](const at::Tensor& tensor) { return tensor.index_select(0, rows.to(tensor.device())); };
  std::unique_ptr<State> made;
  if (const auto* attention = dynamic_cast<const AttentionState*>(&state)) {
    auto own = std::make_unique<AttentionState>();
    own->k = copy(attention->k);
    own->v = copy(attention->v);
    made = std::move(own);
  } else if (const auto* mla = dynamic_cast<const MlaState*>(&state)) {
    auto own = std::make_unique<MlaState>();
    own->cache = copy(mla->cache);
    made = std::move(own);
  } else if (const auto* mamba = dynamic_cast<const Mamba2State*>(&state)) {
    auto own = std::make_unique<Mamba2State>();
    own->conv = copy(mamba->conv);
    own->ssm = copy(mamba->ssm);
    made = std::move(own);
  }
  if (made != nullptr) made->seen = copy(state.seen);
  return made;
}

}  // namespace

std::optional<ModelState> fork_rows(const ModelState& state, const std::vector<int64_t>& rows) {
  const at::Tensor places = at::tensor(rows, at::kLong);
  ModelState out;
  for (const auto& layer : state.layers) {
    out.layers.push_back(fork_layer(*layer, places));
    if (out.layers.back() == nullptr) return std::nullopt;
  }
  return out;
}

}  // namespace zebra
