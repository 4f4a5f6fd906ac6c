// Tensors of a checkpoint folder by name.
#include "base/error.h"
#include "io/foreign_folder.h"
#include "io/safetensors.h"
#include "model/checkpoint.h"
#include "model/tensor_io.h"
#include "model/weight_index.h"
#include "model/weight_sources.h"

namespace zebra {

namespace {

constexpr const char* kSafetensors = "model.safetensors";
constexpr const char* kPickle = "pytorch_model.bin";

class SafetensorsSource : public WeightSource {
 public:
  SafetensorsSource(const fs::path& folder, const std::map<std::string, std::string>& index) {
    where_ = (folder / (std::string(kSafetensors) + (index.empty() ? "" : ".index.json"))).string();
    if (index.empty()) {
      add(folder / kSafetensors);
      return;
    }
    for (const auto& [tensor, name] : index) {
      if (!files_.count(name)) add(folder / name);
    }
    for (const auto& [tensor, name] : index) {
      const auto& held = files_.at(name)->tensors();
      const auto found = held.find(tensor);
      if (found == held.end()) {
        fail_input((folder / name).string(), ": expected tensor \"", tensor,
                   "\" as the index says, found no such tensor");
      }
      views_[tensor] = &found->second;
    }
  }

  std::vector<std::string> names() const override {
    std::vector<std::string> out;
    for (const auto& [name, view] : views_) out.push_back(name);
    return out;
  }
  bool has(const std::string& name) const override { return views_.count(name) > 0; }
  std::vector<int64_t> shape(const std::string& name) const override { return view(name).shape; }
  at::ScalarType dtype(const std::string& name) const override { return scalar_type(view(name).dtype); }
  at::Tensor get(const std::string& name) const override { return copy_of(view(name)); }

 private:
  void add(const fs::path& path) {
    const auto& file = files_[path.filename().string()] = std::make_unique<SafetensorsFile>(path);
    for (const auto& [name, view] : file->tensors()) views_.emplace(name, &view);
  }
  const TensorView& view(const std::string& name) const {
    const auto found = views_.find(name);
    if (found == views_.end()) fail_input(where_, ": expected tensor \"", name, "\", found no such tensor");
    return *found->second;
  }

  std::map<std::string, std::unique_ptr<SafetensorsFile>> files_;
  std::map<std::string, const TensorView*> views_;
};

}  // namespace

std::unique_ptr<WeightSource> open_safetensors(const fs::path& folder,
                                               const std::map<std::string, std::string>& index) {
  return std::make_unique<SafetensorsSource>(folder, index);
}

std::unique_ptr<WeightSource> WeightSource::open(const fs::path& folder) {
  const auto index_of = [&](const char* name) { return folder / (std::string(name) + ".index.json"); };
  if (fs::exists(folder / kSafetensors)) return open_safetensors(folder, {});
  if (fs::exists(index_of(kSafetensors))) return open_safetensors(folder, read_weight_index(index_of(kSafetensors)));
  if (fs::exists(folder / kPickle)) return open_pickle(folder, {});
  if (fs::exists(index_of(kPickle))) return open_pickle(folder, read_weight_index(index_of(kPickle)));
  fail_no_weights(folder);
}

}  // namespace zebra
