#include "select/trained_scores.h"

#include <cmath>

#include "base/error.h"
#include "base/log.h"
#include "base/new_file.h"
#include "base/text.h"
#include "io/format.h"
#include "io/json_fields.h"
#include "io/sealed_json.h"
#include "model/checkpoint.h"
#include "train/run_checks.h"
#include "train/run_state.h"

namespace zebra {

namespace {

constexpr int64_t kNoLayer = -1;
constexpr int64_t kFormat = 2;  // of scores.json; 1 had no checksum, and did not know the teacher

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
    known_["format"] = kFormat;
    known_["settings"] = scoring_.identity;
    known_["distill"] = identity_of(save_fields(options_));
    known_["checksums"] = Json::array(), known_["configs"] = Json::array();
    const auto add = [&](const std::string& folder) {
      Model model = load_model(folder, options_.train.options());
      known_["checksums"].push_back(checksum(model)), known_["configs"].push_back(checksum(model.config()));
    };
    add(scoring_.rest);
    for (const auto& folder : scoring_.mla) add(folder);
    add(options_.teacher);
    known_["kl"] = Json::object();
    if (scoring_.resume && fs::exists(file_)) return read_known();
    fs::remove_all(scoring_.run);
    fs::create_directories(scoring_.run);
  }

  // The scores that an earlier process found, where it was the same run.
  void read_known() {
    const SealedJson saved = read_sealed_json(file_);
    const int64_t format = read_format(saved.value, file_.string(), kFormat);
    const auto part = [&](const char* key, Json::value_t type) {
      if (saved.value.contains(key) && saved.value[key].type() == type) return saved.value[key];
      fail_input(file_.string(), ": key \"", key, "\": expected ", Json(type).type_name(),
                 ", found otherwise; pass --resume never to start anew");
    };
    if (format > 1 && !saved.sealed) fail_input(file_.string(), ": its checksum is missing; pass --resume never");
    check_same_settings(part("settings", Json::value_t::object), known_["settings"], file_);
    check_same_settings(part("distill", Json::value_t::object), known_["distill"], file_);
    Json then = {{"checksums", part("checksums", Json::value_t::array)}}, now = {{"checksums", known_["checksums"]}};
    if (format > 1) {
      then["configs"] = part("configs", Json::value_t::array), now["configs"] = known_["configs"];
    } else {
      now["checksums"].erase(now["checksums"].size() - 1);
      log_warning(cat(file_.string(),
                      ": it is of an earlier version, without checksums: that the teacher is still the ",
                      "same cannot be checked"));
    }
    check_same_content(then, now, file_);
    const Json scores = part("kl", Json::value_t::object);
    for (const auto& [name, value] : scores.items()) {
      if (!value.is_number() || !std::isfinite(value.get<double>())) {
        fail_input(file_.string(), ": key \"", name, "\": expected a number, found ", value.dump().substr(0, 80),
                   "; pass --resume never to start anew");
      }
      known_["kl"][name] = value;
    }
  }

  // KL after training with this option's MLA in one layer, or in none.
  double measure(size_t option, int64_t layer) {
    const std::string name = layer == kNoLayer ? "none" : cat("option-", option, "-layer-", layer);
    if (known_["kl"].contains(name)) return json_get<double>(known_["kl"], name, file_.string());
    log_line(layer == kNoLayer ? std::string("training with the rest in every layer")
                               : cat("training with MLA in layer ", layer, " (", scoring_.mla[option], ")"));
    const double kl = scoring_.kl(train(option, layer, scoring_.run / name));
    known_["kl"][name] = kl;
    write_sealed_json(file_, known_);
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
    NewFolder out(folder);
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
