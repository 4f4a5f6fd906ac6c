#include "model/finite.h"

#include <cmath>
#include <cstring>

#include "base/error.h"

namespace zebra {

namespace {

// What one tensor has of them; empty where there are none.
std::string blame(const std::string& name, const at::Tensor& value) {
  if (all_finite(value)) return "";
  const int64_t bad = value.numel() - value.to(at::kFloat).isfinite().sum().item<int64_t>();
  return cat(
      name, " has ", bad, " of ", value.numel(),
      " values that are infinite or NaN, as after a conversion to fp16 that overflowed; use the original weights");
}

[[noreturn]] void fail_on_the_way(const std::string& what) {
  fail(ErrorKind::runtime, what, " are not finite although all weights are: numbers grew too large on the way; ",
       "use --dtype fp32, or weights that work elsewhere");
}

}  // namespace

bool all_finite(const at::Tensor& values) {
  if (!values.is_floating_point() || values.numel() == 0) return true;
  // A sum of finite numbers is finite, but for those near the largest, for which the second look is.
  const at::Tensor wide = values.element_size() == 1 ? values.to(at::kFloat) : values;
  const auto type = wide.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  return std::isfinite(wide.detach().sum(type).item<double>()) || wide.isfinite().all().item<bool>();
}

bool all_finite(const float* values, int64_t count) {
  constexpr uint32_t kExponent = 0x7F800000;
  uint32_t bad = 0;
  for (int64_t i = 0; i < count; ++i) {
    uint32_t bits;
    std::memcpy(&bits, values + i, sizeof bits);
    bad |= (bits & kExponent) == kExponent ? 1 : 0;
  }
  return bad == 0;
}

void check_finite(const std::string& name, const at::Tensor& value) {
  if (const std::string found = blame(name, value); !found.empty()) {
    fail_input("expected finite weights, found that ", found);
  }
}

std::string first_not_finite(const Model& model) {
  std::string found;
  // Only read here; the visitor is for those who replace them, too.
  const_cast<Model&>(model).parameters([&](const std::string& name, const at::Tensor& value) {
    if (found.empty()) found = blame(name, value);
  });
  return found;
}

void fail_not_finite(const Model& model, const std::string& what) {
  if (const std::string found = first_not_finite(model); !found.empty()) {
    fail_input(what, " are not finite: ", found);
  }
  fail_on_the_way(what);
}

void fail_not_finite(const WeightSource& source, const std::string& what) {
  for (const auto& name : source.names()) {
    if (const std::string found = blame(name, source.get(name)); !found.empty()) {
      fail_input(source.where(), ": ", what, " are not finite: ", found);
    }
  }
  fail_on_the_way(what);
}

void FiniteWatch::see(const at::Tensor& values) {
  const at::Tensor sum = values.detach().sum(at::kFloat);
  sum_ = sum_.defined() ? sum_ + sum : sum;
}

bool FiniteWatch::finite() const {
  return !sum_.defined() || std::isfinite(sum_.item<double>());
}

}  // namespace zebra
