#pragma once
// Arguments of filters and functions.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "data/jinja/value.h"

namespace zebra::jinja {

// Arguments by place or name, in the order of `order`.
class Call {
 public:
  Call(const List& places, const Named& names, std::vector<std::string> order, Budget& budget)
      : given_(order.size()), budget_(budget) {
    if (places.size() > order.size()) throw Fault{"expected at most " + std::to_string(order.size()) + " arguments"};
    for (size_t i = 0; i < places.size(); ++i) given_[i] = &places[i];
    for (const auto& [name, value] : names) {
      const auto found = std::find(order.begin(), order.end(), name);
      if (found == order.end()) throw Fault{"unexpected argument \"" + name + "\""};
      given_[static_cast<size_t>(found - order.begin())] = &value;
    }
  }
  bool has(size_t i) const { return given_[i] != nullptr; }
  Value get(size_t i, Value otherwise) const { return has(i) ? *given_[i] : std::move(otherwise); }
  std::string text(size_t i, const char* otherwise) const { return has(i) ? to_text(*given_[i], budget_) : otherwise; }
  int64_t integer(size_t i, int64_t otherwise) const {
    if (!has(i)) return otherwise;
    if (!given_[i]->is_integer()) throw Fault{"expected an integer argument, found " + given_[i]->type()};
    return given_[i]->integer();
  }
  bool truth(size_t i, bool otherwise) const { return has(i) ? given_[i]->truth() : otherwise; }

 private:
  std::vector<const Value*> given_;
  Budget& budget_;
};

}  // namespace zebra::jinja
