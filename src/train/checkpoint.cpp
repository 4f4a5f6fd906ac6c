#include "train/checkpoint.h"

#include <algorithm>
#include <cstring>
#include <functional>

#include "base/error.h"
#include "base/log.h"
#include "base/new_file.h"
#include "base/text.h"
#include "io/crc32c.h"
#include "io/format.h"
#include "io/safetensors.h"
#include "io/sealed_json.h"
#include "train/run_checks.h"

namespace zebra {

namespace {

constexpr size_t kKept = 2;
constexpr const char* kState = "state.json";

// What an optimizer remembers, by the name of its file.
std::vector<std::pair<std::string, NamedTensors>> parts_of(const Optimizer& optimizer) {
  std::vector<std::pair<std::string, NamedTensors>> parts = {{"weights.safetensors", optimizer.weights()},
                                                             {"m.safetensors", optimizer.first_moments()},
                                                             {"v.safetensors", optimizer.second_moments()}};
  if (auto bases = optimizer.bases(); !bases.empty()) parts.emplace_back("bases.safetensors", std::move(bases));
  return parts;
}

// Returns what state.json says of the file.
Json write_tensors(const fs::path& path, const NamedTensors& tensors) {
  std::vector<SafetensorsWriter::Entry> plan;
  for (const auto& [name, value] : tensors) plan.push_back({name, Dtype::f32, value.sizes().vec()});
  SafetensorsWriter writer(path, std::move(plan));
  for (const auto& [name, value] : tensors) {
    const at::Tensor plain = value.detach().to(at::kCPU).contiguous();
    writer.append(name, plain.data_ptr(), plain.nbytes());
  }
  writer.finish();
  return {{"bytes", writer.bytes()}, {"crc32c", writer.checksum()}};
}

// `said`: what state.json says of the file, null in format 1.
void check_content(const fs::path& path, const SafetensorsFile& file, const Json& said) {
  if (said.is_null()) return;
  const auto bytes = json_get<int64_t>(said, "bytes", path.string());
  const auto expected = json_get<int64_t>(said, "crc32c", path.string());
  const auto size = static_cast<int64_t>(file.content().size());
  if (size != bytes) fail_input(path.string(), ": expected ", bytes, " bytes, found ", size);
  const uint32_t found = crc32c(file.content());
  if (found != expected) fail_input(path.string(), ": checksum: expected ", expected, ", found ", found);
}

void read_tensors(const fs::path& path, const NamedTensors& tensors, const Json& said) {
  const SafetensorsFile file(path);
  check_content(path, file, said);
  for (const auto& [name, value] : tensors) {
    const auto found = file.tensors().find(name);
    if (!found) {
      fail_input(path.string(), ": tensor ", name, " is missing: the run belongs to another model");
    }
    const TensorView& view = *found;
    if (view.dtype != Dtype::f32 || view.shape != value.sizes().vec()) {
      fail_input(path.string(), ": tensor ", name, ": expected F32 ", shape_text(value.sizes().vec()), ", found ",
                 dtype_name(view.dtype), " ", shape_text(view.shape));
    }
    at::Tensor plain = at::empty(view.shape, at::kFloat);
    std::memcpy(plain.data_ptr(), view.data, view.bytes);
    at::Tensor(value).copy_(plain);
  }
  if (file.tensors().size() != tensors.size()) {
    fail_input(path.string(), ": expected ", tensors.size(), " tensors, found ", file.tensors().size(),
               ": the run belongs to another model");
  }
}

std::string name_of(int64_t step) {
  return cat("step-", padded(std::to_string(step), 10, '0'));
}

// Complete checkpoints, oldest first; the step number is padded, so that names sort.
std::vector<fs::path> checkpoints(const fs::path& run) {
  std::vector<fs::path> out;
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator(run / "checkpoints", missing)) {
    const std::string name = entry.path().filename().string();
    if (name.rfind("step-", 0) == 0 && name.find('.') == std::string::npos && fs::is_directory(entry.path())) {
      out.push_back(entry.path());
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

// Numbers that no run of ours writes would have it read other rows, or take other steps.
struct Counters {
  int64_t step, updates, skipped, skipped_in_a_row;
};
Counters read_counters(const fs::path& path, const Json& json) {
  const auto get = [&](const char* key) {
    const auto value = json_get<int64_t>(json, key, path.string());
    if (value < 0) fail_input(path.string(), ": key \"", key, "\": expected 0 or more, found ", value);
    return value;
  };
  const Counters out{get("step"), get("updates"), get("skipped"), get("skipped_in_a_row")};
  const std::string folder = path.parent_path().filename().string();
  if (out.step < 1 || name_of(out.step) != folder) {
    fail_input(path.string(), ": key \"step\": expected that of the folder's name, ", folder, ", found ", out.step);
  }
  if (out.updates > out.step || out.skipped != out.step - out.updates) {
    fail_input(path.string(), ": keys \"updates\" and \"skipped\": expected the sum ", out.step, ", found ",
               out.updates, " and ", out.skipped);
  }
  if (out.skipped_in_a_row > out.skipped) {
    fail_input(path.string(), ": key \"skipped_in_a_row\": expected at most ", out.skipped, ", found ",
               out.skipped_in_a_row);
  }
  return out;
}

// state.json of one checkpoint, or what is damaged in it.
Json read_state(const fs::path& path) {
  const SealedJson state = read_sealed_json(path);
  for (const char* key : {"settings", "content", "files"}) {
    if (state.value.contains(key) && !state.value[key].is_object()) {
      fail_input(path.string(), ": key \"", key, "\": expected an object, found ", state.value[key].type_name());
    }
  }
  if (state.value.contains("format") && !state.sealed) fail_input(path.string(), ": its checksum is missing");
  return state.value;
}

// After which step held-out rows were best, and their loss; 0 and 0 where they were not measured.
std::pair<int64_t, double> read_best(const fs::path& path, const Json& state, int64_t steps) {
  if (!state.contains("best")) return {0, 0};
  const auto step = json_get<int64_t>(state["best"], "step", path.string());
  if (step < 1 || step > steps) fail_input(path.string(), ": best.step: expected 1 to ", steps, ", found ", step);
  return {step, json_get<double>(state["best"], "loss", path.string())};
}

// Fills `optimizer`; the steps done.
int64_t load(const fs::path& checkpoint, const Json& state, RunState& now, int64_t steps, Optimizer& optimizer) {
  const fs::path path = checkpoint / kState;
  const bool checked = state.contains("format");
  const Counters counters = read_counters(path, state);
  const auto part = [&](const char* key) { return state.contains(key) ? state[key] : Json::object(); };
  check_same_settings(part("settings"), now.settings, path);
  if (checked) check_same_content(part("content"), now.content, path);
  if (counters.step > steps) {
    fail_input(path.string(), ": key \"step\": expected at most the run's ", steps, ", found ", counters.step);
  }
  const auto [best_step, best_loss] = read_best(path, state, counters.step);
  const Json files = part("files");
  for (const auto& [name, tensors] : parts_of(optimizer)) {
    if (checked && !(files.contains(name) && files[name].is_object())) {
      fail_input(path.string(), ": key \"files\": expected ", name, ", found no such key");
    }
    read_tensors(checkpoint / name, tensors, checked ? files[name] : Json());
  }
  optimizer.restore(counters.updates, counters.skipped, counters.skipped_in_a_row);
  now.best_step = best_step, now.best_loss = best_loss;
  return counters.step;
}

}  // namespace

void save_run(const fs::path& run, const RunState& state, const Optimizer& optimizer) {
  fs::create_directories(run / "checkpoints");
  const std::string name = name_of(state.step);
  NewFolder folder(run / "checkpoints" / name);
  Json files = Json::object();
  for (const auto& [file, tensors] : parts_of(optimizer)) files[file] = write_tensors(folder.path() / file, tensors);
  Json json = {{"format", kRunFormat},
               {"step", state.step},
               {"updates", optimizer.updates()},
               {"skipped", optimizer.skipped()},
               {"skipped_in_a_row", optimizer.skipped_in_a_row()}};
  if (state.best_step > 0) json["best"] = {{"step", state.best_step}, {"loss", state.best_loss}};
  json["settings"] = state.settings;
  json["content"] = state.content;
  json["files"] = std::move(files);
  write_sealed_json(folder.path() / kState, std::move(json));
  folder.commit();
  // Later ones are damaged, or the run would have begun from them.
  size_t kept = 0;
  const auto all = checkpoints(run);
  for (auto each = all.rbegin(); each != all.rend(); ++each) {
    const bool best = each->filename() == name_of(state.best_step);
    if (each->filename() > name || (++kept > kKept && !best)) fs::remove_all(*each);
  }
}

std::optional<fs::path> latest_run(const fs::path& run) {
  const auto all = checkpoints(run);
  if (all.empty()) return std::nullopt;
  return all.back();
}

std::optional<int64_t> resume_run(const fs::path& run, RunState& now, int64_t steps, Optimizer& optimizer) {
  const auto all = checkpoints(run);
  if (all.empty()) return std::nullopt;
  std::vector<std::string> damage;
  const auto sound = [&](const std::function<void()>& read) {
    try {
      read();
      return true;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::input) throw;
      damage.push_back(error.what());
      return false;
    }
  };
  for (auto each = all.rbegin(); each != all.rend(); ++each) {
    Json state;
    int64_t step = 0;
    if (!sound([&] { state = read_state(*each / kState); })) continue;
    read_format(state, (*each / kState).string(), kRunFormat);  // one of a newer program is not damaged
    if (!sound([&] { step = load(*each, state, now, steps, optimizer); })) continue;
    if (!damage.empty()) {
      log_warning(cat(join(damage, "; "), ": damaged, so the run goes on from the checkpoint before"));
    }
    if (!state.contains("format")) {
      log_warning(cat(each->string(), ": it is of an earlier version, without checksums: that its files, the data and ",
                      "the teacher are still the same cannot be checked"));
    }
    log_line(cat("resuming after step ", step, " of ", steps, " (", each->string(), ")"));
    return step;
  }
  fail_input(damage.front(), ": of ", all.size(), " checkpoints none can be read; start anew with --resume never");
}

void load_run(const fs::path& run, const RunState& now, int64_t step, Optimizer& optimizer) {
  const fs::path checkpoint = run / "checkpoints" / name_of(step);
  RunState same = now;
  load(checkpoint, read_state(checkpoint / kState), same, step, optimizer);
}

void remove_checkpoints(const fs::path& run) {
  std::error_code missing;
  std::vector<fs::path> ours;
  for (const auto& entry : fs::directory_iterator(run / "checkpoints", missing)) {
    if (entry.path().filename().string().starts_with("step-")) ours.push_back(entry.path());  // else somebody else's
  }
  std::sort(ours.begin(), ours.end());
  for (const fs::path& each : ours) {
    // First under a name that no run goes on from, and the newest last: half removed it would be a damaged one.
    fs::path gone = each;
    std::error_code error;
    if (!each.has_extension()) {
      gone += ".removed";
      fs::remove_all(gone, error);  // what an earlier removal left
      if (!error) fs::rename(each, gone, error);
    }
    if (!error) fs::remove_all(gone, error);
    if (error) log_warning(each.string() + " cannot be removed: " + error.message());
  }
  fs::remove(run / "checkpoints", missing);
}

}  // namespace zebra
