// Zip-format pytorch_model.bin through torch's own restricted unpickler, which builds tensors and plain containers and
// refuses every other global. The only unit that sees torch's pickle headers.
#include <torch/csrc/jit/serialization/pickle.h>

#include <set>

#include "base/error.h"
#include "model/tensor_io.h"
#include "model/weight_sources.h"

namespace zebra {

namespace {

constexpr const char* kPickle = "pytorch_model.bin";

using Tensors = std::map<std::string, at::Tensor>;

std::string first_line(const char* text) {
  const std::string all = text;
  return all.substr(0, std::min<size_t>(all.find('\n'), 300));
}

std::vector<char> read_zip(const fs::path& path) {
  const std::string content = read_file(path, size_t{1} << 42);
  if (content.rfind("PK\x03\x04", 0) != 0) {
    fail_input(path.string(),
               ": expected a zip-format PyTorch file, found another format; files written before PyTorch ",
               "1.6 must be saved again with torch.save or as safetensors");
  }
  return {content.begin(), content.end()};
}

c10::IValue unpickle(const fs::path& path) {
  const std::vector<char> content = read_zip(path);
  try {
    return torch::jit::pickle_load(content);
  } catch (const c10::Error& error) {
    fail_input(path.string(), ": expected a PyTorch state dict, found one that cannot be read: ",
               first_line(error.what_without_backtrace()));
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    fail_input(path.string(),
               ": expected a PyTorch state dict, found one that cannot be read: ", first_line(error.what()));
  }
}

Tensors read_tensors(const fs::path& path) {
  const c10::IValue value = unpickle(path);
  if (!value.isGenericDict()) fail_input(path.string(), ": expected a dictionary of tensors, found ", value.tagKind());
  const size_t limit = fs::file_size(path);
  Tensors tensors;
  for (const auto& item : value.toGenericDict()) {
    if (!item.key().isString()) fail_input(path.string(), ": expected names as keys, found ", item.key().tagKind());
    const std::string& name = item.key().toStringRef();
    if (!item.value().isTensor()) {
      fail_input(path.string(), ": \"", name, "\": expected a tensor, found ", item.value().tagKind());
    }
    const at::Tensor& tensor = item.value().toTensor();
    if (!tensor.defined() || tensor.layout() != at::kStrided || !tensor.device().is_cpu()) {
      fail_input(path.string(), ": tensor \"", name, "\": expected a dense tensor on the CPU, found another kind");
    }
    // Strides can promise more elements than the file holds.
    if (tensor.nbytes() > limit) {
      fail_input(path.string(), ": tensor \"", name, "\": expected at most the file's ", limit, " bytes, found ",
                 tensor.nbytes());
    }
    stored_dtype(tensor.scalar_type());
    tensors.emplace(name, tensor);
  }
  return tensors;
}

class PickleSource : public WeightSource {
 public:
  PickleSource(const fs::path& folder, const std::map<std::string, std::string>& index)
      : folder_(folder), file_of_(index) {
    where_ = (folder / (std::string(kPickle) + (index.empty() ? "" : ".index.json"))).string();
    if (!index.empty()) return;
    load(kPickle);
    for (const auto& [name, tensor] : held_) file_of_[name] = kPickle;
  }

  std::vector<std::string> names() const override {
    std::vector<std::string> out;
    for (const auto& [name, file] : file_of_) out.push_back(name);
    return out;
  }
  bool has(const std::string& name) const override { return file_of_.count(name) > 0; }
  std::vector<int64_t> shape(const std::string& name) const override { return known(name).shape; }
  at::ScalarType dtype(const std::string& name) const override { return known(name).type; }
  at::Tensor get(const std::string& name) const override {
    const std::string file = file_of(name);
    if (file != held_file_) load(file);
    known(name);
    return held_.at(name).clone(at::MemoryFormat::Contiguous);
  }

 private:
  struct Known {
    std::vector<int64_t> shape;
    at::ScalarType type;
  };

  std::string file_of(const std::string& name) const {
    const auto found = file_of_.find(name);
    if (found == file_of_.end()) fail_input(where_, ": expected tensor \"", name, "\", found no such tensor");
    return found->second;
  }
  // Shapes are kept when a file's tensors are forgotten.
  const Known& known(const std::string& name) const {
    if (!known_.count(name)) load(file_of(name));
    const auto found = known_.find(name);
    if (found == known_.end()) {
      fail_input((folder_ / file_of(name)).string(), ": expected tensor \"", name,
                 "\" as the index says, found no such ", "tensor");
    }
    return found->second;
  }
  void load(const std::string& file) const {
    held_.clear();
    held_file_ = file;
    held_ = read_tensors(folder_ / file);
    for (const auto& [name, tensor] : held_) {
      known_.insert_or_assign(name, Known{tensor.sizes().vec(), tensor.scalar_type()});
    }
  }

  fs::path folder_;
  std::map<std::string, std::string> file_of_;
  mutable std::map<std::string, Known> known_;
  mutable std::string held_file_;
  mutable Tensors held_;
};

}  // namespace

std::unique_ptr<WeightSource> open_pickle(const fs::path& folder, const std::map<std::string, std::string>& index) {
  return std::make_unique<PickleSource>(folder, index);
}

}  // namespace zebra
