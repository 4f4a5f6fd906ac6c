#include "train/align.h"

#include <cstdio>
#include <memory>

#include "base/error.h"
#include "cli/field_options.h"
#include "cli/train_report.h"
#include "cli/verbs.h"

namespace zebra::cli {

namespace {

struct Request {
  FieldOptions fields;
  RunFlags run;
};

std::string held_out_text(const AlignResult& result) {
  const Json& found = result.held_out;
  const auto figure = [&](const char* name, int digits, double scale = 1) {
    return fixed(scale * found[name].get<double>(), digits);
  };
  std::string text = cat("held out: ", found["examples"].get<int64_t>(), " examples, loss ", figure("loss", 4));
  if (found.contains("rewards/margins")) {
    text +=
        cat(", reward accuracy ", figure("rewards/accuracies", 1, 100), " %, margin ", figure("rewards/margins", 4));
  }
  if (found.contains("kl")) {
    const char* of = result.options.method == "dpo" ? "reference" : "teacher";
    text += cat(", KL to the ", of, " ", figure("kl", 4), " nats per token");
  }
  return text;
}

void run(const Request& request) {
  const AlignOptions options = request.fields.read(AlignOptions{});
  const std::string command = command_text("align", options);
  const AlignResult result = align(options, request.run.overwrite, request.run.resumes(), command);
  const bool measured = !result.held_out.empty();
  Json more = Json::object();
  if (measured) more["held_out"] = result.held_out;
  print_report({options.out, "loss", result.parameters, more}, result.report, save_fields(result.options),
               request.run.json);
  if (measured && !request.run.json) std::printf("%s\n", held_out_text(result).c_str());
}

}  // namespace

void add_align(CLI::App& app) {
  auto* verb = app.add_subcommand("align", "fine-tune on answers (SFT) or on preferences (DPO)");
  const auto request = std::make_shared<Request>();
  request->fields.add_flags(*verb, AlignOptions{});
  request->fields.add_recipe(*verb);
  request->fields.add_set(*verb);
  request->run.add_to(*verb);
  verb->callback([request] { run(*request); });
}

}  // namespace zebra::cli
