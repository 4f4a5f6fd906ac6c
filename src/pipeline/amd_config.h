#pragma once
// AMD's training configs (AMD-Hybrid-Models, configs/*.yaml) as recipes. One of their files is one stage of training;
// the stages around it (conversion or selection before, measurement after) are added.
#include <string>
#include <string_view>
#include <vector>

#include "io/json.h"

namespace zebra {

struct AmdConfig {
  Json recipe;                       // docs/formats.md
  std::vector<std::string> ignored;  // keys of the file that the recipe does not express
};

AmdConfig read_amd_config(std::string_view yaml, const std::string& where);

}  // namespace zebra
