#include "upcycle/refit.h"

#include "upcycle/linalg.h"

namespace zebra {

namespace {

constexpr double kRidge = 0.01;       // of the mean of the diagonal
constexpr int64_t kWideInput = 1024;  // see statistics.cpp

}  // namespace

void OutputRefit::see(const at::Tensor& y, const at::Tensor& target) {
  auto rows = y.reshape({-1, y.size(-1)}), goals = target.reshape({-1, target.size(-1)});
  if (y.size(-1) < kWideInput) rows = rows.to(at::kDouble), goals = goals.to(at::kDouble);
  const auto products = at::mm(rows.t(), rows).to(at::kDouble), cross = at::mm(rows.t(), goals).to(at::kDouble);
  products_ = products_.defined() ? products_ + products : products;
  cross_ = cross_.defined() ? cross_ + cross : cross;
}

at::Tensor OutputRefit::solve(const at::Tensor& inherited) const {
  const auto start = inherited.to(at::kDouble);
  const auto missing = cross_ - at::mm(products_, start.t());
  return start + solve_positive(with_ridge(products_, kRidge), missing).t();
}

}  // namespace zebra
