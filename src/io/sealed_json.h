#pragma once
// JSON of ours that only the program reads back: the last key, "crc32c", is the CRC-32C of all bytes before it, so that
// no changed bit goes unnoticed.
#include "io/json.h"

namespace zebra {

struct SealedJson {
  Json value;           // without the checksum
  bool sealed = false;  // whether there was one
};

void write_sealed_json(const fs::path& path, const Json& object);  // atomic; `object` is not empty
// Error(input) where the file is no JSON object or its checksum does not fit.
SealedJson read_sealed_json(const fs::path& path);

}  // namespace zebra
