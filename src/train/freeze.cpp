#include "train/freeze.h"

#include <fnmatch.h>

#include "base/error.h"
#include "base/text.h"
#include "model/checkpoint.h"

namespace zebra {

std::set<std::string> frozen_parameters(const ModelConfig& model, const std::vector<std::string>& patterns) {
  std::vector<std::string> names;
  for (const auto& entry : parameter_plan(model)) names.push_back(entry.name);
  std::set<std::string> frozen;
  for (const auto& pattern : patterns) {
    bool found = false;
    for (const auto& name : names) {
      if (::fnmatch(pattern.c_str(), name.c_str(), 0) != 0) continue;
      found = true;
      frozen.insert(name);
    }
    if (!found) {
      fail_usage("freeze: expected patterns of parameter names such as ", names.front(), ", found \"", pattern,
                 "\", which matches none of ", names.size());
    }
  }
  if (frozen.size() == names.size()) {
    fail_usage("freeze: expected patterns that leave something to train, found \"", join(patterns, ","),
               "\", which matches all ", names.size(), " parameters");
  }
  return frozen;
}

}  // namespace zebra
