#include "train/run_state.h"

#include <functional>
#include <limits>

#include "base/error.h"
#include "base/text.h"
#include "io/format.h"
#include "io/sealed_json.h"

namespace zebra {

namespace {

Json part_of(const Json& json, const char* key, const fs::path& path) {
  const auto found = json.find(key);
  if (found == json.end()) return Json::object();
  if (!found->is_object()) {
    fail_input(path.string(), ": key \"", key, "\": expected an object, found ", found->type_name());
  }
  return *found;
}

int64_t count_of(const Json& json, const char* key, const fs::path& path) {
  const auto value = json_get<int64_t>(json, key, path.string());
  if (value < 0) fail_input(path.string(), ": key \"", key, "\": expected 0 or more, found ", value);
  return value;
}

void read_counts(const Json& json, const fs::path& path, SavedState& out) {
  out.run.step = count_of(json, "step", path);
  out.counts = {count_of(json, "updates", path), count_of(json, "skipped", path),
                count_of(json, "skipped_in_a_row", path)};
  const std::string folder = path.parent_path().filename().string();
  const auto& [updates, skipped, in_a_row] = out.counts;
  if (out.run.step < 1 || checkpoint_name(out.run.step) != folder) {
    fail_input(path.string(), ": key \"step\": expected that of the folder's name, ", folder, ", found ", out.run.step);
  }
  if (updates > out.run.step || skipped != out.run.step - updates) {
    fail_input(path.string(), ": keys \"updates\" and \"skipped\": expected the sum ", out.run.step, ", found ",
               updates, " and ", skipped);
  }
  if (in_a_row > skipped) {
    fail_input(path.string(), ": key \"skipped_in_a_row\": expected at most ", skipped, ", found ", in_a_row);
  }
}

// After which step held-out rows were best, and their loss; absent where they were not measured.
void read_best(const Json& json, const fs::path& path, RunState& out) {
  const auto best = json.find("best");
  if (best == json.end()) return;
  out.best_step = json_get<int64_t>(*best, "step", path.string());
  if (out.best_step < 1 || out.best_step > out.step) {
    fail_input(path.string(), ": best.step: expected 1 to ", out.step, ", found ", out.best_step);
  }
  out.best_loss = json_get<double>(*best, "loss", path.string());
}

void read_sums(const Json& json, const fs::path& path, SavedState& out) {
  const Json files = part_of(json, "files", path);
  for (const auto& [name, said] : files.items()) {
    const std::string where = cat(path.string(), ": file ", name);
    const auto sum = json_get<int64_t>(said, "crc32c", where);
    if (sum < 0 || sum > std::numeric_limits<uint32_t>::max()) {
      fail_input(where, ": key \"crc32c\": expected a number of 32 bits, found ", sum);
    }
    out.files.emplace_back(name, FileSum{json_get<int64_t>(said, "bytes", where), static_cast<uint32_t>(sum)});
  }
}

// What a program has that does not know the setting.
bool is_off(const Json& value) {
  if (value.is_string()) return value.get_ref<const std::string&>().empty();
  if (value.is_boolean()) return !value.get<bool>();
  return value.is_number() ? value.get<double>() == 0 : value.empty();
}

// The first key whose values differ; "" where none does. A key on one side only differs unless `may_lack` its value.
std::string difference(const Json& saved, const Json& now, const std::function<bool(const Json&)>& may_lack) {
  for (const Json* side : {&now, &saved}) {
    const Json& other = side == &now ? saved : now;
    for (const auto& [key, value] : side->items()) {
      if (other.contains(key) ? other[key] != value : !may_lack(value)) return key;
    }
  }
  return "";
}

std::string shown(const Json& values, const std::string& key) {
  if (!values.contains(key)) return "none";
  const std::string text = values[key].dump(-1, ' ', false, Json::error_handler_t::replace);
  return text.size() <= 120 ? text : text.substr(0, 117) + "...";
}

}  // namespace

std::string checkpoint_name(int64_t step) {
  return cat("step-", padded(std::to_string(step), 10, '0'));
}

const FileSum* SavedState::sum_of(const std::string& file) const {
  for (const auto& [name, sum] : files) {
    if (name == file) return &sum;
  }
  return nullptr;
}

void write_run_state(const fs::path& path, const SavedState& state) {
  Json json = {{"format", kRunFormat},
               {"step", state.run.step},
               {"updates", state.counts.updates},
               {"skipped", state.counts.skipped},
               {"skipped_in_a_row", state.counts.skipped_in_a_row}};
  if (state.run.best_step > 0) json["best"] = {{"step", state.run.best_step}, {"loss", state.run.best_loss}};
  json["settings"] = state.run.settings;
  json["content"] = state.run.content;
  json["files"] = Json::object();
  for (const auto& [name, sum] : state.files) json["files"][name] = {{"bytes", sum.bytes}, {"crc32c", sum.crc32c}};
  write_sealed_json(path, json);
}

Json read_run_state(const fs::path& path) {
  SealedJson state = read_sealed_json(path);
  if (state.value.contains("format") && !state.sealed) fail_input(path.string(), ": its checksum is missing");
  return std::move(state.value);
}

SavedState parse_run_state(const Json& json, const fs::path& path) {
  SavedState out;
  out.has_sums = json.contains("format");
  read_counts(json, path, out);
  read_best(json, path, out.run);
  out.run.settings = part_of(json, "settings", path);
  if (!out.has_sums) return out;
  out.run.content = part_of(json, "content", path);
  read_sums(json, path, out);
  return out;
}

void check_same_settings(const Json& saved, const Json& now, const fs::path& where) {
  const std::string key = difference(saved, now, [](const Json& value) { return is_off(value); });
  if (key.empty()) return;
  fail_usage(where.string(), ": setting ", key, " differs: the saved run has ", shown(saved, key), ", this one ",
             shown(now, key), "; give the saved value, or start anew with --resume never");
}

void check_same_content(const Json& saved, const Json& now, const fs::path& where) {
  const std::string key = difference(saved, now, [](const Json&) { return false; });
  if (key.empty()) return;
  fail_usage(where.string(), ": ", key, " differs: the saved run read ", shown(saved, key), ", this one ",
             shown(now, key), "; bring back what it read, or start anew with --resume never");
}

}  // namespace zebra
