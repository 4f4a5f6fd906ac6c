#include "kernels/cuda/mla_decode/plan.h"

#include <algorithm>
#include <utility>

namespace zebra::kernels {

MlaPlan plan_mla_decode(const std::vector<int32_t>& lengths, const MlaPlanShape& shape) {
  const int64_t grain = shape.grain, overhead = (shape.overhead + grain - 1) / grain;
  const auto grains = [&](int32_t length) { return std::max<int64_t>(1, (length + grain - 1) / grain); };
  int64_t work = 0;  // in grains
  for (const int32_t length : lengths) work += (grains(length) + overhead) * shape.row_blocks;
  // Cutting costs an overhead more at each of a block's two ends.
  int64_t share = (work + shape.blocks - 1) / shape.blocks + overhead;

  MlaPlan plan;
  std::vector<int32_t> begins;  // of each block's items, and the end
  const auto attempt = [&](int64_t budget) {
    plan = {};
    begins.assign(1, 0);
    int64_t left = budget;
    const auto next_block = [&] {
      begins.push_back(static_cast<int32_t>(plan.items.size()));
      left = budget;
    };
    for (size_t sequence = 0; sequence < lengths.size(); ++sequence) {
      for (int32_t rows = 0; rows < shape.row_blocks; ++rows) {
        const int64_t all = grains(lengths[sequence]);
        const auto unit = static_cast<int32_t>(plan.units.size());
        const size_t begin = plan.items.size();
        for (int64_t done = 0; done < all;) {
          // A sliver is not worth an overhead, and a remainder that would be one is taken along.
          if (left <= 2 * overhead && left < budget) next_block();
          int64_t take = std::min(all - done, std::max<int64_t>(1, left - overhead));
          if (all - done - take <= overhead / 2) take = all - done;
          plan.items.push_back(
              {.sequence = static_cast<int32_t>(sequence),
               .row_block = rows,
               .first = static_cast<int32_t>(done * grain),
               .last = static_cast<int32_t>(std::min<int64_t>((done + take) * grain, lengths[sequence])),
               .part = -1,
               .unit = unit,
               .length = lengths[sequence],
               .next = -1});
          done += take, left -= take + overhead;
        }
        const size_t count = plan.items.size() - begin;
        plan.units.push_back({.first = plan.parts, .count = count > 1 ? static_cast<int32_t>(count) : 0});
        if (count > 1) {
          for (size_t i = begin; i < plan.items.size(); ++i) plan.items[i].part = plan.parts++;
        }
      }
    }
    if (begins.back() != static_cast<int32_t>(plan.items.size())) next_block();
    return static_cast<int64_t>(begins.size()) - 1 <= shape.blocks;
  };
  // The smallest share that fits the grid: at the first guess most often, a few per cent above it otherwise.
  int64_t low = std::max<int64_t>(1, work / shape.blocks), high = share;
  while (!attempt(high)) low = high + 1, high += std::max<int64_t>(1, high / 8);
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    attempt(middle) ? high = middle : low = middle + 1;
  }
  attempt(high);

  // First the first item of every block, then the others, linked.
  plan.blocks = static_cast<int32_t>(begins.size()) - 1;
  std::vector<MlaItem> placed(plan.items.size());
  int32_t later = plan.blocks;
  for (int32_t block = 0; block < plan.blocks; ++block) {
    int32_t place = block;
    for (int32_t i = begins[static_cast<size_t>(block)]; i < begins[static_cast<size_t>(block) + 1]; ++i) {
      MlaItem& item = placed[static_cast<size_t>(place)] = plan.items[static_cast<size_t>(i)];
      if (i + 1 < begins[static_cast<size_t>(block) + 1]) place = item.next = later++;
    }
  }
  plan.items = std::move(placed);
  return plan;
}

}  // namespace zebra::kernels
