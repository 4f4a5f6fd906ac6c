#include "ops/attention.h"

#include <gtest/gtest.h>

#include "support/gradcheck.h"
#include "support/same.h"

namespace zebra {
namespace {

using testing::Op;

Op fast(double scale, int64_t window = 0) {
  return [=](const auto& in) { return std::vector{ops::attention(in[0], in[1], in[2], scale, window)}; };
}
Op plain(double scale, int64_t window = 0) {
  return [=](const auto& in) { return std::vector{ops::reference::attention(in[0], in[1], in[2], scale, window)}; };
}
at::Tensor random(at::IntArrayRef shape) {
  return at::randn(shape, at::kDouble);
}

struct Case {
  int64_t batch, length, keys, heads, kv_heads, dim_k, dim_v, window;
};

TEST(Attention, IsTheReferenceForAnyShape) {
  const Case cases[] = {
      {2, 1, 1, 1, 1, 8, 8, 0},      {2, 17, 17, 4, 2, 12, 8, 0},  {1, 40, 40, 6, 2, 5, 7, 0},
      {1, 1, 50, 8, 1, 20, 16, 0},   {2, 5, 37, 4, 4, 8, 16, 0},   {1, 70, 70, 2, 1, 64, 32, 0},
      {1, 33, 33, 3, 1, 8, 8, 1},    {1, 70, 70, 4, 2, 8, 8, 9},   {2, 3, 90, 4, 2, 16, 16, 40},
      {1, 100, 100, 2, 2, 8, 4, 64}, {1, 1, 100, 4, 2, 8, 8, 33},  {1, 35, 35, 1, 1, 128, 130, 0},
      {3, 65, 65, 8, 4, 12, 8, 0},   {1, 9, 9, 32, 1, 3, 1, 1000},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(::testing::Message() << "L " << c.length << " S " << c.keys << " H " << c.heads << " K " << c.kv_heads
                                      << " window " << c.window);
    testing::expect_same(fast(0.4, c.window), plain(0.4, c.window),
                         {random({c.batch, c.length, c.heads, c.dim_k}), random({c.batch, c.keys, c.kv_heads, c.dim_k}),
                          random({c.batch, c.keys, c.kv_heads, c.dim_v})});
  }
}

TEST(Attention, OfRowsWithTheirOwnKeysIsThatOfEachRow) {
  for (const int64_t window : {0, 6}) {
    for (const int64_t length : {1, 3}) {
      for (const int64_t heads : {4, 64}) {  // few queries of a key head, and enough to fill the lanes
        const std::vector<int64_t> keys = {20, 3, 9, 17};
        const at::Tensor q = random({4, length, heads, 8}), k = random({4, 20, 2, 8}), v = random({4, 20, 2, 6});
        const at::Tensor y = ops::attention(q, k, v, 0.3, window, keys);
        const at::Tensor masked = ops::attention(q.clone().requires_grad_(), k, v, 0.3, window, keys);
        for (int64_t row = 0; row < 4; ++row) {
          const int64_t held = keys[static_cast<size_t>(row)];
          const auto of_row = [&](const at::Tensor& x) { return x.narrow(0, row, 1).narrow(1, 0, held); };
          const at::Tensor expected = ops::reference::attention(q.narrow(0, row, 1), of_row(k), of_row(v), 0.3, window);
          EXPECT_TRUE(at::allclose(y.narrow(0, row, 1), expected)) << row << " window " << window;
          EXPECT_TRUE(at::allclose(masked.narrow(0, row, 1), expected)) << row << " masked, window " << window;
        }
        // Behind the end of a row's keys there is only padding to see.
        const at::Tensor padded = ops::attention(q, k, v, 0.3, window, {20 + length - 1, 3, 9, 17});
        EXPECT_TRUE(padded.isfinite().all().item<bool>());
        EXPECT_TRUE(at::allclose(padded.narrow(0, 1, 3), y.narrow(0, 1, 3)));
      }
    }
  }
}

TEST(Attention, TakesSlicesOfACache) {
  const auto sliced = [](const Op& op) -> Op {
    return [=](const auto& in) {
      return op({in[0], in[1].narrow(1, 0, 20).narrow(-1, 0, 8), in[1].narrow(1, 0, 20).narrow(-1, 8, 6)});
    };
  };
  testing::expect_same(sliced(fast(0.3)), sliced(plain(0.3)), {random({2, 6, 4, 8}), random({2, 29, 2, 14})});
}

TEST(Attention, OfLargeScoresIsTheBestValue) {
  const at::Tensor q = at::full({1, 3, 1, 4}, 100.0f), v = at::randn({1, 3, 1, 5});
  at::Tensor k = at::zeros({1, 3, 1, 4});
  k.select(1, 1).fill_(100.0f);
  const at::Tensor y = ops::attention(q, k, v, 1.0);
  EXPECT_TRUE(at::equal(y.select(1, 0), v.select(1, 0)));
  EXPECT_TRUE(at::equal(y.select(1, 2), v.select(1, 1)));
}

TEST(Attention, NeverReadsWhatAQueryMayNotSee) {
  const at::Tensor q = at::randn({1, 30, 2, 8});
  at::Tensor k = at::randn({1, 30, 2, 8}), v = at::randn({1, 30, 2, 8});
  const at::Tensor before = ops::attention(q, k, v, 0.3, 7).narrow(1, 0, 20);
  k.narrow(1, 20, 10).fill_(1e30);
  v.narrow(1, 20, 10).fill_(1e30);
  EXPECT_TRUE(at::equal(ops::attention(q, k, v, 0.3, 7).narrow(1, 0, 20), before));
}

TEST(Attention, HasTheGradientOfItsOutput) {
  testing::gradcheck(fast(0.5), {random({1, 5, 4, 3}), random({1, 5, 2, 3}), random({1, 5, 2, 2})});
  testing::gradcheck(fast(0.5, 2), {random({2, 3, 2, 3}), random({2, 6, 1, 3}), random({2, 6, 1, 2})});
}

TEST(Attention, InLowPrecisionIsCloseToFp32) {
  const at::Tensor q = at::randn({1, 9, 2, 8}), k = at::randn({1, 9, 2, 8}), v = at::randn({1, 9, 2, 8});
  const at::Tensor low = ops::attention(q.to(at::kBFloat16), k.to(at::kBFloat16), v.to(at::kBFloat16), 0.3);
  EXPECT_EQ(low.scalar_type(), at::kBFloat16);
  EXPECT_TRUE(at::allclose(low.to(at::kFloat), ops::attention(q, k, v, 0.3), 3e-2, 3e-2));
}

}  // namespace
}  // namespace zebra
