// FUZZ [--runs N] [--seconds N] [--seed N] [--keep FOLDER] [FILE..]: gives a target its seeds, then changed and mixed
// ones. With --keep, every input is written to FOLDER/fuzz-input before it is run, so that what crashed lies there, and
// slow ones to fuzz-slowest. With FILEs: those inputs only. tests/fuzz/long.py reads the last line.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>

#include "fuzz/fuzz.h"

namespace {

using Random = std::mt19937_64;

size_t below(Random& random, size_t bound) {
  return bound == 0 ? 0 : random() % bound;
}

// One small change.
void change(std::string& text, const std::vector<std::string>& seeds, const std::vector<std::string>& words,
            Random& random) {
  const size_t at = below(random, text.size() + 1), length = below(random, std::min<size_t>(text.size() - at, 24) + 1);
  switch (below(random, 8)) {
    case 0:
      text.erase(at, length);
      break;
    case 1:
      if (at < text.size()) text[at] = static_cast<char>(random());
      break;
    case 2:
    case 3:
      text.insert(at, words[below(random, words.size())]);
      break;
    case 4:
      text.replace(at, length, words[below(random, words.size())]);
      break;
    case 5: {  // a piece of it again, often many times
      const std::string piece = text.substr(at, length);
      for (size_t i = 1 + below(random, random() % 8 == 0 ? 2000 : 3); i > 0 && text.size() < 20000; --i)
        text.insert(at, piece);
      break;
    }
    case 6: {  // a piece of another
      const std::string& other = seeds[below(random, seeds.size())];
      const size_t from = below(random, other.size() + 1);
      text.insert(at, other.substr(from, below(random, 60)));
      break;
    }
    default: {  // two halves
      const std::string& other = seeds[below(random, seeds.size())];
      text = text.substr(0, at) + other.substr(below(random, other.size() + 1));
    }
  }
}

void run(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()), input.size());
}

}  // namespace

int main(int count, char** arguments) {
  double seconds = 1e9;
  uint64_t runs = 2000, seed = 1;
  std::string keep;
  std::vector<std::string> files;
  for (int i = 1; i < count; ++i) {
    const std::string flag = arguments[i];
    if (flag == "--keep" && i + 1 < count)
      keep = arguments[++i];
    else if (flag == "--seconds" && i + 1 < count)
      seconds = std::atof(arguments[++i]);
    else if (flag == "--runs" && i + 1 < count)
      runs = std::strtoull(arguments[++i], nullptr, 10);
    else if (flag == "--seed" && i + 1 < count)
      seed = std::strtoull(arguments[++i], nullptr, 10);
    else
      files.push_back(flag);
  }
  for (const std::string& file : files) {
    std::ifstream in(file, std::ios::binary);
    run({std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()});
  }
  if (!files.empty()) return 0;

  const std::vector<std::string> seeds = zebra::fuzz::seeds(), words = zebra::fuzz::words();
  for (const std::string& each : seeds) run(each);
  Random random(seed);
  const auto now = [] { return std::chrono::steady_clock::now(); };
  const auto begin = now();
  const auto passed = [&](auto since) { return std::chrono::duration<double>(now() - since).count(); };
  double slowest = 0;
  uint64_t done = 0;
  for (; done < runs && passed(begin) < seconds; ++done) {
    std::string text = seeds[below(random, seeds.size())];
    for (size_t i = 1 + below(random, 1 + below(random, 6)); i > 0; --i) change(text, seeds, words, random);
    if (!keep.empty()) std::ofstream(keep + "/fuzz-input", std::ios::binary) << text;
    const auto since = now();
    run(text);
    if (passed(since) > slowest) {
      slowest = passed(since);
      if (slowest > 1) std::cerr << "run " << done << " took " << slowest << " s\n";
      if (slowest > 1 && !keep.empty()) std::ofstream(keep + "/fuzz-slowest", std::ios::binary) << text;
    }
  }
  std::cout << done << " changed inputs of " << seeds.size() << " seeds, the slowest took " << slowest << " s\n";
}
