#include "train/distill.h"

#include <cstdio>
#include <memory>
#include <vector>

#include "cli/field_options.h"
#include "cli/train_report.h"
#include "cli/verbs.h"
#include "train/distill_layers.h"

namespace zebra::cli {

namespace {

struct Request {
  FieldOptions fields;
  RunFlags run;
};

void run(const Request& request) {
  const DistillOptions options = request.fields.read(DistillOptions{});
  const std::string command = command_text("distill", options);
  const bool overwrite = request.run.overwrite, resume = request.run.resumes();
  const char* loss = options.loss_name();
  const std::vector<DistillOptions> each = each_student(options);
  if (each.size() == 1) {
    const DistillResult result = distill(options, overwrite, resume, command);
    print_report({options.out, loss, result.parameters}, result.report, save_fields(result.settings), request.run.json);
    return;
  }
  const std::vector<DistillResult> results = distill_layers(each, overwrite, resume, command);
  Json all = Json::array();
  for (size_t i = 0; i < each.size(); ++i) {
    const TrainedModel model{each[i].out, loss, results[i].parameters};
    const Json settings = save_fields(results[i].settings);
    if (request.run.json)
      all.push_back(report_json(model, results[i].report, settings));
    else
      print_report(model, results[i].report, settings, false);
  }
  if (request.run.json) std::printf("%s\n", all.dump(2).c_str());
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
