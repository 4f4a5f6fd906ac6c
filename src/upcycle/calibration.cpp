#include "upcycle/calibration.h"

#include <ATen/Parallel.h>

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "base/rng.h"
#include "data/documents.h"
#include "infer/generate.h"
#include "tokenizer/tokenizer.h"

namespace zebra {

namespace {

constexpr int64_t kHeldOutShare = 8;  // one row held out for every eight fitted

int64_t row_length(const ModelConfig& config) {
  return std::min(kCalibrationLength, config.max_position);
}

int64_t start_token(const ModelConfig& config) {
  return config.bos >= 0 ? config.bos : config.eos.empty() ? 0 : config.eos.front();
}

at::Tensor text_rows(const fs::path& folder, const fs::path& file, const ModelConfig& config, int64_t rows, bool bos) {
  const auto tokenizer = Tokenizer::load(folder);
  const int64_t length = row_length(config);
  auto block = pack_documents({file}, tokenizer,
                              {.length = length, .eos = config.document_end(), .bos = bos, .limit = rows * length});
  if (block.count() < 2) {
    fail_input(file.string(), ": expected text for at least two rows of ", length, " tokens, found ", block.count(),
               "; give more text or --calibration sample");
  }
  const auto ids = at::from_blob(block.ids.data(), {block.count(), length}, at::kInt).to(at::kLong);
  if (ids.max().item<int64_t>() >= config.vocab) {
    fail_input((folder / "tokenizer.json").string(), ": token ", ids.max().item<int64_t>(),
               " is beyond the model's vocabulary of ", config.vocab);
  }
  return ids;
}

at::Tensor random_rows(const ModelConfig& config, int64_t rows, uint64_t seed) {
  Rng rng(seed, 1);
  auto ids = at::empty({rows, row_length(config)}, at::kLong);
  int64_t* data = ids.mutable_data_ptr<int64_t>();
  for (int64_t i = 0; i < ids.numel(); ++i)
    data[i] = static_cast<int64_t>(rng.below(static_cast<uint64_t>(config.vocab)));
  return ids;
}

// What the teacher writes, with a bar. In parts that every thread has a group of, so that they are drawn as all at
// once.
at::Tensor written_rows(const Model& model, int64_t rows, int64_t length, uint64_t seed) {
  const int64_t together = rows_drawn_together(model, length);
  const int64_t part = together * (model.head().weight.is_cpu() ? at::get_num_threads() : 1);
  std::vector<at::Tensor> parts;
  Progress progress("calibration", static_cast<double>(rows));
  for (int64_t first = 0; first < rows;) {
    const int64_t left = rows - first, count = left < 2 * part ? left : part;
    parts.push_back(sample_sequences(model, count, length, start_token(model.config()), seed, nullptr,
                                     static_cast<uint64_t>(first)));
    first += count;
    progress.update(static_cast<double>(first), cat(first, " rows"));
  }
  return at::cat(parts).to(at::kLong);
}

}  // namespace

int64_t layer_parameters(const ModelConfig& config) {
  Model shapes(config, at::TensorOptions().dtype(at::kFloat).device(at::kMeta));
  int64_t count = 0;
  for (auto& block : shapes.blocks()) {
    block.parameters("", [&](const std::string&, const at::Tensor& value) { count += value.numel(); });
  }
  return count;
}

int64_t default_calibration_tokens(const ModelConfig& config) {
  const int64_t full = 128 * kCalibrationLength;
  const double share = std::min(1.0, static_cast<double>(kSampleLimit) / static_cast<double>(layer_parameters(config)));
  return std::min(
      full, std::max({static_cast<int64_t>(share * static_cast<double>(full)), int64_t{4096}, 2 * config.hidden}));
}

Calibration make_calibration(const fs::path& folder, const ModelConfig& teacher, const std::string& source,
                             int64_t tokens, uint64_t seed, bool bos) {
  if (tokens <= 0) tokens = default_calibration_tokens(teacher);
  const int64_t length = row_length(teacher);
  const int64_t fitted = std::max<int64_t>(1, tokens / length);
  const int64_t held_out = std::max<int64_t>(1, fitted / kHeldOutShare), rows = fitted + held_out;
  std::string kind = source;
  if (kind.empty()) kind = layer_parameters(teacher) <= kSampleLimit ? "sample" : "random";

  Calibration calibration;
  if (kind == "sample") {
    log_line(cat("calibration: the teacher writes ", rows, " x ", length, " tokens"));
    const auto model = load_model(folder, at::kFloat);
    calibration.ids = written_rows(model, rows, length, seed);
    calibration.origin = "sampled from the teacher";
  } else if (kind == "random") {
    if (source.empty()) {
      log_warning(
          "no calibration text: random tokens stand in for it, which costs quality; give --calibration FILE "
          "(a few hundred kilobytes of ordinary text) or --calibration sample");
    }
    calibration.ids = random_rows(teacher, rows, seed);
    calibration.origin = "random tokens";
  } else {
    calibration.ids = text_rows(folder, kind, teacher, rows, bos);
    calibration.origin = fs::path(kind).filename().string();
  }
  // A short text gives fewer rows than asked for.
  calibration.held_out = std::max<int64_t>(1, calibration.ids.size(0) / (kHeldOutShare + 1));
  return calibration;
}

}  // namespace zebra
