#include "layers/mixer.h"

namespace zebra {

at::Tensor Mixer::by_document(const at::Tensor& u, const at::Tensor& starts) const {
  TORCH_CHECK(starts.is_cpu() && starts.scalar_type() == at::kBool && starts.dim() == 2 &&
                  starts.size(0) == u.size(0) && starts.size(1) == u.size(1),
              "Rows::starts must be bool [", u.size(0), ", ", u.size(1), "] on the CPU, found ", starts.sizes());
  const at::Tensor flat = starts.contiguous();
  const bool* begins = flat.const_data_ptr<bool>();
  // Neighbours of one length go together.
  std::vector<int64_t> tokens, lengths;  // of each group, and of a document of it
  const auto end_document = [&](int64_t length) {
    if (!lengths.empty() && lengths.back() == length)
      tokens.back() += length;
    else
      tokens.push_back(length), lengths.push_back(length);
  };
  int64_t first = 0;
  for (int64_t i = 1; i <= flat.numel(); ++i) {
    if (i < flat.numel() && i % u.size(1) != 0 && !begins[i]) continue;
    end_document(i - first);
    first = i;
  }
  std::vector<at::Tensor> outputs;
  const auto groups = at::split_with_sizes(u.reshape({-1, u.size(2)}), tokens);
  for (size_t i = 0; i < groups.size(); ++i) {
    outputs.push_back(inner(groups[i].view({-1, lengths[i], u.size(2)})).flatten(0, 1));
  }
  return at::cat(outputs).view({u.size(0), u.size(1), -1});
}

at::Tensor Mixer::forward(const at::Tensor& u, const Rows& rows) const {
  return output_projection()(rows.starts.defined() ? by_document(u, rows.starts) : inner(u));
}

}  // namespace zebra
