#include "layers/mixer_readers.h"

namespace zebra {

const std::vector<MixerReader>& mixer_readers() {
  static const std::vector<MixerReader> none;  // attention, MLA and Mamba2 have keys of AMD's
  return none;
}

}  // namespace zebra
