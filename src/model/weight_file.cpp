#include "model/weight_file.h"

#include <cstring>

#include "io/safetensors.h"
#include "io/torch_file.h"
#include "model/tensor_io.h"

namespace zebra {

namespace {

class Safetensors : public WeightFile {
 public:
  explicit Safetensors(const fs::path& path) : file_(path) {}

  std::vector<std::string> names() const override {
    std::vector<std::string> out;
    out.reserve(file_.tensors().size());
    for (size_t i = 0; i < file_.tensors().size(); ++i) out.emplace_back(file_.tensors().name(i));
    return out;
  }
  std::optional<Stored> find(const std::string& name) const override {
    auto view = file_.tensors().find(name);
    if (!view) return std::nullopt;
    return Stored{std::move(view->shape), scalar_type(view->dtype)};
  }
  at::Tensor get(const std::string& name) const override { return copy_of(file_.tensors().at(name)); }

 private:
  SafetensorsFile file_;
};

class Torch : public WeightFile {
 public:
  explicit Torch(const fs::path& path) : file_(path) {}

  std::vector<std::string> names() const override {
    std::vector<std::string> out;
    for (const auto& [name, view] : file_.tensors()) out.push_back(name);
    return out;
  }
  std::optional<Stored> find(const std::string& name) const override {
    const auto found = file_.tensors().find(name);
    if (found == file_.tensors().end()) return std::nullopt;
    return Stored{found->second.shape, scalar_type(found->second.dtype)};
  }
  at::Tensor get(const std::string& name) const override {
    const StridedView& view = file_.tensors().at(name);
    // Copied first: what lies in the file need not be aligned.
    const at::Tensor held = at::empty({static_cast<int64_t>(view.span)}, scalar_type(view.dtype));
    if (view.span > 0) std::memcpy(held.mutable_data_ptr(), view.data, held.nbytes());
    return held.as_strided(view.shape, view.strides).clone(at::MemoryFormat::Contiguous);
  }

 private:
  TorchFile file_;
};

}  // namespace

std::unique_ptr<WeightFile> open_safetensors(const fs::path& path) {
  return std::make_unique<Safetensors>(path);
}

std::unique_ptr<WeightFile> open_torch_file(const fs::path& path) {
  return std::make_unique<Torch>(path);
}

}  // namespace zebra
