#include "cli/eval_tasks.h"

#include <chrono>
#include <cstdio>
#include <ctime>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/ranges.h"
#include "data/chat_template.h"
#include "eval/task_results.h"
#include "model/checkpoint.h"
#include "version/version.h"

namespace zebra::cli {

namespace {

std::string date_text(std::time_t seconds) {
  char text[32];
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  std::strftime(text, sizeof text, "%Y-%m-%dT%H-%M-%S", &utc);
  return text;
}

std::string dumped(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

// OUT/MODEL/results_DATE.json and samples_TASK_DATE.jsonl, as lm-evaluation-harness names them.
void write_output(const TaskOptions& options, const std::vector<TaskResult>& results, const Json& json,
                  const std::string& date) {
  const fs::path folder = fs::path(options.output) / json["model_name_sanitized"].get<std::string>();
  fs::create_directories(folder);
  const fs::path file = folder / ("results_" + date + ".json");
  write_file(file, dumped(json, 2) + "\n");
  if (options.log_samples) {
    for (const TaskResult& result : results) {
      std::string lines;
      for (const Json& sample : result.samples) lines += dumped(sample, -1) + "\n";
      write_file(folder / ("samples_" + result.task.name + "_" + date + ".jsonl"), lines);
    }
  }
  log_line("written: " + file.string());
}

}  // namespace

void TaskOptions::add_to(CLI::App& verb) {
  verb.add_option("--tasks", tasks,
                  "benchmarks, as lm-evaluation-harness 0.4.13 defines them (needle, keys and ruler are this "
                  "program's own): " +
                      join(task_names(), ", ") +
                      ", one subject as mmlu_SUBJECT, or one length of generated recall as needle_2048, keys_2048");
  verb.add_option("--data-dir,--data_dir", data_folder, "their documents: DIR/TASK/SPLIT.jsonl (docs/formats.md)")
      ->capture_default_str();
  verb.add_option("--num-fewshot,--num_fewshot", shots, "examples before each question (-1: as the task says)")
      ->check(between(-1, 1000))
      ->capture_default_str();
  verb.add_option("--fewshot-seed,--fewshot_seed", seed, "of the choice of examples")->capture_default_str();
  verb.add_option("--output,--output-path,--output_path", output,
                  "folder for MODEL/results_DATE.json and the samples, in the harness's schema");
  verb.add_flag("--log-samples,--log_samples", log_samples, "what was asked and answered, a file a task (--output)");
  verb.add_option("--bootstrap-iters,--bootstrap_iters", bootstrap, "for errors that need it (0: no errors at all)")
      ->check(between(0, 10000000))
      ->capture_default_str();
  verb.add_option("--max-gen-toks,--max_gen_toks", max_gen_tokens, "longest answer of tasks that generate (0: theirs)")
      ->check(not_negative())
      ->capture_default_str();
  verb.add_flag("--apply-chat-template,--apply_chat_template", chat,
                "prompts as the model's chat template writes them");
  // As a function: newer versions of CLI11 count a flag bound to a number as given even where it is not.
  verb.add_flag_function(
      "--fewshot-as-multiturn,--fewshot_as_multiturn,!--no-fewshot-as-multiturn,!--no_fewshot_as_multiturn",
      [this](int64_t given) { turns = given > 0 ? 1 : -1; },
      "with it: each example a pair of turns (as the harness, the default), or =false: all in one message");
  verb.add_option("--system-instruction,--system_instruction", system, "put before the task's own description");
  verb.add_option("--softmax-dtype", softmax, "of log-likelihoods: fp32, or the model's as the harness does by default")
      ->check(CLI::IsMember({"fp32", "model"}))
      ->capture_default_str();
}

void run_tasks(const std::string& folder, const TaskOptions& options, const ModelOptions& how, int64_t limit,
               int64_t max_length, bool json) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  if (options.log_samples && options.output.empty()) fail_usage("--log-samples needs --output, the folder to write to");
  const int64_t longest = read_config(folder).max_position, context = max_length > 0 ? max_length : longest;
  if (context > longest) {
    log_warning(cat("--max-length ", context, ": the model's context is ", longest,
                    " tokens, and nobody taught it more; use --max-length ", longest, " or less"));
  }
  const std::vector<Task> tasks = find_tasks(options.tasks, options.data_folder, context);
  const at::TensorOptions tensor_options = how.apply(folder);
  Model model = load_model(folder, tensor_options);
  const Tokenizer tokenizer = Tokenizer::load(folder);

  EvalRunInfo info{.model_folder = folder, .dtype = how.dtype_of(folder), .device = how.device};
  info.version = program_version();
  info.date = static_cast<double>(std::time(nullptr));
  info.parameters = model.parameter_count();
  info.max_length = context;
  TaskEvalOptions eval;
  eval.data_folder = options.data_folder;
  eval.shots = options.shots;
  eval.limit = limit;
  eval.bootstrap_iterations = options.bootstrap;
  eval.max_gen_tokens = options.max_gen_tokens;
  eval.keep_samples = options.log_samples;
  eval.prompts.seed = options.seed;
  eval.prompts.system = options.system;
  eval.prompts.shots_as_turns = options.chat && options.turns >= 0;
  std::optional<ChatTemplate> chat;
  if (options.chat) {
    chat = ChatTemplate::load(folder);
    if (!chat) {
      fail_input(folder,
                 ": expected chat_template.jinja or a chat_template in tokenizer_config.json, found neither: "
                 "leave out --apply-chat-template");
    }
    info.chat_template = chat->source();
    eval.prompts.chat = [&](const Messages& messages) { return chat->render(messages, true); };
  } else if (options.turns > 0) {
    fail_usage("--fewshot-as-multiturn goes with --apply-chat-template");
  }
  eval.score.max_length = info.max_length;
  eval.score.model_softmax = options.softmax == "model";
  std::unique_ptr<Progress> bar;
  std::string running;
  eval.log = [&](const std::string& task) {
    bar.reset();
    running = task;
  };
  eval.score.progress = [&](size_t done, size_t all) {
    if (!bar) bar = std::make_unique<Progress>(running, static_cast<double>(all));
    bar->update(static_cast<double>(done), "");
  };
  const std::vector<TaskResult> results = evaluate_tasks(model, tokenizer, tasks, eval);
  bar.reset();
  info.seconds = std::chrono::duration<double>(Clock::now() - start).count();

  const Json whole = results_json(results, eval, tokenizer, info);
  if (!options.output.empty()) write_output(options, results, whole, date_text(static_cast<std::time_t>(info.date)));
  if (json) {
    std::printf("%s\n", dumped(whole, -1).c_str());
  } else {
    std::printf("%s", results_table(results).c_str());
  }
}

}  // namespace zebra::cli
