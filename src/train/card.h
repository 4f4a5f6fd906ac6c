#pragma once
// The README.md of a trained folder: what it is, the command that made it, what came out. `held_out` are figures by
// name.
#include <string>

#include "train/trainer.h"

namespace zebra {

std::string model_card(const std::string& title, const std::string& origin, const std::string& command,
                       const TrainReport& report, const Json& settings, const Json& held_out = Json::object());

}  // namespace zebra
