#pragma once
// A TensorBoard event file: one record a step with all of its scalars. A record is whole or, being the last one of a
// run that was cut off, left out by every reader.
#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file.h"

namespace zebra {

class EventFile {
 public:
  using Scalars = std::vector<std::pair<std::string, double>>;  // by tag

  // Goes on behind what `path` holds of steps up to `steps_done`, and warns where that is not all of them. The rest is
  // cut off in place, so that a TensorBoard that reads the file meanwhile finds the repeated steps where it left them.
  EventFile(const fs::path& path, int64_t steps_done);
  void add(int64_t step, const Scalars& scalars);

 private:
  void write(const std::string& event);

  fs::path path_;
  std::ofstream file_;
};

struct ReadableEvents {
  size_t bytes = 0;
  int64_t step = 0;  // the last one's; 0 = none
};
// The longest readable beginning of an event file as we write it whose steps are at most `last_step`.
ReadableEvents readable_events(std::string_view content, int64_t last_step);

}  // namespace zebra
