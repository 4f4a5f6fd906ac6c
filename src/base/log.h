#pragma once
// Logs go to stderr, results to stdout.
#include <chrono>
#include <string>

namespace zebra {

void log_line(const std::string& line);
void log_warning(const std::string& line);  // "warning: ..."

// A bar on a terminal (redrawn at most ten times a second), a line every `interval` seconds otherwise.
class Progress {
 public:
  Progress(std::string label, double total, double interval = 10);
  ~Progress();
  // `detail` is the caller's own text: losses, tokens/s.
  void update(double done, const std::string& detail);
  void finish();

 private:
  using Clock = std::chrono::steady_clock;
  std::string label_, detail_;
  double total_, done_ = 0, interval_;
  Clock::time_point start_, shown_;
  bool terminal_, finished_ = false;
  void draw(bool last);
};

}  // namespace zebra
