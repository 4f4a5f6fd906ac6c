#include "train/distill.h"

#include <memory>

#include "cli/field_options.h"
#include "cli/train_report.h"
#include "cli/verbs.h"

namespace zebra::cli {

namespace {

struct Request {
  FieldOptions fields;
  RunFlags run;
};

void run(const Request& request) {
  const DistillOptions options = request.fields.read(DistillOptions{});
  const std::string command = command_text("distill", options);
  const DistillResult result = distill(options, request.run.overwrite, request.run.resumes(), command);
  const char* loss = options.loss_is_kl() ? "KL" : options.loss == "kl" ? "loss" : "layer error";
  print_report({options.out, loss, result.parameters}, result.report, save_fields(result.settings), request.run.json);
}

}  // namespace

void add_distill(CLI::App& app) {
  auto* verb = app.add_subcommand("distill", "train a student towards its teacher");
  const auto request = std::make_shared<Request>();
  request->fields.add_flags(*verb, DistillOptions{});
  request->fields.add_recipe(*verb);
  request->fields.add_set(*verb);
  request->run.add_to(*verb);
  verb->callback([request] { run(*request); });
}

}  // namespace zebra::cli
