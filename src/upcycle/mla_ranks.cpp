#include "upcycle/mla_ranks.h"

#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "upcycle/mla_reference.h"
#include "upcycle/mla_refined.h"
#include "upcycle/mla_start.h"

namespace zebra {

namespace {

constexpr int64_t kStep = 8;  // AMD's qkv_rank_divisor

at::Tensor spectrum_of(const ConversionRequest& request, int64_t layer, Block& block,
                       const LayerStatistics& statistics) {
  const auto& mla = request.student.mixers[static_cast<size_t>(layer)].get<MlaConfig>();
  auto attention = read_attention(*block.mixer, *request.replaced(layer));
  if (request.mla.reference) return reference_spectrum(attention, mla);
  fold_head_norms(attention, statistics.second);
  // Where frequencies are chosen within the layer, later, the first candidate stands for all.
  return latent_spectrum(attention, statistics, mla, request.pairs[static_cast<size_t>(layer)].front(), request.mla);
}

// By layer; only those that become MLA are there.
std::map<int64_t, RankCurve> curves_of(const ConversionRequest& request) {
  std::map<int64_t, RankCurve> curves;
  const auto add = [&](int64_t layer, Block& block, const LayerStatistics& statistics) {
    const auto& mla = request.student.mixers[static_cast<size_t>(layer)].get<MlaConfig>();
    const int64_t largest =
        std::min(request.teacher.hidden + (mla.qkv_bias ? 1 : 0), mla.kv_heads * (mla.nope_dim + mla.v_dim));
    curves[layer] = {spectrum_of(request, layer, block, statistics), request.teacher.layers() - layer, largest};
  };
  if (!request.mla.reference && !request.statistics) {
    measure_teacher(request.source, request.teacher, *request.calibration, request.device,
                    [&](int64_t layer, Block& block, const LayerStatistics& statistics) {
                      if (becomes_mla(request, layer)) add(layer, block, statistics);
                    });
    return curves;
  }
  TeacherBlocks blocks(request.source, request.teacher, request.device);
  for (int64_t layer = 0; layer < request.teacher.layers(); ++layer) {
    if (!becomes_mla(request, layer)) continue;
    add(layer, blocks.load(layer), request.mla.reference ? LayerStatistics() : request.statistics(layer));
    blocks.drop(layer);
  }
  return curves;
}

double energy_between(const at::Tensor& spectrum, int64_t from, int64_t to) {
  const int64_t end = std::min(to, spectrum.size(0));
  return from >= end ? 0 : spectrum.narrow(0, from, end - from).sum().item<double>();
}

}  // namespace

int64_t energy_rank(const at::Tensor& spectrum, double energy, int64_t step) {
  const auto cumulative = spectrum.cumsum(0) / spectrum.sum();
  const int64_t count = std::max<int64_t>(1, (cumulative <= energy).sum().item<int64_t>());
  return (count + step - 1) / step * step;
}

std::vector<int64_t> budget_ranks(const std::vector<RankCurve>& curves, int64_t rank, int64_t step) {
  const auto count = static_cast<int64_t>(curves.size());
  const int64_t smallest = std::max(step, rank / 2 / step * step);
  double mean = 0;
  for (const auto& curve : curves) mean += static_cast<double>(curve.following) / static_cast<double>(count);
  std::vector<int64_t> ranks(curves.size(), smallest);
  for (int64_t left = (rank - smallest) * count; left >= step; left -= step) {
    size_t best = curves.size();
    double best_score = -1;
    for (size_t i = 0; i < curves.size(); ++i) {
      const auto& [spectrum, following, largest] = curves[i];
      const int64_t r = ranks[i];
      if (r + step > std::min(2 * rank, largest)) continue;
      const double rest = energy_between(spectrum, r, spectrum.size(0));
      const double gain = rest > 0 ? energy_between(spectrum, r, r + step) / rest : 0;
      const double score = gain * std::sqrt(static_cast<double>(following) / mean) /
                           std::sqrt(static_cast<double>(r) / static_cast<double>(smallest));
      if (score > best_score) best = i, best_score = score;
    }
    if (best == curves.size()) break;
    ranks[best] += step;
  }
  return ranks;
}

std::vector<int64_t> equal_ranks(const std::vector<RankCurve>& curves, int64_t rank, int64_t step) {
  std::vector<int64_t> ranks(curves.size(), step);
  for (int64_t left = (rank - step) * std::ssize(curves); left >= step; left -= step) {
    size_t poorest = curves.size();
    double least = 0;
    for (size_t i = 0; i < curves.size(); ++i) {
      const auto& [spectrum, following, largest] = curves[i];
      if (ranks[i] + step > largest) continue;
      const double all = energy_between(spectrum, 0, spectrum.size(0));
      const double held = all > 0 ? energy_between(spectrum, 0, ranks[i]) / all : 1;
      if (poorest == curves.size() || held < least) poorest = i, least = held;
    }
    if (poorest == curves.size()) break;
    ranks[poorest] += step;
  }
  return ranks;
}

void choose_ranks(ConversionRequest& request, RankRule rule, double energy) {
  if (rule == RankRule::fixed) return;
  const c10::InferenceMode inference;
  const auto curves = curves_of(request);
  if (curves.empty()) return;
  const auto rank_of = [&](int64_t layer) -> int64_t& {
    return request.student.mixers[static_cast<size_t>(layer)].get<MlaConfig>().kv_rank;
  };
  const int64_t fixed = rank_of(curves.begin()->first), step = fixed % kStep ? 1 : kStep;
  if (rule == RankRule::energy) {
    for (const auto& [layer, curve] : curves) {
      if (layer == 0 || layer == request.teacher.layers() - 1) continue;
      rank_of(layer) = std::min(energy_rank(curve.spectrum, energy, step), curve.largest / step * step);
    }
    return;
  }
  std::vector<RankCurve> list;
  for (const auto& [layer, curve] : curves) list.push_back(curve);
  const auto ranks = rule == RankRule::equal ? equal_ranks(list, fixed, step) : budget_ranks(list, fixed, step);
  size_t i = 0;
  for (const auto& [layer, curve] : curves) rank_of(layer) = ranks[i++];
}

}  // namespace zebra
