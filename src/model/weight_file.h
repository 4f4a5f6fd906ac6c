#pragma once
// One file of weights, whatever its format.
#include <ATen/ATen.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"

namespace zebra {

class WeightFile {
 public:
  struct Stored {
    std::vector<int64_t> shape;
    at::ScalarType dtype;
  };
  virtual ~WeightFile() = default;
  virtual std::vector<std::string> names() const = 0;
  virtual std::optional<Stored> find(const std::string& name) const = 0;
  virtual at::Tensor get(const std::string& name) const = 0;  // a copy of one that is there
};

std::unique_ptr<WeightFile> open_safetensors(const fs::path& path);
std::unique_ptr<WeightFile> open_torch_file(const fs::path& path);  // as torch.save writes it

}  // namespace zebra
