// zebra logits: the parity tool. Token ids in, logits out, both as safetensors.
#include <c10/core/InferenceMode.h>

#include <cstring>

#include "base/error.h"
#include "base/text.h"
#include "cli/model_flags.h"
#include "cli/verbs.h"
#include "io/safetensors.h"
#include "model/checkpoint.h"
#include "model/finite.h"

namespace zebra::cli {

namespace {

constexpr const char* kIds = "input_ids";

struct Options {
  std::string folder, ids, out;
  bool overwrite = false;
  ModelOptions model;
};

at::Tensor read_ids(const fs::path& path, int64_t vocab) {
  const SafetensorsFile file(path);
  const auto found = file.tensors().find(kIds);
  if (!found) {
    fail_input(path.string(), ": expected a tensor \"", kIds, "\", found ", file.tensors().size(),
               " tensors of other names");
  }
  const TensorView& view = *found;
  if (view.dtype != Dtype::i64 || view.shape.size() != 2 || view.bytes == 0) {
    fail_input(path.string(), ": tensor \"", kIds, "\": expected I64 [batch, length], found ", dtype_name(view.dtype),
               " ", shape_text({view.shape.begin(), view.shape.end()}));
  }
  at::Tensor ids = at::empty(view.shape, at::kLong);
  std::memcpy(ids.mutable_data_ptr(), view.data, view.bytes);
  const int64_t low = ids.min().item<int64_t>(), high = ids.max().item<int64_t>();
  if (low < 0 || high >= vocab) {
    fail_input(path.string(), ": tensor \"", kIds, "\": expected ids from 0 to ", vocab - 1, ", found ",
               low < 0 ? low : high, ": the model's vocabulary has ", vocab, " tokens");
  }
  return ids;
}

void run(const Options& options) {
  const at::TensorOptions how = options.model.apply(options.folder);
  if (fs::exists(options.out) && !options.overwrite) {
    fail_usage(options.out, " exists: choose another --out or pass --overwrite");
  }
  const Model model = load_model(options.folder, how);
  const at::Tensor ids = read_ids(options.ids, model.config().vocab);
  const c10::InferenceMode inference;
  const int64_t rows = ids.size(0), length = ids.size(1), vocab = model.config().vocab;
  const at::Tensor logits = at::empty({rows, length, vocab}, at::kFloat);
  for (int64_t row = 0; row < rows; ++row) {
    const at::Tensor hidden = model.hidden(ids.narrow(0, row, 1).to(how.device()));
    logits.narrow(0, row, 1).copy_(model.logits(hidden));
  }
  if (!all_finite(logits)) fail_not_finite(model, "logits");
  SafetensorsWriter writer(options.out, {{"logits", Dtype::f32, {rows, length, vocab}}});
  writer.append("logits", logits.const_data_ptr(), logits.nbytes());
  writer.finish();
}

}  // namespace

void add_logits(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("logits", "logits of given token ids, to compare with other implementations");
  verb->add_option("dir", options->folder, "checkpoint folder")->required();
  verb->add_option("--ids", options->ids, "safetensors file with int64 input_ids [B, T]")->required();
  verb->add_option("--out", options->out, "safetensors file to write: float32 logits [B, T, V]")->required();
  verb->add_flag("--overwrite", options->overwrite, "replace --out if it exists");
  add_model_flags(*verb, options->model);
  verb->callback([options] { run(*options); });
}

}  // namespace zebra::cli
