// zebra generate: text that continues a prompt.
#include "infer/generate.h"

#include <chrono>
#include <cstdio>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/model_flags.h"
#include "cli/ranges.h"
#include "cli/verbs.h"
#include "infer/text_stream.h"
#include "io/json.h"
#include "model/checkpoint.h"

namespace zebra::cli {

namespace {

struct Options {
  std::string folder, prompt;
  int64_t max_tokens = 256;
  SamplingParams sampling;
  bool json = false;
  ModelOptions model;
};

void check_ids(const std::vector<int64_t>& ids, int64_t vocab, const std::string& folder) {
  for (const int64_t id : ids) {
    if (id < 0 || id >= vocab) {
      fail_input(folder, "/tokenizer.json: expected ids below the model's vocabulary of ", vocab, ", found ", id);
    }
  }
}

void run(const Options& options) {
  const at::TensorOptions how = options.model.apply(options.folder);
  const Tokenizer tokenizer = Tokenizer::load(options.folder);
  const Model model = load_model(options.folder, how);
  const std::vector<int64_t> prompt = tokenizer.encode(options.prompt, true);
  check_ids(prompt, model.config().vocab, options.folder);

  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  auto first = start;
  TextStream stream(tokenizer, prompt);
  std::string text;
  const auto show = [&](const std::string& piece) {
    text += piece;
    if (options.json) return;
    std::fwrite(piece.data(), 1, piece.size(), stdout);
    std::fflush(stdout);
  };
  int64_t count = 0;
  const std::vector<int64_t> ids = generate(model, prompt, options.max_tokens, options.sampling, [&](int64_t id) {
    if (count++ == 0) first = Clock::now();
    show(stream.add(id));
    return std::ferror(stdout) == 0;  // nobody reads it any more
  });
  show(stream.finish());

  // The first token waits for the prompt; the rate is that of the steps after it.
  const std::chrono::duration<double> wait = first - start, steps = Clock::now() - first;
  const double rate = ids.size() > 1 ? static_cast<double>(ids.size() - 1) / steps.count() : 0;
  if (options.json) {
    Json result;
    result["prompt"] = options.prompt;
    result["text"] = text;
    result["ids"] = ids;
    result["prompt_tokens"] = prompt.size();
    result["tokens"] = ids.size();
    result["tokens_per_second"] = rate;
    std::printf("%s\n", result.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
  } else {
    std::printf("\n");
  }
  log_line(cat(ids.size(), " tokens, ", fixed(rate, 1), " tokens/s; prompt of ", prompt.size(), " tokens in ",
               fixed(wait.count() * 1000, 1), " ms"));
}

}  // namespace

void add_generate(CLI::App& app) {
  auto options = std::make_shared<Options>();
  SamplingParams& sampling = options->sampling;
  CLI::App* verb = app.add_subcommand("generate", "text that continues a prompt");
  verb->add_option("dir", options->folder, "checkpoint folder")->required();
  verb->add_option("--prompt", options->prompt, "the text to continue")->required();
  verb->add_option("--max-tokens", options->max_tokens, "tokens to make at most")
      ->check(positive())
      ->capture_default_str();
  verb->add_option("--temperature", sampling.temperature, "0: always the likeliest token")
      ->check(not_negative())
      ->capture_default_str();
  verb->add_option("--top-k", sampling.top_k, "draw among the k likeliest tokens (0: all)")
      ->check(not_negative())
      ->capture_default_str();
  verb->add_option("--top-p", sampling.top_p, "draw among the likeliest tokens that together have this probability")
      ->check(between(0.0, 1.0))
      ->capture_default_str();
  verb->add_option("--min-p", sampling.min_p, "leave out tokens below this fraction of the likeliest one's probability")
      ->check(between(0.0, 1.0))
      ->capture_default_str();
  verb->add_option("--seed", sampling.seed, "of the draws")->capture_default_str();
  verb->add_flag("--json", options->json, "one JSON object instead of streamed text");
  add_model_flags(*verb, options->model);
  verb->callback([options] { run(*options); });
}

}  // namespace zebra::cli
