#pragma once
// The checksum of TFRecord files: CRC-32C (Castagnoli).
#include <cstdint>
#include <string_view>

namespace zebra {

uint32_t crc32c(std::string_view bytes);
// As the files store it, so that the checksum of data that holds checksums keeps its strength.
uint32_t masked_crc32c(std::string_view bytes);

}  // namespace zebra
