#include "ops/ssd.h"

#include <gtest/gtest.h>

#include "support/gradcheck.h"
#include "support/same.h"

namespace zebra {
namespace {

using testing::Op;
using Tensors = std::vector<at::Tensor>;

struct Case {
  int64_t batch, length, heads, kv_heads, head_dim, state;
};

// x, dt, A, B, C, D, and the initial state
Tensors random_inputs(const Case& c) {
  const auto random = [](at::IntArrayRef shape) { return at::randn(shape, at::kDouble); };
  return {
      random({c.batch, c.length, c.kv_heads, c.head_dim}), at::rand({c.batch, c.length, c.heads}, at::kDouble) * 0.5,
      -at::rand({c.heads}, at::kDouble) * 4 - 0.05,        random({c.batch, c.length, c.kv_heads, c.state}),
      random({c.batch, c.length, c.heads, c.state}),       random({c.heads}),
      random({c.batch, c.heads, c.head_dim, c.state})};
}

Op with_final(std::function<at::Tensor(const Tensors&, at::Tensor*)> run) {
  return [=](const Tensors& in) {
    at::Tensor last;
    const at::Tensor y = run(in, &last);
    return Tensors{y, last};
  };
}
const Op kFast = with_final([](const Tensors& in, at::Tensor* last) {
  return ops::ssd(in[0], in[1], in[2], in[3], in[4], in[5], in[6], last);
});
const Op kRecurrence = with_final([](const Tensors& in, at::Tensor* last) {
  return ops::reference::ssd_recurrence(in[0], in[1], in[2], in[3], in[4], in[5], in[6], last);
});
Op chunked(int64_t chunk) {
  return with_final([=](const Tensors& in, at::Tensor* last) {
    return ops::reference::ssd_chunked(in[0], in[1], in[2], in[3], in[4], in[5], in[6], last, chunk);
  });
}

const Case kCases[] = {{2, 1, 2, 1, 8, 8},   {2, 17, 4, 2, 8, 8},   {1, 64, 2, 2, 16, 16}, {1, 65, 4, 1, 5, 3},
                       {2, 130, 4, 2, 8, 8}, {1, 20, 3, 3, 12, 20}, {1, 70, 2, 1, 64, 32}};

TEST(Ssd, IsTheRecurrence) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(::testing::Message() << "L " << c.length << " P " << c.head_dim << " N " << c.state);
    testing::expect_same(kFast, kRecurrence, random_inputs(c), 5e-5);
  }
}

TEST(Ssd, ChunkedScanIsTheRecurrence) {
  for (const int64_t chunk : {1, 4, 16, 50}) {
    const Tensors in = random_inputs({2, 33, 4, 2, 6, 5});
    const auto expected = testing::outputs_and_gradients(kRecurrence, in, at::kDouble);
    const auto found = testing::outputs_and_gradients(chunked(chunk), in, at::kDouble);
    for (size_t i = 0; i < found.size(); ++i) {
      EXPECT_LE(testing::relative_difference(found[i], expected[i]), 1e-11) << "chunk " << chunk << ", value " << i;
    }
  }
}

TEST(Ssd, WithoutAStateStartsFromZero) {
  Tensors in = random_inputs({2, 40, 4, 2, 8, 8});
  in[6].zero_();
  const at::Tensor y = ops::ssd(in[0], in[1], in[2], in[3], in[4], in[5]);
  EXPECT_TRUE(at::allclose(y, kRecurrence(in)[0], 1e-10, 1e-10));
}

TEST(Ssd, MatrixTimesInputsIsTheRecurrence) {
  for (const Case& c : kCases) {
    Tensors in = random_inputs(c);
    in[6].zero_();
    const at::Tensor matrix = ops::ssd_matrix(in[1], in[2], in[3], in[4], in[5]);
    const at::Tensor x = in[0].repeat_interleave(c.heads / c.kv_heads, 2).transpose(1, 2);  // [B, H, L, P]
    EXPECT_TRUE(at::allclose(at::matmul(matrix, x).transpose(1, 2), kRecurrence(in)[0], 1e-10, 1e-10)) << c.length;
  }
}

TEST(Ssd, GoesOnWhereItStopped) {
  const Tensors in = random_inputs({2, 50, 4, 2, 8, 8});
  const Tensors whole = kFast(in);
  Tensors first = in, second = in;
  for (const size_t i : {0, 1, 3, 4}) {
    first[i] = in[i].narrow(1, 0, 21);
    second[i] = in[i].narrow(1, 21, 29);
  }
  const Tensors early = kFast(first);
  second[6] = early[1];
  const Tensors late = kFast(second);
  EXPECT_TRUE(at::allclose(at::cat({early[0], late[0]}, 1), whole[0], 1e-12, 1e-12));
  EXPECT_TRUE(at::allclose(late[1], whole[1], 1e-12, 1e-12));
}

TEST(Ssd, StepsOfLengthZeroChangeNothing) {
  Tensors in = random_inputs({1, 6, 2, 1, 8, 8});
  in[1].zero_();
  EXPECT_TRUE(at::equal(kFast(in)[1], in[6]));
}

TEST(Ssd, TakesSlicesOfOneProjection) {
  const auto sliced = [](const Op& op) -> Op {
    return [=](const Tensors& in) {
      const auto part = [&](int64_t first, int64_t heads) {
        return in[0].narrow(-1, first, heads * 8).unflatten(-1, {heads, 8});
      };
      return op({part(0, 2), in[1], in[2], part(16, 2), part(32, 4), in[3], in[4]});
    };
  };
  const Tensors r = random_inputs({2, 19, 4, 2, 8, 8});
  testing::expect_same(sliced(kFast), sliced(kRecurrence),
                       {at::randn({2, 19, 70}, at::kDouble), r[1], r[2], r[5], r[6]}, 5e-5);
}

TEST(Ssd, HasTheGradientOfItsOutputs) {
  testing::gradcheck(kFast, random_inputs({1, 5, 4, 2, 3, 2}));
  testing::gradcheck(kFast, random_inputs({2, 3, 1, 1, 5, 9}));
}

TEST(Ssd, ForgetsStronglyWithoutOverflow) {
  Tensors in = random_inputs({1, 40, 2, 1, 8, 8});
  in[2].fill_(-1000);
  for (auto& value : in) value = value.to(at::kFloat);
  EXPECT_TRUE(kFast(in)[0].isfinite().all().item<bool>());
}

}  // namespace
}  // namespace zebra
