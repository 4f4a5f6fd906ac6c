#include "upcycle/measure.h"

#include <c10/core/InferenceMode.h>

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "io/crc32c.h"
#include "io/safetensors.h"
#include "layers/rope.h"
#include "model/tensor_io.h"
#include "model/weights_checksum.h"
#include "upcycle/inherited.h"

namespace zebra {

namespace {

constexpr int64_t kScoreBytes = 64 << 20;  // attention probabilities held at once

constexpr int64_t kFormat = 2;  // of statistics; 1 had no checksum, and another one of the teacher

// Of the weights in format 1, which does not see exchanged numbers.
int64_t first_checksum_of(const WeightSource& source) {
  uint64_t sum = 0;
  for (const auto& name : source.names()) {
    uint64_t hash = 1469598103934665603u;
    for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
    const auto value = source.get(name).flatten();
    const auto whole = value.element_size() == 1   ? at::kChar
                       : value.element_size() == 2 ? at::kShort
                       : value.element_size() == 4 ? at::kInt
                                                   : at::kLong;
    sum += (hash | 1) * static_cast<uint64_t>(value.view(whole).sum(at::kLong).item<int64_t>());
  }
  return static_cast<int64_t>(sum);
}

int64_t checksum_of(const Calibration& calibration) {
  const auto ids = calibration.ids.flatten();
  return (ids * at::arange(1, ids.numel() + 1)).sum().item<int64_t>();
}

// What a file holds, by name; complex numbers as pairs.
std::map<std::string, at::Tensor> tensors_of(int64_t layer, const LayerStatistics& statistics,
                                             const AttentionConfig& config) {
  const std::string prefix = "layers." + std::to_string(layer) + ".";
  return {{prefix + "second", statistics.second},
          {prefix + "mean", statistics.mean},
          {prefix + "rotation", at::view_as_real(statistics.reach.rotation)},
          {prefix + "distance", statistics.reach.distance},
          {prefix + "frequencies", at::tensor(rope_frequencies(config.rope, config.head_dim), at::kDouble)}};
}

// Empty statistics of the right shapes: the plan of a file.
LayerStatistics shapes_of(const AttentionConfig& config) {
  const int64_t inputs = config.hidden + (config.qkv_bias ? 1 : 0), pairs = config.head_dim / 2;
  const auto options = at::TensorOptions().dtype(at::kDouble).device(at::kMeta);
  return {at::empty({inputs, inputs}, options),
          at::empty({inputs}, options),
          {at::empty({config.heads, pairs}, options.dtype(at::kComplexDouble)), at::empty({config.heads}, options)}};
}

at::Tensor identity(int64_t teacher, const Calibration& calibration) {
  return at::tensor(
      {teacher, checksum_of(calibration), calibration.ids.size(0), calibration.ids.size(1), calibration.held_out},
      at::kLong);
}
constexpr const char* kIdentity = "identity";
constexpr const char* kFormatName = "format";
constexpr const char* kChecksum = "crc32c";

void write_statistics(const fs::path& file, const WeightSource& source, const ModelConfig& teacher,
                      const Calibration& calibration, at::Device device) {
  std::vector<SafetensorsWriter::Entry> plan = {{kFormatName, Dtype::i64, {1}}, {kIdentity, Dtype::i64, {5}}};
  for (int64_t layer = 0; layer < teacher.layers(); ++layer) {
    const auto* config = attention_in(teacher, layer);
    if (!config) continue;
    for (const auto& [name, value] : tensors_of(layer, shapes_of(*config), *config)) {
      plan.push_back({name, Dtype::f64, value.sizes().vec()});
    }
  }
  plan.push_back({kChecksum, Dtype::i64, {1}});
  SafetensorsWriter writer(file, plan);
  uint32_t sum = 0;
  const auto append = [&](const std::string& name, const at::Tensor& value) {
    const auto bytes = value.to(at::kCPU).contiguous();
    writer.append(name, bytes.const_data_ptr(), bytes.nbytes());
    sum = crc32c({static_cast<const char*>(bytes.const_data_ptr()), bytes.nbytes()}, crc32c(name, sum));
  };
  append(kFormatName, at::full({1}, kFormat, at::kLong));
  append(kIdentity, identity(weights_checksum(source), calibration));
  double done = 0;
  Progress progress("measure", static_cast<double>(teacher.mixers.size() - inherited_layers(teacher).size()));
  measure_teacher(source, teacher, calibration, device, [&](int64_t layer, Block&, const LayerStatistics& statistics) {
    for (const auto& [name, value] : tensors_of(layer, statistics, *attention_in(teacher, layer))) append(name, value);
    progress.update(++done, "layers");
  });
  append(kChecksum, at::full({1}, static_cast<int64_t>(sum), at::kLong));
  writer.finish();
  progress.finish();
}

class StatisticsFile {
 public:
  StatisticsFile(const fs::path& path, const ModelConfig& teacher, at::Device device)
      : file_(path), name_(path.string()), teacher_(teacher), device_(device) {}

  at::Tensor get(const std::string& name, at::IntArrayRef shape, Dtype dtype) const {
    const auto found = file_.tensors().find(name);
    if (!found) refuse(name, "expected it, as for this teacher's layers; found no such tensor");
    const TensorView& view = *found;
    if (view.dtype != dtype || at::IntArrayRef(view.shape) != shape) {
      refuse(name, cat("expected ", dtype_name(dtype), " ", shape_text({shape.begin(), shape.end()}), ", found ",
                       dtype_name(view.dtype), " ", shape_text({view.shape.begin(), view.shape.end()})));
    }
    return copy_of(view);
  }

  int64_t format() const {
    if (!file_.tensors().contains(kFormatName)) return 1;
    const auto found = get(kFormatName, {1}, Dtype::i64).item<int64_t>();
    if (found < 2 || found > kFormat) {
      refuse(kFormatName, cat("expected ", kFormat, ", found ", found, ", as of another version of the program"));
    }
    return found;
  }

  // Of the tensors in the order of write_statistics().
  void check_sum() const {
    uint32_t sum = 0;
    const auto add = [&](const std::string& name, const TensorView& view) {
      sum = crc32c({reinterpret_cast<const char*>(view.data), view.bytes}, crc32c(name, sum));
    };
    const TensorTable& table = file_.tensors();
    std::map<size_t, size_t> order;  // as they stand in the file
    for (size_t i = 0; i < table.size(); ++i) order[table.place(i).first] = i;
    for (const auto& [begin, i] : order) {
      if (table.name(i) != kChecksum) add(std::string(table.name(i)), table.view(i));
    }
    const auto expected = get(kChecksum, {1}, Dtype::i64).item<int64_t>();
    if (sum != expected) refuse(kChecksum, cat("expected ", sum, ", as the others are, found ", expected));
  }

  void check(const at::Tensor& expected) const {
    const auto found = get(kIdentity, {5}, Dtype::i64);
    const auto number = [](const at::Tensor& of, int64_t i) { return of[i].item<int64_t>(); };
    if (number(found, 0) != number(expected, 0)) refuse(kIdentity, "measured on a teacher with other weights");
    for (int64_t i = 1; i < 5; ++i) {
      if (number(found, i) == number(expected, i)) continue;
      refuse(kIdentity,
             cat("measured on another calibration: expected ", number(expected, 2), " rows of ", number(expected, 3),
                 " tokens (", number(expected, 4), " held out, checksum ", number(expected, 1), "), found ",
                 number(found, 2), " of ", number(found, 3), " (", number(found, 4), ", ", number(found, 1), ")"));
    }
    for (int64_t layer = 0; layer < teacher_.layers(); ++layer) {
      const auto* config = attention_in(teacher_, layer);
      if (!config) continue;
      const std::string key = "layers." + std::to_string(layer) + ".frequencies";
      const auto wanted = at::tensor(rope_frequencies(config->rope, config->head_dim), at::kDouble);
      if (!get(key, wanted.sizes(), Dtype::f64).equal(wanted)) refuse(key, "expected the teacher's, found others");
    }
  }

  LayerStatistics layer(int64_t layer) const {
    const auto& config = *attention_in(teacher_, layer);
    std::map<std::string, at::Tensor> values;
    for (const auto& [name, shape] : tensors_of(layer, shapes_of(config), config)) {
      auto value = get(name, shape.sizes(), Dtype::f64);
      if (!at::isfinite(value).all().item<bool>()) refuse(name, "expected finite numbers");
      values[name.substr(name.rfind('.') + 1)] = value.to(device_);
    }
    return {values["second"], values["mean"], {at::view_as_complex(values["rotation"]), values["distance"]}};
  }

 private:
  [[noreturn]] void refuse(const std::string& tensor, const std::string& what) const {
    fail_input(name_, ": tensor \"", tensor, "\": ", what, "; remove the file or give --statistics another name");
  }

  SafetensorsFile file_;
  std::string name_;
  ModelConfig teacher_;
  at::Device device_;
};

}  // namespace

LayerStatistics observe(const Streams& streams, Block& block, const AttentionConfig& config) {
  InputMoments moments;
  ReachObserver reach(*block.mixer, config);
  streams.batches(true, [&](int64_t first, int64_t rows) {
    const auto u = streams.teacher_input(block, first, rows);
    const int64_t length = u.size(1);
    moments.see(u);
    const int64_t rows_at_once = std::max<int64_t>(1, kScoreBytes / (4 * config.heads * length * length));
    for (const auto& part : u.split(rows_at_once)) reach.see(part);
  });
  return {moments.second(config.qkv_bias), moments.mean(config.qkv_bias), reach.finish()};
}

void measure_teacher(const WeightSource& source, const ModelConfig& teacher, const Calibration& calibration,
                     at::Device device, const std::function<void(int64_t, Block&, const LayerStatistics&)>& each) {
  const c10::InferenceMode inference;
  TeacherBlocks blocks(source, teacher, device);
  Streams streams(calibration, source.get("model.embed_tokens.weight"), device);
  for (int64_t layer = 0; layer < teacher.layers(); ++layer) {
    auto& block = blocks.load(layer);
    if (const auto* config = attention_in(teacher, layer)) each(layer, block, observe(streams, block, *config));
    if (layer + 1 < teacher.layers()) streams.advance(block, nullptr);
    blocks.drop(layer);
  }
}

StatisticsOf measured_statistics(const WeightSource& source, const ModelConfig& teacher, const Calibration& calibration,
                                 at::Device device) {
  const auto all = std::make_shared<std::map<int64_t, LayerStatistics>>();
  measure_teacher(source, teacher, calibration, device,
                  [&](int64_t layer, Block&, const LayerStatistics& statistics) { (*all)[layer] = statistics; });
  return [all](int64_t layer) { return all->at(layer); };
}

StatisticsOf statistics_file(const fs::path& file, const WeightSource& source, const ModelConfig& teacher,
                             const Calibration& calibration, at::Device device) {
  if (!fs::exists(file)) {
    write_statistics(file, source, teacher, calibration, device);
  }
  const auto opened = std::make_shared<StatisticsFile>(file, teacher, device);
  const bool first = opened->format() == 1;
  if (!first) opened->check_sum();
  opened->check(identity(first ? first_checksum_of(source) : weights_checksum(source), calibration));
  return [opened](int64_t layer) { return opened->layer(layer); };
}

}  // namespace zebra
