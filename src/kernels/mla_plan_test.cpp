#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

#include "kernels/cuda/mla_decode/plan.h"

namespace zebra::kernels {
namespace {

// The items, block after block.
std::vector<MlaItem> in_order(const MlaPlan& plan) {
  std::vector<MlaItem> items;
  for (int32_t block = 0; block < plan.blocks; ++block) {
    for (int32_t i = block; i >= 0 && items.size() <= plan.items.size(); i = items.back().next) {
      items.push_back(plan.items.at(static_cast<size_t>(i)));
    }
  }
  return items;
}

// Every key of every unit in exactly one item, parts numbered without gaps, no more blocks than asked for.
void expect_whole(const std::vector<int32_t>& lengths, const MlaPlanShape& shape) {
  const MlaPlan plan = plan_mla_decode(lengths, shape);
  EXPECT_LE(plan.blocks, shape.blocks);
  const std::vector<MlaItem> items = in_order(plan);
  ASSERT_EQ(items.size(), plan.items.size());
  ASSERT_EQ(plan.units.size(), lengths.size() * static_cast<size_t>(shape.row_blocks));
  std::vector<int32_t> next(plan.units.size(), 0), parts(plan.units.size(), 0);
  int32_t part = 0;
  for (const MlaItem& item : items) {
    const auto unit = static_cast<size_t>(item.unit);
    EXPECT_EQ(item.unit, item.sequence * shape.row_blocks + item.row_block);
    EXPECT_EQ(item.first, next[unit]);
    EXPECT_EQ(item.first % shape.grain, 0);
    EXPECT_EQ(item.length, lengths[static_cast<size_t>(item.sequence)]);
    next[unit] = item.last;
    if (plan.units[unit].count == 0) {
      EXPECT_EQ(item.part, -1);
    } else {
      EXPECT_EQ(item.part, part++);
      EXPECT_EQ(item.part, plan.units[unit].first + parts[unit]);
    }
    ++parts[unit];
  }
  EXPECT_EQ(part, plan.parts);
  for (size_t unit = 0; unit < next.size(); ++unit) {
    EXPECT_EQ(next[unit], lengths[unit / static_cast<size_t>(shape.row_blocks)]);
    EXPECT_EQ(plan.units[unit].count, parts[unit] > 1 ? parts[unit] : 0);
  }
}

TEST(MlaPlan, EveryKeyOnce) {
  std::mt19937 random(3);
  for (int trial = 0; trial < 300; ++trial) {
    std::vector<int32_t> lengths(1 + random() % 60);
    for (int32_t& length : lengths) length = static_cast<int32_t>(random() % (random() % 4 == 0 ? 70000 : 300));
    expect_whole(lengths, {.row_blocks = 1 + static_cast<int32_t>(random() % 3),
                           .blocks = 1 + static_cast<int32_t>(random() % 300),
                           .grain = 16 << random() % 4,
                           .overhead = static_cast<int32_t>(random() % 600)});
  }
}

TEST(MlaPlan, NoSequenceAndEmptyOnes) {
  expect_whole({}, {.blocks = 8});
  expect_whole({0, 0, 0}, {.blocks = 2});
  expect_whole({0, 1 << 20, 0}, {.row_blocks = 2, .blocks = 132});
}

TEST(MlaPlan, BlocksAreEvenlyBusy) {
  std::mt19937 random(4);
  std::vector<int32_t> ragged(48);
  for (int32_t& length : ragged) length = static_cast<int32_t>(random() % 65536);
  for (const std::vector<int32_t>& lengths :
       {ragged, std::vector<int32_t>(48, 32768), {131072}, std::vector<int32_t>(256, 1024)}) {
    for (const int blocks : {132, 264}) {
      const MlaPlanShape shape{.blocks = blocks};
      const MlaPlan plan = plan_mla_decode(lengths, shape);
      int64_t most = 0, all = 0;
      for (int32_t block = 0; block < plan.blocks; ++block) {
        int64_t busy = 0;
        for (int32_t i = block; i >= 0; i = plan.items[static_cast<size_t>(i)].next) {
          busy += plan.items[static_cast<size_t>(i)].last - plan.items[static_cast<size_t>(i)].first + shape.overhead;
        }
        most = std::max(most, busy), all += busy;
      }
      EXPECT_LE(most, all / blocks + 2 * shape.overhead + 2 * shape.grain)
          << lengths.size() << " sequences, " << blocks;
    }
  }
}

}  // namespace
}  // namespace zebra::kernels
