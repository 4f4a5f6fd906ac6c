#include "model/weight_index.h"

#include "model/config_reader.h"

namespace zebra {

std::map<std::string, std::string> read_weight_index(const fs::path& path) {
  const ConfigReader index(read_json(path), path.string());
  if (!index.has("weight_map")) index.fail("weight_map", "expected an object of file names, found nothing");
  const ConfigReader names = index.child("weight_map");
  std::map<std::string, std::string> map;
  for (const auto& [tensor, value] : names.object().items()) {
    const std::string file = names.text(tensor);
    if (file.empty() || file == "." || file == ".." ||
        file.find_first_of(std::string("/\\\0", 3)) != std::string::npos) {
      names.fail(tensor, "expected the name of a file in the same folder, found ", names.found(tensor));
    }
    map.emplace(tensor, file);
  }
  if (map.empty()) index.fail("weight_map", "expected at least one tensor, found none");
  return map;
}

}  // namespace zebra
