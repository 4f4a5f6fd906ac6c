#pragma once
// pytorch_model.bin as torch.save has written it since PyTorch 1.6: a zip archive of data.pkl, which tells the tensors,
// and of one record a storage. What the pickle says is held against the records; older formats are refused.
#include <map>
#include <string>

#include "io/tensor_view.h"
#include "io/zip_file.h"

namespace zebra {

// A tensor within the bytes of its storage, which several may share.
struct StridedView {
  Dtype dtype = Dtype::f32;
  std::vector<int64_t> shape, strides;  // of elements
  const unsigned char* data = nullptr;  // of the first element; little-endian, not necessarily aligned
  size_t span = 0;                      // elements from the first to the last in memory, both counted
};

class TorchFile {
 public:
  explicit TorchFile(const fs::path& path);
  const std::map<std::string, StridedView>& tensors() const { return tensors_; }  // live as long as this object

 private:
  ZipFile archive_;
  std::map<std::string, StridedView> tensors_;
};

}  // namespace zebra
