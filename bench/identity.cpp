// What it costs to know a model again: reading a folder, and the checksums of what was read.
// usage: zebra_bench_identity FOLDER [fp32|bf16] [threads]
#include <ATen/Parallel.h>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

#include "base/file.h"
#include "io/crc32c.h"
#include "model/checkpoint.h"
#include "timing.h"
#include "train/run_checks.h"

using namespace zebra;

namespace {

double seconds(const std::function<void()>& call) {
  return bench::best_ms(call, 1) / 1000;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const bool low = argc > 2 && std::string(argv[2]) == "bf16";
  if (argc > 3) at::set_num_threads(std::atoi(argv[3]));
  std::optional<Model> model;
  const double reading = seconds([&] { model.emplace(load_model(argv[1], low ? at::kBFloat16 : at::kFloat)); });
  int64_t sum = 0;
  const double weights = seconds([&] { sum = checksum(*model); });
  double file = 0;
  const fs::path path = fs::path(argv[1]) / "model.safetensors";
  size_t bytes = 0;
  if (fs::exists(path)) {
    const MappedFile mapped(path);
    bytes = mapped.size();
    file = seconds([&] { sum += crc32c({reinterpret_cast<const char*>(mapped.data()), mapped.size()}); });
  }
  std::printf(
      "%lld parameters: read in %.3f s, checksum of the weights %.3f s (%.1f %%), of the file (%.2f GB) %.3f s "
      "[%lld]\n",
      static_cast<long long>(model->parameter_count()), reading, weights, 100 * weights / reading,
      static_cast<double>(bytes) / 1e9, file, static_cast<long long>(sum));
}
