#pragma once
// What a conversion tells: the table on stdout and the README.md of the student's folder.
#include <string>

#include "upcycle/conversion.h"

namespace zebra {

struct ConversionSummary {
  std::string teacher;             // folder
  std::string command;             // that repeats it
  std::string calibration;         // "" where nothing was measured
  std::vector<std::string> notes;  // what of the teacher's configuration the student does not have
  ConversionReport report;
};

std::string conversion_table(const ConversionSummary& summary);
std::string conversion_card(const ConversionSummary& summary);
Json conversion_json(const ConversionSummary& summary);

}  // namespace zebra
