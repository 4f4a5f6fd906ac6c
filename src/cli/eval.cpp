// zebra eval: perplexity of a model on text and its distance to a teacher; or its scores on benchmarks.
#include <cstdio>

#include "cli/eval_tasks.h"
#include "cli/field_options.h"
#include "cli/model_flags.h"
#include "cli/text_flags.h"
#include "cli/verbs.h"
#include "eval/text_eval.h"
#include "io/json.h"
#include "model/checkpoint.h"

namespace zebra::cli {

namespace {

struct Options {
  std::string folder, teacher;
  TextOptions text;
  TaskOptions tasks;
  bool json = false;
  ModelOptions model;
};

void print_json(const TextEvalResult& result) {
  Json json;
  json["ppl"] = result.ppl;
  if (result.kl) {
    json["kl"] = *result.kl;
    json["agreement"] = *result.agreement;
    json["teacher_ppl"] = *result.teacher_ppl;
  }
  json["tokens"] = result.tokens;
  json["documents"] = result.documents;
  json["tokens_per_second"] = result.tokens_per_second;
  std::printf("%s\n", json.dump().c_str());
}

void print_table(const TextEvalResult& result) {
  std::printf("perplexity          %.4f\n", result.ppl);
  if (result.kl) {
    std::printf("teacher perplexity  %.4f\n", *result.teacher_ppl);
    std::printf("KL to the teacher   %.4f nats per token\n", *result.kl);
    std::printf("top-1 agreement     %.2f %%\n", 100 * *result.agreement);
  }
  std::printf("predicted tokens    %lld in %lld documents, %.0f tokens/s\n", static_cast<long long>(result.tokens),
              static_cast<long long>(result.documents), result.tokens_per_second);
}

void run(const Options& options) {
  if (!options.tasks.tasks.empty()) {
    run_tasks(options.folder, options.tasks, options.model, options.text.eval.limit, options.text.eval.max_length,
              options.json);
    return;
  }
  const at::TensorOptions how = options.model.apply(options.folder);
  const Model model = load_model(options.folder, how);
  std::optional<Model> teacher;
  if (!options.teacher.empty()) teacher.emplace(load_model(options.teacher, how));
  const auto documents = token_documents(options.folder, options.text, model.config());
  const TextEvalResult result = evaluate_text(model, teacher ? &*teacher : nullptr, documents, options.text.eval);
  if (options.json) {
    print_json(result);
  } else {
    print_table(result);
  }
}

}  // namespace

void add_eval(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("eval", "scores on benchmarks; or perplexity on text, and distance to a teacher");
  verb->add_option("dir", options->folder, "checkpoint folder")->required();
  options->tasks.add_to(*verb);
  add_text_flags(*verb, options->text);
  verb->get_option("--text")->required(false);
  verb->add_option("--teacher", options->teacher, "folder of the model to compare with: adds KL and agreement");
  verb->add_flag("--json", options->json, "one JSON object instead of a table");
  add_model_flags(*verb, options->model);
  // While the command line is read, so that a recipe's plan finds it too.
  verb->parse_complete_callback([options, verb] {
    if (options->text.text.empty() == options->tasks.tasks.empty())
      throw CLI::RequiredError("either --text FILE (perplexity) or --tasks NAMES (benchmarks)");
    const bool text = !options->text.text.empty();
    const std::vector<const char*> others =
        text ? std::vector{"--data-dir",      "--num-fewshot",          "--fewshot-seed",      "--output",
                           "--log-samples",   "--bootstrap-iters",      "--max-gen-toks",      "--apply-chat-template",
                           "--softmax-dtype", "--fewshot-as-multiturn", "--system-instruction"}
             : std::vector{"--min-length", "--pack", "--no-bos", "--teacher"};
    refuse_flags(*verb, others, text ? "goes with --tasks, not with --text" : "goes with --text, not with --tasks");
  });
  verb->callback([options] { run(*options); });
}

}  // namespace zebra::cli
