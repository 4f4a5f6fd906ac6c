// Shards of a teacher cache. The first byte says of which kind: t the likeliest tokens, d drawn ones.
#include <ATen/ATen.h>

#include "base/error.h"
#include "fuzz/files.h"
#include "fuzz/fuzz.h"
#include "io/crc32c.h"
#include "io/safetensors.h"
#include "train/target_cache.h"

namespace zebra::fuzz {

namespace {

TargetCache::Plan plan_of(char kind) {
  TargetCache::Plan plan;
  plan.key = {{"kind", std::string(1, kind)}};
  plan.length = 3, plan.rows = 2, plan.vocab = 9, plan.shard_rows = 2;
  plan.top_k = kind == 't' ? 2 : 0, plan.samples = 4, plan.apart = kind == 't';
  return plan;
}

fs::path folder_of(char kind) {
  return folder() / std::string(1, kind);
}

constexpr const char* kShard = "targets-00000000.safetensors";

std::string seed_of(char kind) {
  TargetCache cache(folder_of(kind), plan_of(kind));
  cache.rows(0, 2, [&](int64_t, int64_t rows) {
    StoredRows out{at::arange(rows * 3, at::kLong).view({rows, 3}), {}, {}};
    const int64_t tokens = rows * 3;
    if (kind == 't') {
      out.starts = at::zeros({rows, 3}, at::kBool);
      out.targets =
          ops::TopTargets{at::ones({tokens, 2}, at::kLong), at::full({tokens, 2}, -1.0), at::full({tokens}, -2.0)};
    } else {
      out.targets = ops::DrawnTargets{4, at::ones({tokens}, at::kLong), at::full({tokens}, 8, at::kLong),
                                      at::full({tokens}, 4, at::kLong), at::full({tokens}, -1.0)};
    }
    return out;
  });
  return kind + read_file(folder_of(kind) / kShard);
}

}  // namespace

std::vector<std::string> seeds() {
  return {seed_of('t'), seed_of('d')};
}
std::vector<std::string> words() {
  return with_json_words({"\"tokens\":", "\"ids\":", "\"distinct\":", "\"crc32c\":", "\"I32\"", "\"I16\"",
                          "\"shape\":", "\"data_offsets\":", std::string(4, '\xff'), std::string("\x05\0\0\0", 4)});
}

// With the checksum of the columns that there are, so that what stands behind it is reached too.
std::string with_checksum(std::string bytes) {
  const SafetensorsFile file(put("unsigned.safetensors", bytes));
  const auto sum = file.tensors().find("crc32c");
  if (!sum || sum->bytes != 8) return bytes;
  std::string sums;
  for (const char* name : {"ids", "starts", "distinct", "tokens", "log_probs", "rest", "counts", "log_prob"}) {
    const auto column = file.tensors().find(name);
    if (!column) continue;
    const uint32_t one = crc32c({reinterpret_cast<const char*>(column->data), column->bytes});
    sums.append(reinterpret_cast<const char*>(&one), sizeof one);
  }
  const int64_t value = masked_crc32c(sums);
  size_t all = 0, place = 0;
  for (size_t i = 0; i < file.tensors().size(); ++i) {
    const TensorView view = file.tensors().view(i);
    all += view.bytes;
    if (view.data < sum->data) place += view.bytes;
  }
  return bytes.replace(bytes.size() - all + place, 8, reinterpret_cast<const char*>(&value), 8);
}

}  // namespace zebra::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace zebra;
  if (size == 0) return 0;
  const char kind = data[0] == 't' ? 't' : 'd';
  std::string bytes(fuzz::text(data + 1, size - 1));
  const auto plan = fuzz::plan_of(kind);
  try {
    if (size % 4 != 0) bytes = fuzz::with_checksum(std::move(bytes));
    std::string path(1, kind);
    fuzz::put(path.append("/").append(fuzz::kShard), bytes);
    TargetCache cache(fuzz::folder_of(kind), plan);
    if (!cache.complete()) return 0;
    const StoredRows rows = cache.rows(0, plan.rows, {});
    if (rows.ids.min().item<int64_t>() < 0 || rows.ids.max().item<int64_t>() >= plan.vocab) __builtin_trap();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::input) __builtin_trap();
  }
  return 0;
}
