#include "base/log.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/printable.h"
#include "base/text.h"

namespace zebra {

void log_line(const std::string& line) {
  std::fprintf(stderr, "%s\n", line.c_str());
}
void log_warning(const std::string& line) {
  std::fprintf(stderr, "warning: %s\n", printable(line).c_str());
}

Progress::Progress(std::string label, double total, double interval)
    : label_(std::move(label)),
      total_(total),
      interval_(interval),
      start_(Clock::now()),
      shown_(start_),
      terminal_(isatty(2)) {}

Progress::~Progress() {
  finish();
}

void Progress::update(double done, const std::string& detail) {
  done_ = done;
  detail_ = detail;
  const double since = std::chrono::duration<double>(Clock::now() - shown_).count();
  if (since >= (terminal_ ? 0.1 : interval_)) draw(false);
}

void Progress::finish() {
  if (finished_) return;
  finished_ = true;
  if (done_ > 0) draw(true);
}

void Progress::draw(bool last) {
  shown_ = Clock::now();
  const double elapsed = std::chrono::duration<double>(shown_ - start_).count();
  const double part = total_ > 0 ? std::min(1.0, done_ / total_) : 0;
  const std::string time = last       ? duration_text(elapsed)
                           : part > 0 ? duration_text(elapsed / part - elapsed) + " left"
                                      : "";
  const std::string text = label_ + " " + fixed(100 * part, 0) + "%  " + detail_ + "  " + time;
  if (terminal_) {
    const int width = 20, filled = static_cast<int>(part * width);
    std::fprintf(stderr, "\r\033[K[%s%s] %s%s", std::string(filled, '#').c_str(),
                 std::string(width - filled, '.').c_str(), text.c_str(), last ? "\n" : "");
    std::fflush(stderr);
  } else {
    log_line(text);
  }
}

}  // namespace zebra
