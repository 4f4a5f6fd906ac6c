#pragma once
// The tensors of a file by name, in little more memory than their names: a hostile header may list millions.
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/tensor_view.h"

namespace zebra {

class TensorTable {
 public:
  // Before add(): for a header of so many bytes, of which memory only what is used is taken.
  void reserve(size_t header_bytes);
  // `begin`: where its data lies among the file's data. At most 64 dimensions.
  void add(std::string_view name, Dtype dtype, const std::vector<int64_t>& shape, size_t begin);
  void sort_by_place();
  void sort_by_name(const unsigned char* data);   // the file's data; what follows needs it
  std::optional<std::string_view> twice() const;  // a name that is there twice, if there is one

  size_t size() const { return slots_.size(); }
  std::string_view name(size_t i) const;
  std::pair<size_t, size_t> place(size_t i) const;  // begin and bytes
  TensorView view(size_t i) const;
  std::optional<TensorView> find(std::string_view name) const;
  bool contains(std::string_view name) const { return find(name).has_value(); }
  TensorView at(std::string_view name) const;  // Error(runtime) if there is none

 private:
  struct Slot {
    uint64_t begin;
    uint32_t text, name_size;  // in text_: the name, then the dimensions, 7 bits a byte
    uint8_t rank;
    Dtype dtype;
  };
  std::string_view name_of(const Slot& slot) const { return std::string_view(text_).substr(slot.text, slot.name_size); }
  std::vector<int64_t> shape_of(const Slot& slot) const;

  std::string text_;
  std::vector<Slot> slots_;
  const unsigned char* data_ = nullptr;
};

}  // namespace zebra
