#include "data/world/dice.h"

#include <algorithm>

#include "data/world/words.h"

namespace zebra::world {

WorldSplit split_of(std::string_view text) {
  uint64_t hash = 14695981039346656037ull;  // FNV-1a
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  const uint64_t bucket = (hash >> 32) % 10;
  return bucket == 0 ? WorldSplit::valid : bucket == 1 ? WorldSplit::test : WorldSplit::train;
}

std::string capital(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 'a' + 'A');
  return text;
}

std::string with_article(const std::string& noun) {
  return (std::string("aeiou").find(noun[0]) == std::string::npos ? "a " : "an ") + noun;
}

std::string any_thing(Dice& dice) {
  return dice.any(kColors) + " " + dice.any(kThings);
}

std::string invented_name(Dice& dice) {
  std::string name = dice.any(kSyllables);
  for (int more = dice.chance(0.4) ? 2 : 1; more > 0; --more) name += dice.any(kSyllables);
  return capital(name);
}

std::vector<std::string> choices_from(Dice& dice, const std::string& right, const std::vector<std::string>& list,
                                      size_t wrong) {
  std::vector<std::string> others;
  for (const auto& entry : list) {
    if (entry != right && std::find(others.begin(), others.end(), entry) == others.end()) others.push_back(entry);
  }
  dice.shuffle(others);
  others.resize(std::min(others.size(), wrong));
  others.insert(others.begin(), right);
  return others;
}

}  // namespace zebra::world
