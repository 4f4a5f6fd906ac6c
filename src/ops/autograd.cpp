#include "ops/autograd.h"

#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

namespace zebra::ops {

namespace {

using torch::autograd::AutogradContext;

struct Holder : torch::CustomClassHolder {
  Holder(Backward function, std::vector<bool> present) : backward(std::move(function)), is_input(std::move(present)) {}
  Backward backward;
  std::vector<bool> is_input;  // which of the op's inputs are defined; only those are autograd's inputs
};

struct OpFunction : torch::autograd::Function<OpFunction> {
  static Tensors forward(AutogradContext* context, at::TensorList /*inputs*/, const Tensors& outputs,
                         const Tensors& saved, const c10::intrusive_ptr<Holder>& holder) {
    context->save_for_backward(saved);
    context->saved_data["holder"] = at::IValue::make_capsule(holder);
    context->set_materialize_grads(false);
    return outputs;
  }

  static Tensors backward(AutogradContext* context, const Tensors& outer) {
    at::NoGradGuard no_grad;  // there are no second derivatives
    const auto holder = context->saved_data["holder"].toCapsule();
    const auto& op = static_cast<const Holder&>(*holder);
    Tensors all = op.backward(context->get_saved_variables(), outer), result;
    for (size_t i = 0; i < op.is_input.size(); ++i) {
      if (op.is_input[i]) result.push_back(i < all.size() ? all[i] : at::Tensor());
    }
    result.resize(result.size() + 3);  // outputs, saved and holder have none
    return result;
  }
};

}  // namespace

Tensors differentiable(const Tensors& inputs, const std::function<Computed(bool keep)>& compute, Backward backward) {
  Tensors present;
  std::vector<bool> is_input;
  bool wanted = false;
  for (const auto& input : inputs) {
    is_input.push_back(input.defined());
    if (!input.defined()) continue;
    present.push_back(input);
    wanted = wanted || input.requires_grad();
  }
  if (!wanted || !c10::GradMode::is_enabled()) return compute(false).outputs;
  Computed computed;
  {
    at::NoGradGuard no_grad;
    computed = compute(true);
  }
  return OpFunction::apply(at::TensorList(present), computed.outputs, computed.saved,
                           c10::make_intrusive<Holder>(std::move(backward), std::move(is_input)));
}

}  // namespace zebra::ops
