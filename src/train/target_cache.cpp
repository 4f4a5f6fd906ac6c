#include "train/target_cache.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/text.h"
#include "io/crc32c.h"
#include "io/format.h"
#include "io/safetensors.h"

namespace zebra {

namespace {

constexpr const char* kChecksum = "crc32c";

struct Column {
  std::string name;
  Dtype dtype;
  at::Tensor value;
};

at::ScalarType torch_type(Dtype dtype) {
  return dtype == Dtype::f32   ? at::kFloat
         : dtype == Dtype::i16 ? at::kShort
         : dtype == Dtype::i64 ? at::kLong
         : dtype == Dtype::u8  ? at::kByte
                               : at::kInt;
}

std::vector<Column> columns_of(const StoredRows& rows) {
  std::vector<Column> out = {{"ids", Dtype::i32, rows.ids}};
  if (rows.starts.defined()) out.push_back({"starts", Dtype::u8, rows.starts});
  if (const auto* top = std::get_if<ops::TopTargets>(&rows.targets)) {
    out.push_back({"tokens", Dtype::i32, top->tokens});
    out.push_back({"log_probs", Dtype::f32, top->log_probs});
    out.push_back({"rest", Dtype::f32, top->rest});
  } else {
    const auto& drawn = std::get<ops::DrawnTargets>(rows.targets);
    out.push_back({"distinct", Dtype::i16, drawn.distinct});
    out.push_back({"tokens", Dtype::i32, drawn.tokens});
    out.push_back({"counts", Dtype::i16, drawn.counts});
    out.push_back({"log_prob", Dtype::f32, drawn.log_prob});
  }
  for (auto& column : out) column.value = column.value.to(at::kCPU, torch_type(column.dtype)).contiguous();
  return out;
}

std::string_view bytes_of(const at::Tensor& value) {
  return {static_cast<const char*>(value.const_data_ptr()), value.nbytes()};
}

// Of the columns in their order.
class Checksum {
 public:
  void add(std::string_view bytes) {
    const uint32_t sum = crc32c(bytes);
    sums_.append(reinterpret_cast<const char*>(&sum), sizeof sum);
  }
  int64_t value() const { return masked_crc32c(sums_); }

 private:
  std::string sums_;
};

void write_shard(const fs::path& path, const StoredRows& rows) {
  std::vector<Column> columns = columns_of(rows);
  Checksum sum;
  for (const auto& column : columns) sum.add(bytes_of(column.value));
  columns.push_back({kChecksum, Dtype::i64, at::full({1}, sum.value(), at::kLong)});
  std::vector<SafetensorsWriter::Entry> plan;
  for (const auto& column : columns) plan.push_back({column.name, column.dtype, column.value.sizes().vec()});
  SafetensorsWriter writer(path, std::move(plan));
  for (const auto& column : columns) writer.append(column.name, column.value.const_data_ptr(), column.value.nbytes());
  writer.finish();
}

// A shard's columns by name, each checked for its type and shape (-1 = any).
class ShardReader {
 public:
  explicit ShardReader(const fs::path& path) : file_(path), path_(path.string()) {}

  at::Tensor column(const char* name, Dtype dtype, std::vector<int64_t> shape) {
    const auto found = file_.tensors().find(name);
    if (!found) damaged(cat("tensor ", name, " is missing"));
    const TensorView& view = *found;
    bool fits = view.dtype == dtype && view.shape.size() == shape.size();
    for (size_t i = 0; fits && i < shape.size(); ++i) fits = shape[i] == -1 || shape[i] == view.shape[i];
    if (!fits) {
      damaged(cat("tensor ", name, ": expected ", dtype_name(dtype), " ", shape_text(shape), ", found ",
                  dtype_name(view.dtype), " ", shape_text(view.shape)));
    }
    if (std::strcmp(name, kChecksum) != 0) sum_.add({reinterpret_cast<const char*>(view.data), view.bytes});
    at::Tensor out = at::empty(view.shape, torch_type(dtype));
    if (view.bytes > 0) std::memcpy(out.mutable_data_ptr(), view.data, view.bytes);
    return dtype == Dtype::f32 ? out : out.to(at::kLong);
  }
  // Behind the last column.
  void check_sum() {
    const int64_t expected = column(kChecksum, Dtype::i64, {1}).item<int64_t>();
    if (sum_.value() != expected) damaged(cat("checksum: expected ", expected, ", found ", sum_.value()));
  }
  void check_range(const char* name, const at::Tensor& values, int64_t least, int64_t most) {
    if (values.numel() == 0) return;
    const auto [low, high] = at::aminmax(values);
    if (low.item<int64_t>() < least || high.item<int64_t>() > most) {
      damaged(cat("tensor ", name, ": expected ", least, " to ", most, ", found ", low.item<int64_t>(), " to ",
                  high.item<int64_t>()));
    }
  }
  [[noreturn]] void damaged(const std::string& what) const {
    fail_input(path_, ": ", what, "; remove the file and it will be made again");
  }

 private:
  SafetensorsFile file_;
  std::string path_;
  Checksum sum_;
};

// Rows [first, first + count) of those.
StoredRows slice(const StoredRows& from, int64_t first, int64_t count) {
  StoredRows out{from.ids.narrow(0, first, count), from.targets, {}};
  if (from.starts.defined()) out.starts = from.starts.narrow(0, first, count);
  const int64_t length = from.ids.size(1), begin = first * length, size = count * length;
  if (auto* top = std::get_if<ops::TopTargets>(&out.targets)) {
    for (at::Tensor* column : {&top->tokens, &top->log_probs, &top->rest}) *column = column->narrow(0, begin, size);
    return out;
  }
  auto& drawn = std::get<ops::DrawnTargets>(out.targets);
  const int64_t before = drawn.distinct.narrow(0, 0, begin).sum().item<int64_t>();
  drawn.distinct = drawn.distinct.narrow(0, begin, size);
  const int64_t held = drawn.distinct.sum().item<int64_t>();
  drawn.log_prob = drawn.log_prob.narrow(0, begin, size);
  for (at::Tensor* column : {&drawn.tokens, &drawn.counts}) *column = column->narrow(0, before, held);
  return out;
}

StoredRows on(at::Device device, StoredRows rows) {
  rows.ids = rows.ids.to(device);
  if (auto* top = std::get_if<ops::TopTargets>(&rows.targets)) {
    for (at::Tensor* column : {&top->tokens, &top->log_probs, &top->rest}) *column = column->to(device);
  } else {
    auto& drawn = std::get<ops::DrawnTargets>(rows.targets);
    for (at::Tensor* column : {&drawn.distinct, &drawn.tokens, &drawn.counts, &drawn.log_prob}) {
      *column = column->to(device);
    }
  }
  return rows;
}

StoredRows joined(const std::vector<StoredRows>& parts) {
  if (parts.size() == 1) return parts.front();
  const auto cat_of = [&](const auto& column) {
    std::vector<at::Tensor> values;
    for (const auto& part : parts) values.push_back(column(part));
    return at::cat(values);
  };
  using Top = ops::TopTargets;
  using Drawn = ops::DrawnTargets;
  const auto of = [&]<class Kind>(at::Tensor Kind::*member) {
    return cat_of([=](const StoredRows& rows) { return std::get<Kind>(rows.targets).*member; });
  };
  StoredRows out{cat_of([](const StoredRows& rows) { return rows.ids; }), {}, {}};
  if (parts.front().starts.defined()) out.starts = cat_of([](const StoredRows& rows) { return rows.starts; });
  if (std::holds_alternative<Top>(parts.front().targets)) {
    out.targets = Top{of(&Top::tokens), of(&Top::log_probs), of(&Top::rest)};
  } else {
    out.targets = Drawn{std::get<Drawn>(parts.front().targets).samples, of(&Drawn::distinct), of(&Drawn::tokens),
                        of(&Drawn::counts), of(&Drawn::log_prob)};
  }
  return out;
}

}  // namespace

TargetCache::TargetCache(fs::path folder, Plan plan) : folder_(std::move(folder)), plan_(std::move(plan)) {
  const fs::path key = folder_ / "targets.json";
  if (!fs::exists(key)) {
    if (fs::exists(path(0))) {
      fail_input(key.string(), ": it is missing, and without it nobody knows whose targets are beside it; remove ",
                 folder_.string());
    }
    fs::create_directories(folder_);
    write_json(key, plan_.key);
    return;
  }
  const Json found = read_json(key);
  read_format(found, key.string(), json_get<int64_t>(plan_.key, "format", key.string()));
  for (const auto& [name, value] : plan_.key.items()) {
    const Json theirs = found.contains(name) ? found[name] : Json(nullptr);
    if (theirs != value) {
      fail_usage(key.string(), ": ", name, ": expected ", value.dump(), ", found ", theirs.dump(),
                 ": these targets are of another teacher, text or divergence; give another --teacher-cache");
    }
  }
}

fs::path TargetCache::path(int64_t shard) const {
  return folder_ / cat("targets-", padded(std::to_string(shard), 8, '0'), ".safetensors");
}

int64_t TargetCache::rows_of(int64_t shard) const {
  return std::min(plan_.shard_rows, plan_.rows - shard * plan_.shard_rows);
}

bool TargetCache::complete() const {
  const int64_t shards = (plan_.rows + plan_.shard_rows - 1) / plan_.shard_rows;
  for (int64_t shard = 0; shard < shards; ++shard) {
    if (!fs::exists(path(shard))) return false;
    // Any may be the short last one of a shorter run.
    const SafetensorsFile file(path(shard));
    const auto ids = file.tensors().find("ids");
    if (!ids || ids->shape.empty() || ids->shape[0] < rows_of(shard)) return false;
  }
  return true;
}

std::optional<StoredRows> TargetCache::read(int64_t shard) const {
  if (!fs::exists(path(shard))) return std::nullopt;
  ShardReader reader(path(shard));
  StoredRows out;
  out.ids = reader.column("ids", Dtype::i32, {-1, plan_.length});
  if (plan_.apart) {
    out.starts = reader.column("starts", Dtype::u8, {out.ids.size(0), plan_.length}).to(at::kBool);
  }
  const int64_t tokens = out.ids.numel(), last_id = plan_.vocab - 1;
  if (plan_.top_k > 0) {
    ops::TopTargets top;
    top.tokens = reader.column("tokens", Dtype::i32, {tokens, plan_.top_k});
    top.log_probs = reader.column("log_probs", Dtype::f32, {tokens, plan_.top_k});
    top.rest = reader.column("rest", Dtype::f32, {tokens});
    reader.check_sum();
    reader.check_range("tokens", top.tokens, 0, last_id);
    out.targets = std::move(top);
  } else {
    ops::DrawnTargets drawn{.samples = plan_.samples};
    drawn.distinct = reader.column("distinct", Dtype::i16, {tokens});
    drawn.tokens = reader.column("tokens", Dtype::i32, {-1});
    drawn.counts = reader.column("counts", Dtype::i16, {drawn.tokens.numel()});
    drawn.log_prob = reader.column("log_prob", Dtype::f32, {tokens});
    reader.check_sum();
    reader.check_range("distinct", drawn.distinct, 1, plan_.samples);
    reader.check_range("tokens", drawn.tokens, 0, last_id);
    reader.check_range("counts", drawn.counts, 1, plan_.samples);
    const int64_t sum = drawn.distinct.sum().item<int64_t>();
    if (sum != drawn.tokens.numel()) reader.damaged(cat("tokens: expected ", sum, ", found ", drawn.tokens.numel()));
    out.targets = std::move(drawn);
  }
  reader.check_range("ids", out.ids, 0, last_id);
  if (out.ids.size(0) < rows_of(shard)) return std::nullopt;
  return out;
}

const StoredRows& TargetCache::shard(int64_t index, const Make& make) {
  if (index == held_) return shard_;
  auto found = read(index);
  if (!found) {
    if (!make) fail_input(path(index).string(), ": it was there when the run began, and is not now");
    std::vector<StoredRows> parts;
    const int64_t first = index * plan_.shard_rows, rows = rows_of(index);
    for (int64_t done = 0; done < rows; done += plan_.pass_rows) {
      parts.push_back(make(first + done, std::min(plan_.pass_rows, rows - done)));
    }
    write_shard(path(index), joined(parts));
    found = read(index);  // this run learns from what later ones will
  }
  held_ = index;
  return shard_ = std::move(*found);
}

StoredRows TargetCache::rows(int64_t first, int64_t count, const Make& make, at::Device device) {
  std::vector<StoredRows> parts;
  for (int64_t row = first; row < first + count;) {
    const int64_t index = row / plan_.shard_rows, start = row - index * plan_.shard_rows;
    const int64_t here = std::min(first + count - row, rows_of(index) - start);
    TORCH_CHECK(here > 0, "row ", row, " lies behind the run");
    parts.push_back(slice(shard(index, make), start, here));
    row += here;
  }
  return on(device, joined(parts));
}

}  // namespace zebra
