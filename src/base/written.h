#pragma once
// How a folder shows that zebra wrote it: a list of its files in ".zebra-files", or, from before there were such lists,
// names and contents that only zebra's folders have.
#include <string>

#include "base/file.h"

namespace zebra {

// Makes the list of all that is in `folder` now.
void list_files(const fs::path& folder);

// What in `folder` was not written by zebra, or was changed since, as a sentence's end: "notes.txt in it was not
// written by zebra". Empty if there is no such thing.
std::string foreign_part(const fs::path& folder);

}  // namespace zebra
