#pragma once
// Choices of the generated world: a random stream with the words for it, and the rule that keeps its splits apart.
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "data/world/world.h"

namespace zebra::world {

class Dice {
 public:
  Dice(uint64_t seed, uint64_t stream) : rng_(seed, stream) {}

  template <class List>
  std::string any(const List& list) {
    return std::string(list[below(std::size(list))]);
  }
  std::string any(std::initializer_list<std::string> list) { return *(list.begin() + below(list.size())); }
  size_t below(size_t n) { return static_cast<size_t>(rng_.below(n)); }
  bool chance(double p) { return rng_.uniform() < p; }
  int range(int low, int high) { return low + static_cast<int>(below(static_cast<size_t>(high - low + 1))); }

  template <class T>
  void shuffle(std::vector<T>& list) {
    for (size_t i = list.size(); i > 1; --i) std::swap(list[i - 1], list[below(i)]);
  }

 private:
  Rng rng_;
};

// A question with its possible answers; the first is the right one.
struct Question {
  std::string subject, text;
  std::vector<std::string> choices;
};

constexpr const char* kLetters[] = {"A", "B", "C", "D"};  // of choices

// Where a text belongs that could be made in any split: one in ten is for validation, one in ten for testing.
WorldSplit split_of(std::string_view text);

std::string capital(std::string text);              // "the cat" -> "The cat"
std::string with_article(const std::string& noun);  // "apple" -> "an apple"
std::string any_thing(Dice& dice);                  // "red ball"
std::string invented_name(Dice& dice);              // "Mirgor"

// `right` first, then up to `wrong` different entries of `list`.
std::vector<std::string> choices_from(Dice& dice, const std::string& right, const std::vector<std::string>& list,
                                      size_t wrong = 3);

}  // namespace zebra::world
