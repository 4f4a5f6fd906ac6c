#include "upcycle/mla_search.h"

#include <algorithm>
#include <map>
#include <numbers>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "layers/rope.h"
#include "upcycle/mla_start.h"
#include "upcycle/mla_trained_error.h"

namespace zebra {

namespace {

constexpr size_t kMostCandidates = 12;      // scored by whole conversions
constexpr size_t kMostLayerCandidates = 6;  // scored within a layer
constexpr double kSearchWork = 4e12;        // multiply-adds that a search by conversions may cost
constexpr int64_t kSearchShare = 4;         // of the calibration rows, per conversion

MlaConfig& mla_of(ConversionRequest& request, int64_t layer) {
  return request.student.mixers[static_cast<size_t>(layer)].get<MlaConfig>();
}

// The layers that become MLA.
std::vector<int64_t> mla_layers(const ConversionRequest& request) {
  std::vector<int64_t> layers;
  for (int64_t layer = 0; layer < request.teacher.layers(); ++layer) {
    if (becomes_mla(request, layer)) layers.push_back(layer);
  }
  return layers;
}

void append_subsets(int64_t total, int64_t count, int64_t from, FrequencyPairs& chosen,
                    std::vector<FrequencyPairs>& out) {
  if (static_cast<int64_t>(chosen.size()) == count) {
    out.push_back(chosen);
    return;
  }
  for (int64_t pair = from; pair < total; ++pair) {
    chosen.push_back(pair);
    append_subsets(total, count, pair + 1, chosen, out);
    chosen.pop_back();
  }
}

double subsets(int64_t total, int64_t count) {
  double number = 1;
  for (int64_t i = 0; i < count; ++i) number = number * static_cast<double>(total - i) / static_cast<double>(i + 1);
  return number;
}

// `split`: widths too, else only frequencies; the plan's widths may differ from layer to layer.
void apply(ConversionRequest& request, const MlaDesign& design, bool split) {
  request.pairs.assign(request.student.mixers.size(), {});
  for (const int64_t layer : mla_layers(request)) {
    request.pairs[static_cast<size_t>(layer)] = {design.pairs};
    auto& mla = mla_of(request, layer);
    if (split) mla = with_widths(mla, design, *request.replaced(layer));
  }
}

Calibration reduced(const Calibration& all) {
  const int64_t fitted = std::max<int64_t>(1, all.fitted() / kSearchShare);
  Calibration part = all;
  part.ids = at::cat({all.ids.narrow(0, 0, fitted), all.ids.narrow(0, all.fitted(), all.held_out)});
  return part;
}

// So many of the parent's frequencies, where they are not searched.
FrequencyPairs one_set(const AttentionConfig& parent, int64_t count, const MlaIdeas& ideas) {
  return ideas.spread
             ? spread_frequencies(rope_frequencies(parent.rope, parent.head_dim), count, parent.rope.max_position)
             : even_frequencies(parent.head_dim / 2, count);
}

// One set of frequencies for every division unless they are searched.
std::vector<MlaDesign> designs(const MlaConfig& mla, const AttentionConfig& parent, bool split, const MlaIdeas& ideas) {
  const int64_t head_dim = parent.head_dim;
  std::vector<MlaDesign> all;
  const int64_t cache = mla.kv_rank + mla.rope_dim;
  for (int64_t rope = 2; rope <= std::min(head_dim, cache - 1); rope += 2) {
    if (!split && rope != mla.rope_dim) continue;
    if (rope == head_dim && mla.nope_dim != head_dim) continue;  // no unrotated width would be left
    const auto sets = ideas.frequencies ? frequency_candidates(head_dim / 2, rope / 2, kMostCandidates)
                                        : std::vector<FrequencyPairs>{one_set(parent, rope / 2, ideas)};
    for (auto& pairs : sets) all.push_back({cache - rope, rope, pairs});
  }
  return all;
}

// Each layer on its own, of whatever width: the conversion tries a few candidates where frequencies are searched.
void choose_in_layers(ConversionRequest& request, const std::vector<int64_t>& layers) {
  for (const int64_t layer : layers) {
    const AttentionConfig& parent = *request.replaced(layer);
    const int64_t count = mla_of(request, layer).rope_dim / 2;
    request.pairs[static_cast<size_t>(layer)] =
        request.mla.frequencies ? frequency_candidates(parent.head_dim / 2, count, kMostLayerCandidates)
                                : std::vector<FrequencyPairs>{one_set(parent, count, request.mla)};
  }
}

}  // namespace

FrequencyPairs even_frequencies(int64_t total, int64_t count) {
  FrequencyPairs pairs;
  for (int64_t i = 0; i < count; ++i) pairs.push_back(i * total / count);
  return pairs;
}

FrequencyPairs spread_frequencies(const std::vector<double>& frequencies, int64_t count, int64_t context) {
  const auto lasts = [&](double frequency) { return 2 * std::numbers::pi > frequency * static_cast<double>(context); };
  const auto total = static_cast<int64_t>(frequencies.size());
  const int64_t slow = std::find_if(frequencies.begin(), frequencies.end(), lasts) - frequencies.begin();
  const int64_t last = std::clamp(slow, count - 1, total - 1);
  if (count == 1) return {last / 2};
  FrequencyPairs pairs;
  for (int64_t i = 0; i < count; ++i) pairs.push_back((2 * i * last + count - 1) / (2 * (count - 1)));  // rounded
  return pairs;
}

std::vector<FrequencyPairs> frequency_candidates(int64_t total, int64_t count, size_t limit) {
  std::vector<FrequencyPairs> all;
  if (subsets(total, count) <= static_cast<double>(limit)) {
    FrequencyPairs chosen;
    append_subsets(total, count, 0, chosen, all);
    return all;
  }
  for (int64_t stride = 1; (count - 1) * stride < total && (count > 1 || stride == 1); ++stride) {
    for (int64_t start = 0; start + (count - 1) * stride < total; ++start) {
      FrequencyPairs pairs;
      for (int64_t i = 0; i < count; ++i) pairs.push_back(start + i * stride);
      all.push_back(pairs);
    }
  }
  if (all.size() <= limit) return all;
  std::vector<FrequencyPairs> thinned;
  for (size_t i = 0; i < limit; ++i) thinned.push_back(all[i * (all.size() - 1) / (limit - 1)]);
  return thinned;
}

void choose_frequencies(ConversionRequest& request, const StudentOptions& options) {
  const Split split = options.split;
  request.pairs.assign(request.student.mixers.size(), {});
  const auto layers = mla_layers(request);
  if (layers.empty() || request.mla.reference) return;
  if (!options.rope_pairs.empty()) return apply(request, {.pairs = options.rope_pairs}, false);
  const MlaConfig mla = mla_of(request, layers.front());  // the first stands for all
  const AttentionConfig& parent = *request.replaced(layers.front());
  const auto in_layers = [&] {
    // By the error of one layer the search chooses badly (docs/results.md): `refined` then spreads.
    if (options.mla_refined) request.mla.frequencies = false, request.mla.spread = true;
    choose_in_layers(request, layers);
  };
  if (!options.rope_dims.empty()) return in_layers();
  const auto part = reduced(*request.calibration);
  const double work =
      4.0 * static_cast<double>(layer_parameters(request.teacher)) * static_cast<double>(part.ids.numel());
  const auto too_dear = [&](size_t conversions) { return work * static_cast<double>(conversions) > kSearchWork; };
  auto all = designs(mla, parent, split != Split::fixed, request.mla);
  // Divisions of a large teacher are compared with one set of frequencies each.
  if (split != Split::fixed && request.mla.frequencies && too_dear(all.size())) {
    MlaIdeas one;
    one.spread = true;
    all = designs(mla, parent, true, one);
  }
  if (all.size() == 1) return apply(request, all.front(), split != Split::fixed);
  if (split == Split::fixed && too_dear(all.size())) return in_layers();
  ConversionRequest trial = request;
  trial.calibration = &part;
  trial.statistics = measured_statistics(request.source, request.teacher, part, request.device);
  // The best frequencies of every division, by KL; then the best division.
  std::map<int64_t, std::pair<double, MlaDesign>> best;
  for (const auto& design : all) {
    apply(trial, design, split != Split::fixed);
    const double kl = run_conversion(trial, nullptr).kl.value();
    log_line(cat("frequencies {", list_text(design.pairs), "}, rank ", design.kv_rank, " + rope ", design.rope_dim,
                 ": held-out KL ", fixed(kl, 4)));
    const auto found = best.find(design.rope_dim);
    if (found == best.end() || kl < found->second.first) best[design.rope_dim] = {kl, design};
  }
  std::vector<MlaDesign> divisions;
  std::vector<double> scores;
  for (const auto& [rope, scored] : best) scores.push_back(scored.first), divisions.push_back(scored.second);
  if (split == Split::trained && divisions.size() > 1) {
    scores = trained_errors(trial, divisions);
    for (size_t i = 0; i < divisions.size(); ++i) {
      log_line(cat("rank ", divisions[i].kv_rank, " + rope ", divisions[i].rope_dim,
                   ": relative error of a layer after training it alone ", fixed(scores[i], 4)));
    }
  }
  const auto chosen = std::min_element(scores.begin(), scores.end()) - scores.begin();
  apply(request, divisions[static_cast<size_t>(chosen)], split != Split::fixed);
}

}  // namespace zebra
