#pragma once
// What of the teacher's configuration the student does not have, a sentence each: what convert warns of and the card
// says.
#include <string>
#include <vector>

#include "model/config.h"

namespace zebra {

std::vector<std::string> teacher_notes(const ModelConfig& teacher, const ModelConfig& student);

}  // namespace zebra
