#pragma once
// Many short texts in one piece of memory: their bytes and 8 more each.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace zebra {

class NameList {
 public:
  // For the names of so many bytes of JSON, each at least `least` of them: memory that is not used is not taken.
  void reserve(size_t json_bytes, size_t least) {
    text_.reserve(json_bytes);
    places_.reserve(json_bytes / least + 1);
  }
  void add(std::string_view name) {
    places_.push_back({static_cast<uint32_t>(text_.size()), static_cast<uint32_t>(name.size())});
    text_ += name;
  }
  size_t size() const { return places_.size(); }
  std::string_view operator[](size_t i) const { return at(places_[i]); }

  // Sorts them; a name that is there twice, if there is one.
  std::optional<std::string_view> twice() {
    std::sort(places_.begin(), places_.end(), [this](Place a, Place b) { return at(a) < at(b); });
    const auto found =
        std::adjacent_find(places_.begin(), places_.end(), [this](Place a, Place b) { return at(a) == at(b); });
    return found == places_.end() ? std::nullopt : std::optional(at(*found));
  }

 private:
  struct Place {
    uint32_t begin, size;
  };
  std::string_view at(Place place) const { return std::string_view(text_).substr(place.begin, place.size); }

  std::string text_;
  std::vector<Place> places_;
};

}  // namespace zebra
