#pragma once
// `zebra convert` as a function: settings in, a folder out.
#include "upcycle/card.h"
#include "upcycle/conversion.h"

namespace zebra {

struct ConvertTask {
  fs::path teacher, out;
  ConvertSettings settings;
  at::Device device = at::kCPU;
  bool overwrite = false;
  std::string command;  // for the card
  // What several conversions of one teacher can share; made as the settings say where null.
  const Calibration* calibration = nullptr;
  StatisticsOf statistics;
};

ConversionSummary convert(ConvertTask task);

// As the settings of a conversion say.
Calibration make_calibration(const fs::path& teacher, const ModelConfig& config, const ConvertSettings& settings);

}  // namespace zebra
