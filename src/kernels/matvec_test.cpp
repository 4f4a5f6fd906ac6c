// The matrix-vector product in every instruction set of this processor against plain loops in double.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/rng.h"
#include "kernels/cpu.h"

namespace zebra::kernels {
namespace {

template <class T>
void check(const CpuTable<T>& table, int64_t rows, int64_t width, bool with_bias) {
  Rng rng(7);
  const auto draw = [&](int64_t count) {
    std::vector<T> values(static_cast<size_t>(count));
    for (T& value : values) value = static_cast<T>(rng.normal());
    return values;
  };
  const std::vector<T> weight = draw(rows * width), x = draw(width), bias = draw(rows);
  std::vector<T> y(static_cast<size_t>(rows) + 1, T(77));
  const MatVec<T> params{
      .width = width, .weight = weight.data(), .x = x.data(), .bias = with_bias ? bias.data() : nullptr, .y = y.data()};
  table.matvec(params, 0, rows / 2);  // a range of items need not be whole vectors
  table.matvec(params, rows / 2, rows);
  for (int64_t r = 0; r < rows; ++r) {
    double sum = with_bias ? static_cast<double>(bias[static_cast<size_t>(r)]) : 0;
    for (int64_t i = 0; i < width; ++i) {
      sum += static_cast<double>(weight[static_cast<size_t>(r * width + i)]) *
             static_cast<double>(x[static_cast<size_t>(i)]);
    }
    EXPECT_NEAR(static_cast<double>(y[static_cast<size_t>(r)]), sum, sizeof(T) == 4 ? 1e-4 : 1e-12)
        << table.isa << " row " << r << " of " << rows << " x " << width;
  }
  EXPECT_EQ(y.back(), T(77)) << table.isa << ": wrote behind the end";
}

template <class T>
void check_all() {
  for (const auto* table : cpu_tables<T>()) {
    for (const int64_t rows : {1, 2, 7, 8, 16, 17, 33}) {
      for (const int64_t width : {1, 3, 8, 15, 16, 64, 77}) check(*table, rows, width, (rows + width) % 2 == 0);
    }
  }
}

TEST(MatVec, Float) {
  check_all<float>();
}
TEST(MatVec, Double) {
  check_all<double>();
}

}  // namespace
}  // namespace zebra::kernels
