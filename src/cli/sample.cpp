// zebra sample: text that a model writes itself, as a file to train on.
#include <ATen/Parallel.h>

#include <algorithm>
#include <memory>

#include "base/error.h"
#include "base/log.h"
#include "base/output.h"
#include "base/text.h"
#include "cli/model_flags.h"
#include "cli/ranges.h"
#include "cli/token_count.h"
#include "cli/verbs.h"
#include "infer/generate.h"
#include "io/json.h"
#include "model/checkpoint.h"
#include "tokenizer/tokenizer.h"

namespace zebra::cli {

namespace {

struct Options {
  std::string folder, out, tokens;
  int64_t length = 0;
  uint64_t seed = 0;
  bool overwrite = false;
  ModelOptions model;
};

// The documents of a row [L], which bos and eos divide. The last one may lack its end.
std::string documents_of(const at::Tensor& row, const ModelConfig& config, const Tokenizer& tokenizer) {
  std::string lines;
  std::vector<int64_t> document;
  const auto end = [&] {
    const std::string text = tokenizer.decode(document, true);
    document.clear();
    if (!text.empty()) lines += Json({{"text", text}}).dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  };
  for (int64_t i = 0; i < row.size(0); ++i) {
    const int64_t id = row.const_data_ptr<int32_t>()[i];
    if (id == config.bos || std::find(config.eos.begin(), config.eos.end(), id) != config.eos.end())
      end();
    else
      document.push_back(id);
  }
  end();
  return lines;
}

void run(const Options& options) {
  const int64_t tokens = token_count(options.tokens, 1);
  const at::TensorOptions how = options.model.apply(options.folder);
  OutputFile out(options.out, options.overwrite, {options.folder});
  const Tokenizer tokenizer = Tokenizer::load(options.folder);
  const Model model = load_model(options.folder, how);
  const ModelConfig& config = model.config();
  const int64_t length = options.length > 0 ? options.length : std::min<int64_t>(config.max_position, 2048);
  if (length > config.max_position) {
    fail_usage("--length: expected at most the context length ", config.max_position, ", found ", length);
  }
  // Drawn before the file grows: enough to keep all cores or the device busy, few enough for progress to be seen.
  const int64_t groups = how.device().is_cpu() ? std::max(2, at::get_num_threads()) : 1;
  const int64_t block = groups * rows_drawn_together(model, length);
  Progress progress("writing", static_cast<double>(tokens));
  const int64_t all = (tokens + length - 1) / length;
  for (int64_t first = 0; first < all; first += block) {
    const int64_t rows = std::min(block, all - first);
    const at::Tensor ids =
        sample_sequences(model, rows, length, config.bos, options.seed, nullptr, static_cast<uint64_t>(first));
    for (int64_t row = 0; row < rows; ++row) out.write(documents_of(ids[row], config, tokenizer));
    progress.update(static_cast<double>(std::min((first + rows) * length, tokens)), "");
  }
  progress.finish();
  out.commit();
}

}  // namespace

void add_sample(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("sample", "text that a model writes itself, as JSON lines to train on");
  verb->add_option("dir", options->folder, "checkpoint folder")->required();
  verb->add_option("--out", options->out, "file to write (.jsonl), a document a line")->required();
  verb->add_option("--tokens", options->tokens, "how much in all, as 1M")->required();
  verb->add_option("--length", options->length,
                   "tokens that are written in one go, several documents (default: the context, up to 2048)")
      ->check(positive());
  verb->add_option("--seed", options->seed, "of the draws");
  verb->add_flag("--overwrite", options->overwrite, "replace --out if it exists");
  add_model_flags(*verb, options->model);
  verb->callback([options] { run(*options); });
}

}  // namespace zebra::cli
