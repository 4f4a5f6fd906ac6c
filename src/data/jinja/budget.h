#pragma once
// What a rendering may still use up: a template is code of strangers.
#include <cstdint>
#include <string>

namespace zebra::jinja {

// What went wrong while rendering; the renderer adds where.
struct Fault {
  std::string what;
};

class Budget {
 public:
  // Evaluations within evaluations. One takes up to 1.5 KB of the stack, 3 KB in a sanitized build, where 8 MB are
  // there.
  static constexpr int kDeepest = 1500;

  Budget(int64_t steps, int64_t bytes) : steps_(steps), bytes_(bytes), all_steps_(steps), all_bytes_(bytes) {}

  // Counts a recursion while it lives.
  class Depth {
   public:
    explicit Depth(Budget& budget) : budget_(budget) {
      if (++budget.depth_ > kDeepest) {
        --budget.depth_;
        throw Fault{"expressions and statements evaluated more than " + std::to_string(kDeepest) + " deep"};
      }
    }
    ~Depth() { --budget_.depth_; }
    Depth(const Depth&) = delete;
    Depth& operator=(const Depth&) = delete;

   private:
    Budget& budget_;
  };

  void step() {
    if (--steps_ < 0) throw Fault{"more than " + std::to_string(all_steps_) + " steps: the template may never end"};
  }
  // Called before something of that size is made.
  void make(int64_t bytes) {
    bytes_ -= bytes;
    if (bytes_ < 0) throw Fault{"more than " + std::to_string(all_bytes_) + " bytes of texts and lists"};
  }
  // Called before something of that size is looked through: a sixteenth of making it.
  void read(int64_t bytes) { make(bytes / 16); }
  // Called before a part is looked for at every place of a text.
  void search(const std::string& text, const std::string& part) {
    read(static_cast<int64_t>(text.size()) * static_cast<int64_t>(1 + part.size() / 16));
  }

 private:
  int64_t steps_, bytes_, all_steps_, all_bytes_;
  int depth_ = 0;
};

}  // namespace zebra::jinja
