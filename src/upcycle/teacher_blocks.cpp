#include "upcycle/teacher_blocks.h"

namespace zebra {

TeacherBlocks::TeacherBlocks(const WeightSource& source, const ModelConfig& teacher, at::Device device)
    : source_(source),
      options_(at::TensorOptions().dtype(at::kFloat).device(device)),
      shapes_(teacher, at::TensorOptions().dtype(at::kFloat).device(at::kMeta)) {}

Block& TeacherBlocks::load(int64_t layer) {
  auto& block = (*this)[layer];
  block.parameters(layer_prefix(layer), loading_visitor(source_, options_));
  return block;
}

void TeacherBlocks::drop(int64_t layer) {
  (*this)[layer].parameters(layer_prefix(layer), [](const std::string&, at::Tensor& value) {
    value = at::empty(value.sizes(), value.options().device(at::kMeta));
  });
}

}  // namespace zebra
