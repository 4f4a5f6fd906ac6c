#include "pipeline/ledger.h"

#include <set>

#include "base/error.h"
#include "io/format.h"

namespace zebra {

namespace {

constexpr int64_t kFormat = 1;  // of stages.json

// Settings that say how to run and change no result; a run that goes on may change them.
const std::set<std::string> kHowToRun = {"threads", "save_every", "statistics"};

// References stay as they are, so that OUT may be moved; only the teacher is a folder outside of it.
Json recorded_settings(const Stage& stage, const std::string& teacher) {
  Json settings = Json::object();
  settings["verb"] = stage.verb;
  for (const auto& [key, text] : stage.settings) {
    settings[key] = text == "@teacher" ? fs::absolute(teacher).lexically_normal().string() : text;
  }
  return settings;
}

std::string shown(const Json& settings, const std::string& key) {
  return settings.contains(key) ? settings[key].dump() : "not given";
}

}  // namespace

StageLedger::StageLedger(fs::path file, const Recipe& recipe) : file_(std::move(file)) {
  json_ = {{"format", kFormat}, {"recipe", recipe.name}, {"teacher", recipe.teacher}, {"stages", Json::object()}};
  if (!fs::exists(file_)) return;
  const Json saved = read_json(file_);
  read_format(saved, file_.string(), kFormat);
  if (!saved.contains("stages") || !saved["stages"].is_object()) {
    fail_input(file_.string(), ": key \"stages\": expected an object with the stages that were run");
  }
  for (const auto& [name, stage] : saved["stages"].items()) {
    if (!stage.is_object() || !stage.contains("settings") || !stage["settings"].is_object()) {
      fail_input(file_.string(), ": stage ", name, ": expected an object with the key \"settings\"");
    }
    const double seconds = json_get<double>(stage, "seconds", 0.0, file_.string());
    if (!(seconds >= 0)) fail_input(file_.string(), ": stage ", name, ": seconds: expected 0 or more, found ", seconds);
  }
  json_["stages"] = saved["stages"];
}

void StageLedger::check_done(const Stage& stage, const std::string& output) const {
  const auto found = json_["stages"].find(stage.name);
  if (found == json_["stages"].end()) {
    fail_usage("stage ", stage.name, ": ", output, " exists, but ", file_.string(),
               " does not say that this recipe made it; choose another --out, or remove it");
  }
  const Json now = recorded_settings(stage, json_["teacher"].get<std::string>()), &then = (*found)["settings"];
  for (const Json* side : {&now, &then}) {
    for (const auto& [key, ignored] : side->items()) {
      if (kHowToRun.count(key)) continue;
      if (now.contains(key) == then.contains(key) && now[key] == then[key]) continue;
      fail_usage("stage ", stage.name, ": ", key, ": ", output, " was made with ", shown(then, key), ", now it is ",
                 shown(now, key), "; choose another --out, or remove that output and those made from it");
    }
  }
}

void StageLedger::started(const Stage& stage, const std::string& command) {
  Json entry = {{"command", command}, {"settings", recorded_settings(stage, json_["teacher"].get<std::string>())}};
  json_["stages"][stage.name] = entry;
  write_json(file_, json_);
}

void StageLedger::finished(const Stage& stage, double seconds, const Json& result) {
  json_["stages"][stage.name]["seconds"] = seconds;
  if (!result.is_null()) json_["stages"][stage.name]["result"] = result;
  write_json(file_, json_);
}

std::optional<double> StageLedger::seconds(const std::string& stage) const {
  const auto found = json_["stages"].find(stage);
  if (found == json_["stages"].end() || !found->contains("seconds")) return std::nullopt;
  return json_get<double>(*found, "seconds", file_.string());
}

Json StageLedger::result(const std::string& stage) const {
  const auto found = json_["stages"].find(stage);
  return found == json_["stages"].end() || !found->contains("result") ? Json() : (*found)["result"];
}

}  // namespace zebra
