#pragma once
// model.safetensors.index.json and pytorch_model.bin.index.json: which file of the folder holds which tensor.
#include <optional>
#include <string_view>
#include <vector>

#include "base/file.h"

namespace zebra {

// In little more memory than the names, of which a hostile index may list millions.
class WeightIndex {
 public:
  explicit WeightIndex(const fs::path& path);

  // Sorted by tensor.
  size_t size() const { return entries_.size(); }
  std::string_view tensor(size_t i) const { return text(entries_[i].tensor); }
  std::string_view file(size_t i) const { return text(entries_[i].file); }  // a plain name within the index's folder
  std::optional<std::string_view> file_of(std::string_view tensor) const;

 private:
  friend class WeightMapReader;
  struct Text {
    uint32_t begin, size;
  };
  struct Entry {
    Text tensor, file;
  };
  std::string_view text(Text place) const { return std::string_view(text_).substr(place.begin, place.size); }

  std::string text_;
  std::vector<Entry> entries_;
};

}  // namespace zebra
