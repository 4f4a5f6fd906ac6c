#pragma once
// The rows of `zebra bench init`: conversions that differ in one idea from the row before them, or from the default.
#include <string>
#include <vector>

#include "upcycle/plan.h"

namespace zebra {

struct InitRow {
  std::string name;  // "reference", "+ whiten", "refined - whiten" ...
  ConvertSettings settings;
};

// What the student is made of: `base` says its layers and widths.
enum class StudentKind { mla, mamba2, hybrid };

// The reference first, then from plain to refined, one idea added in each row (alternatives to it stand before it).
// A hybrid adds to its MLA layers first, beside copied Mamba2 layers.
std::vector<InitRow> added_rows(StudentKind kind, const ConvertSettings& base);

// The reference, with its refit, the default, and the default with each idea left out (and those that need it) or
// replaced by its alternative.
std::vector<InitRow> left_out_rows(StudentKind kind, const ConvertSettings& widths);

}  // namespace zebra
