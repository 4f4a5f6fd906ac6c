#pragma once
// The checksum of TFRecord files, and of ours: CRC-32C (Castagnoli), by the processor's own instruction where it has
// one.
#include <cstdint>
#include <string_view>

namespace zebra {

// With `before`, the checksum of what came before these bytes, that of both together.
uint32_t crc32c(std::string_view bytes, uint32_t before = 0);
// As the files store it, so that the checksum of data that holds checksums keeps its strength.
uint32_t masked_crc32c(std::string_view bytes);

}  // namespace zebra
