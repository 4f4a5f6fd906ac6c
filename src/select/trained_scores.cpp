#include "select/trained_scores.h"

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "io/json_fields.h"
#include "model/checkpoint.h"
#include "train/run_checks.h"

namespace zebra {

namespace {

constexpr int64_t kNoLayer = -1;

class Scoring {
 public:
  explicit Scoring(const TrainedScoring& scoring)
      : scoring_(scoring), options_(scoring.distill), file_(scoring.run / "scores.json") {
    begin();
  }

  std::vector<RestoreOne> run() {
    const int64_t layers = read_config(scoring_.rest).layers();
    const auto all = static_cast<int64_t>(scoring_.mla.size()) * layers + 1;
    int64_t done = 0;
    const auto measured = [&](size_t option, int64_t layer) {
      const double value = measure(option, layer);
      if (scoring_.progress) scoring_.progress(++done, all);
      return value;
    };
    std::vector<RestoreOne> out(scoring_.mla.size());
    const double base = measured(0, kNoLayer);
    for (size_t option = 0; option < out.size(); ++option) {
      out[option].base = base;
      for (int64_t layer = 0; layer < layers; ++layer) out[option].scores.push_back(base - measured(option, layer));
    }
    return out;
  }

 private:
  void begin() {
    const at::TensorOptions how = options_.train.options();
    known_["settings"] = scoring_.identity;
    known_["distill"] = identity_of(save_fields(options_));
    known_["checksums"] = Json::array();
    const auto add = [&](const std::string& folder) {
      Model model = load_model(folder, how);
      known_["checksums"].push_back(checksum(model));
    };
    add(scoring_.rest);
    for (const auto& folder : scoring_.mla) add(folder);
    if (scoring_.resume && fs::exists(file_)) {
      const Json saved = read_json(file_);
      for (const char* key : {"settings", "distill", "checksums"}) {
        if (!saved.is_object() || !saved.contains(key) || saved[key] != known_[key]) {
          fail_usage(file_.string(), ": ", key, ": expected ", known_[key].dump(),
                     ", found other ones: ", "the scores there are of another run; pass --resume never to start anew");
        }
      }
      known_ = saved;
      return;
    }
    fs::remove_all(scoring_.run);
    fs::create_directories(scoring_.run);
    known_["kl"] = Json::object();
  }

  // KL after training with this option's MLA in one layer, or in none.
  double measure(size_t option, int64_t layer) {
    const std::string name = layer == kNoLayer ? "none" : cat("option-", option, "-layer-", layer);
    if (known_["kl"].contains(name)) return json_get<double>(known_["kl"], name, file_.string());
    log_line(layer == kNoLayer ? std::string("training with the rest in every layer")
                               : cat("training with MLA in layer ", layer, " (", scoring_.mla[option], ")"));
    const double kl = scoring_.kl(train(option, layer, scoring_.run / name));
    known_["kl"][name] = kl;
    write_json(file_, known_);
    fs::remove_all(scoring_.run / name);
    return kl;
  }

  Model train(size_t option, int64_t layer, const fs::path& folder) {
    const at::TensorOptions how = options_.train.options();
    DistillOptions options = options_;
    options.student = (folder / "student").string(), options.out = (folder / "out").string();
    if (!fs::exists(options.student)) write_student(option, layer, options.student);
    if (!fs::exists(options.out)) distill(options, false, true, "select");
    return load_model(options.out, how);
  }

  void write_student(size_t option, int64_t layer, const fs::path& folder) const {
    fs::create_directories(folder.parent_path());
    OutputFolder out(folder, true);
    Model student = load_model(scoring_.rest);
    if (layer != kNoLayer) student = combine(std::move(student), load_model(scoring_.mla[option]), {layer});
    save_model(out.path(), student);
    copy_companions(scoring_.rest, out.path());
    out.commit();
  }

  const TrainedScoring& scoring_;
  DistillOptions options_;
  fs::path file_;
  Json known_ = Json::object();
};

}  // namespace

std::vector<RestoreOne> trained_scores(const TrainedScoring& scoring) {
  return Scoring(scoring).run();
}

}  // namespace zebra
