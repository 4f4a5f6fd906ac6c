// Chooses the instruction set once, by asking the processor.
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "base/error.h"
#include "kernels/cpu.h"

namespace zebra::kernels {

namespace baseline {
extern const CpuTable<float> table_f32;
extern const CpuTable<double> table_f64;
}  // namespace baseline
namespace avx2 {
extern const CpuTable<float> table_f32;
extern const CpuTable<double> table_f64;
}  // namespace avx2
namespace avx512 {
extern const CpuTable<float> table_f32;
extern const CpuTable<double> table_f64;
}  // namespace avx512

namespace {

template <class T>
std::vector<const CpuTable<T>*> supported(const CpuTable<T>& baseline, const CpuTable<T>& avx2,
                                          const CpuTable<T>& avx512) {
  std::vector<const CpuTable<T>*> tables{&baseline};
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return tables;
  tables.push_back(&avx2);
  const bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                    __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (wide) tables.push_back(&avx512);
  return tables;
}

template <class T>
const CpuTable<T>& chosen() {
  const char* wanted = std::getenv("ZEBRA_CPU");
  if (wanted == nullptr) return *cpu_tables<T>().back();
  std::string known;
  for (const auto* table : cpu_tables<T>()) {
    if (std::strcmp(table->isa, wanted) == 0) return *table;
    known += known.empty() ? table->isa : std::string(", ") + table->isa;
  }
  fail_usage("ZEBRA_CPU: expected one of ", known, ", found \"", wanted, "\"");
}

}  // namespace

template <>
const std::vector<const CpuTable<float>*>& cpu_tables<float>() {
  static const auto tables = supported(baseline::table_f32, avx2::table_f32, avx512::table_f32);
  return tables;
}
template <>
const std::vector<const CpuTable<double>*>& cpu_tables<double>() {
  static const auto tables = supported(baseline::table_f64, avx2::table_f64, avx512::table_f64);
  return tables;
}

template <>
const CpuTable<float>& cpu<float>() {
  static const CpuTable<float>& table = chosen<float>();
  return table;
}
template <>
const CpuTable<double>& cpu<double>() {
  static const CpuTable<double>& table = chosen<double>();
  return table;
}

}  // namespace zebra::kernels
