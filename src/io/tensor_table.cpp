#include "io/tensor_table.h"

#include <algorithm>

#include "base/error.h"

namespace zebra {

namespace {

// {"a":{"dtype":"U8","shape":[],"data_offsets":[0,0]}, without braces around and with an empty name.
constexpr size_t kLeastEntry = 48;

}  // namespace

void TensorTable::reserve(size_t header_bytes) {
  text_.reserve(header_bytes);
  slots_.reserve(header_bytes / kLeastEntry + 1);
}

void TensorTable::add(std::string_view name, Dtype dtype, const std::vector<int64_t>& shape, size_t begin) {
  slots_.push_back({begin, static_cast<uint32_t>(text_.size()), static_cast<uint32_t>(name.size()),
                    static_cast<uint8_t>(shape.size()), dtype});
  text_ += name;
  for (const int64_t dim : shape) {
    auto left = static_cast<uint64_t>(dim);
    for (; left > 127; left >>= 7) text_ += static_cast<char>(left | 128);
    text_ += static_cast<char>(left);
  }
}

void TensorTable::sort_by_place() {
  const auto before = [this](const Slot& a, const Slot& b) {
    if (a.begin != b.begin) return a.begin < b.begin;
    return *tensor_bytes(a.dtype, shape_of(a)) < *tensor_bytes(b.dtype, shape_of(b));
  };
  std::sort(slots_.begin(), slots_.end(), before);
}

void TensorTable::sort_by_name(const unsigned char* data) {
  data_ = data;
  std::sort(slots_.begin(), slots_.end(), [this](const Slot& a, const Slot& b) { return name_of(a) < name_of(b); });
}

std::optional<std::string_view> TensorTable::twice() const {
  const auto found = std::adjacent_find(slots_.begin(), slots_.end(),
                                        [this](const Slot& a, const Slot& b) { return name_of(a) == name_of(b); });
  return found == slots_.end() ? std::nullopt : std::optional(name_of(*found));
}

std::string_view TensorTable::name(size_t i) const {
  return name_of(slots_[i]);
}

std::pair<size_t, size_t> TensorTable::place(size_t i) const {
  return {slots_[i].begin, *tensor_bytes(slots_[i].dtype, shape_of(slots_[i]))};
}

TensorView TensorTable::view(size_t i) const {
  const auto [begin, bytes] = place(i);
  return {slots_[i].dtype, shape_of(slots_[i]), data_ + begin, bytes};
}

std::optional<TensorView> TensorTable::find(std::string_view name) const {
  const auto found = std::lower_bound(slots_.begin(), slots_.end(), name,
                                      [this](const Slot& slot, std::string_view n) { return name_of(slot) < n; });
  if (found == slots_.end() || name_of(*found) != name) return std::nullopt;
  return view(static_cast<size_t>(found - slots_.begin()));
}

TensorView TensorTable::at(std::string_view name) const {
  auto found = find(name);
  if (!found) fail(ErrorKind::runtime, "tensor \"", name, "\": expected in the file, found no such tensor");
  return *std::move(found);
}

std::vector<int64_t> TensorTable::shape_of(const Slot& slot) const {
  std::vector<int64_t> shape(slot.rank);
  size_t at = slot.text + slot.name_size;
  for (int64_t& dim : shape) {
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
      const auto byte = static_cast<unsigned char>(text_[at++]);
      value |= uint64_t{byte & 127u} << shift;
      if (byte < 128) break;
    }
    dim = static_cast<int64_t>(value);
  }
  return shape;
}

}  // namespace zebra
