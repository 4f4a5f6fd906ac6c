// model.safetensors, or shards with an index when the tensors exceed the shard size.
#include <cstdio>

#include "base/error.h"
#include "io/json_builder.h"
#include "io/safetensors.h"
#include "model/checkpoint.h"
#include "model/finite.h"
#include "model/tensor_io.h"

namespace zebra {

namespace {

using Plan = std::vector<SafetensorsWriter::Entry>;

size_t bytes_of(const SafetensorsWriter::Entry& entry) {
  const auto bytes = tensor_bytes(entry.dtype, entry.shape);
  if (!bytes) fail(ErrorKind::runtime, "tensor \"", entry.name, "\": expected a shape that fits into memory");
  return *bytes;
}

// Consecutive runs of at most `shard_bytes`; a larger tensor stands alone.
std::vector<Plan> split_into_shards(Plan plan, size_t shard_bytes) {
  std::vector<Plan> shards(1);
  size_t filled = 0;
  for (auto& entry : plan) {
    const size_t bytes = bytes_of(entry);
    if (!shards.back().empty() && filled + bytes > shard_bytes) {
      shards.emplace_back();
      filled = 0;
    }
    filled += bytes;
    shards.back().push_back(std::move(entry));
  }
  return shards;
}

std::string shard_name(size_t shard, size_t count) {
  if (count == 1) return "model.safetensors";
  char name[64];
  std::snprintf(name, sizeof name, "model-%05zu-of-%05zu.safetensors", shard + 1, count);
  return name;
}

}  // namespace

struct WeightWriter::Impl {
  fs::path folder;
  std::vector<Plan> shards;
  size_t shard = 0, next = 0;
  std::unique_ptr<SafetensorsWriter> writer;

  void begin_shard() {
    writer = std::make_unique<SafetensorsWriter>(folder / shard_name(shard, shards.size()), shards[shard]);
    next = 0;
  }
  void end_shard() {
    writer->finish();
    writer.reset();
    ++shard;
  }
};

WeightWriter::WeightWriter(const fs::path& folder, std::vector<Entry> plan, size_t shard_bytes)
    : impl_(std::make_unique<Impl>()) {
  impl_->folder = folder;
  Plan stored;
  for (auto& entry : plan) stored.push_back({std::move(entry.name), stored_dtype(entry.dtype), std::move(entry.shape)});
  impl_->shards = split_into_shards(std::move(stored), shard_bytes);
  impl_->begin_shard();
}

WeightWriter::~WeightWriter() = default;

void WeightWriter::put(const std::string& name, const at::Tensor& value) {
  Impl& w = *impl_;
  if (w.shard < w.shards.size() && w.next == w.shards[w.shard].size()) {
    w.end_shard();
    if (w.shard < w.shards.size()) w.begin_shard();
  }
  if (w.shard >= w.shards.size()) fail(ErrorKind::runtime, "tensor \"", name, "\" comes after the end of the plan");
  const auto& entry = w.shards[w.shard][w.next];
  if (name != entry.name || value.sizes() != at::IntArrayRef(entry.shape)) {
    fail(ErrorKind::runtime, "expected tensor \"", entry.name, "\" ", at::IntArrayRef(entry.shape), " next, found \"",
         name, "\" ", value.sizes());
  }
  const at::Tensor bytes = value.detach().to(at::kCPU, scalar_type(entry.dtype)).contiguous();
  if (!all_finite(bytes)) {
    check_finite(name, value);
    fail(ErrorKind::runtime, "tensor \"", name, "\": has values too large for the dtype ", dtype_name(entry.dtype),
         " that it is stored in");
  }
  w.writer->append(name, bytes.const_data_ptr(), bytes.nbytes());
  ++w.next;
}

void WeightWriter::finish() {
  Impl& w = *impl_;
  if (w.writer) w.end_shard();
  if (w.shard != w.shards.size()) fail(ErrorKind::runtime, "tensors of the plan were never written");
  if (w.shards.size() == 1) return;
  size_t total = 0;
  Json map = Json::object();
  for (size_t shard = 0; shard < w.shards.size(); ++shard) {
    for (const auto& entry : w.shards[shard]) {
      total += bytes_of(entry);
      append_member(map, entry.name, shard_name(shard, w.shards.size()));
    }
  }
  write_json(w.folder / "model.safetensors.index.json", {{"metadata", {{"total_size", total}}}, {"weight_map", map}});
}

}  // namespace zebra
