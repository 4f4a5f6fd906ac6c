#include "model/weights_checksum.h"

#include "io/crc32c.h"

namespace zebra {

int64_t weights_checksum(const WeightSource& source) {
  uint32_t sum = 0;
  for (const auto& name : source.names()) {
    const at::Tensor value = source.get(name).contiguous();
    sum = crc32c({static_cast<const char*>(value.const_data_ptr()), value.nbytes()}, crc32c(name, sum));
  }
  return sum;
}

}  // namespace zebra
