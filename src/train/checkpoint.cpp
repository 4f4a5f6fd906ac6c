#include "train/checkpoint.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/text.h"
#include "io/safetensors.h"

namespace zebra {

namespace {

constexpr size_t kKept = 2;

// What an optimizer remembers, by the name of its file.
std::vector<std::pair<std::string, NamedTensors>> parts_of(const Optimizer& optimizer) {
  std::vector<std::pair<std::string, NamedTensors>> parts = {
      {"weights", optimizer.weights()}, {"m", optimizer.first_moments()}, {"v", optimizer.second_moments()}};
  if (auto bases = optimizer.bases(); !bases.empty()) parts.emplace_back("bases", std::move(bases));
  return parts;
}

void write_tensors(const fs::path& path, const NamedTensors& tensors) {
  std::vector<SafetensorsWriter::Entry> plan;
  for (const auto& [name, value] : tensors) plan.push_back({name, Dtype::f32, value.sizes().vec()});
  SafetensorsWriter writer(path, std::move(plan));
  for (const auto& [name, value] : tensors) {
    const at::Tensor plain = value.detach().to(at::kCPU).contiguous();
    writer.append(name, plain.data_ptr(), plain.nbytes());
  }
  writer.finish();
}

void read_tensors(const fs::path& path, const NamedTensors& tensors) {
  const SafetensorsFile file(path);
  for (const auto& [name, value] : tensors) {
    const auto found = file.tensors().find(name);
    if (found == file.tensors().end()) {
      fail_input(path.string(), ": tensor ", name, " is missing: the run belongs to another model; remove its folder");
    }
    const TensorView& view = found->second;
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
               ": the run belongs to another model; remove its folder");
  }
}

// Complete checkpoints, oldest first; the step number is padded, so that names sort.
std::vector<fs::path> checkpoints(const fs::path& run) {
  std::vector<fs::path> out;
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator(run / "checkpoints", missing)) {
    const std::string name = entry.path().filename().string();
    if (name.rfind("step-", 0) == 0 && name.find('.') == std::string::npos && fs::exists(entry.path() / "state.json")) {
      out.push_back(entry.path());
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

void save_run(const fs::path& run, const RunState& state, const Optimizer& optimizer) {
  const std::string number = padded(std::to_string(state.step), 10, '0');
  fs::create_directories(run / "checkpoints");
  OutputFolder folder(run / "checkpoints" / ("step-" + number), true);
  for (const auto& [name, tensors] : parts_of(optimizer)) {
    write_tensors(folder.path() / cat(name, ".safetensors"), tensors);
  }
  Json json;
  json["step"] = state.step;
  json["updates"] = optimizer.updates();
  json["skipped"] = optimizer.skipped();
  json["skipped_in_a_row"] = optimizer.skipped_in_a_row();
  json["settings"] = state.settings;
  write_json(folder.path() / "state.json", json);
  folder.commit();
  const auto all = checkpoints(run);
  for (size_t i = 0; i + kKept < all.size(); ++i) fs::remove_all(all[i]);
}

std::optional<fs::path> latest_run(const fs::path& run) {
  const auto all = checkpoints(run);
  if (all.empty()) return std::nullopt;
  return all.back();
}

RunState load_run(const fs::path& checkpoint, const Json& settings, Optimizer& optimizer) {
  const fs::path path = checkpoint / "state.json";
  const Json json = read_json(path);
  RunState state;
  state.step = json_get<int64_t>(json, "step", path.string());
  state.settings = json.contains("settings") ? json["settings"] : Json::object();
  for (const auto& [key, value] : settings.items()) {
    if (!state.settings.contains(key) || state.settings[key] != value) {
      fail_usage(checkpoint.string(), ": setting ", key, " differs: the saved run has ",
                 state.settings.contains(key) ? state.settings[key].dump() : "none", ", this one ", value.dump(),
                 "; give the saved value, or start anew with --resume never");
    }
  }
  for (const auto& [name, tensors] : parts_of(optimizer)) {
    read_tensors(checkpoint / cat(name, ".safetensors"), tensors);
  }
  optimizer.restore(json_get<int64_t>(json, "updates", path.string()),
                    json_get<int64_t>(json, "skipped", path.string()),
                    json_get<int64_t>(json, "skipped_in_a_row", path.string()));
  return state;
}

void remove_checkpoints(const fs::path& run) {
  std::error_code missing;
  fs::remove_all(run / "checkpoints", missing);
}

}  // namespace zebra
