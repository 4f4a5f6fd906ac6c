#include "model/finite.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/error.h"
#include "support/scratch.h"

namespace zebra {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity(), kNan = std::numeric_limits<float>::quiet_NaN();

TEST(Finite, FindsOneAmongMany) {
  for (const float bad : {kInfinity, -kInfinity, kNan}) {
    for (const auto type : {at::kFloat, at::kDouble, at::kBFloat16, at::kHalf}) {
      for (const int64_t place : {0, 1, 998, 999}) {
        at::Tensor values = at::ones({1000}, type);
        EXPECT_TRUE(all_finite(values));
        values[place] = bad;
        EXPECT_FALSE(all_finite(values)) << bad << " " << type << " " << place;
      }
    }
    std::vector<float> plain(37, 1.0f);
    EXPECT_TRUE(all_finite(plain.data(), 37));
    plain[35] = bad;
    EXPECT_FALSE(all_finite(plain.data(), 37));
    EXPECT_TRUE(all_finite(plain.data(), 35));
  }
}

// Sums of large numbers are infinite; the numbers are not.
TEST(Finite, LargeNumbersAreFinite) {
  EXPECT_TRUE(all_finite(at::full({100}, 3e38f)));
  EXPECT_TRUE(all_finite(at::full({100}, 60000.0).to(at::kHalf)));
  EXPECT_TRUE(all_finite(at::full({100}, 1e300, at::kDouble)));
  EXPECT_TRUE(all_finite(at::zeros({0})));
  EXPECT_TRUE(all_finite(at::ones({3}, at::kLong)));
  const float largest = std::numeric_limits<float>::max();
  EXPECT_TRUE(all_finite(&largest, 1));
}

TEST(Finite, InfinitiesThatCancelAreSeen) {
  const at::Tensor values = at::zeros({10});
  values[2] = kInfinity, values[7] = -kInfinity;
  EXPECT_FALSE(all_finite(values));
  FiniteWatch watch;
  watch.see(at::ones({3}));
  EXPECT_TRUE(watch.finite());
  watch.see(values);
  watch.see(at::ones({3}));
  EXPECT_FALSE(watch.finite());
}

TEST(Finite, TheTensorIsNamed) {
  try {
    at::Tensor weight = at::ones({4, 8});
    weight[3][1] = kNan, weight[0][0] = kInfinity;
    check_finite("model.norm.weight", weight);
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::input);
    EXPECT_NE(std::string(error.what()).find("model.norm.weight has 2 of 32 values"), std::string::npos);
  }
}

// No folder is written whose weights are not finite, whoever made them; nor one that they overflow in.
TEST(Finite, NoSuchWeightIsWritten) {
  const ScratchFolder folder;
  WeightWriter writer(folder.path, {{"a", {2}, at::kHalf}, {"b", {2}, at::kHalf}});
  writer.put("a", at::ones({2}));
  EXPECT_THROW(writer.put("b", at::tensor({1.0f, kNan})), Error);
  try {
    writer.put("b", at::tensor({1.0f, 70000.0f}));
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("\"b\": has values too large for the dtype F16"), std::string::npos);
  }
}

}  // namespace
}  // namespace zebra
