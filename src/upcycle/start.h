#pragma once
// How a mixer of one kind starts from the attention that it replaces. Each kind answers in a file of its own
// (upcycle/mla_start.cpp, mamba2_start.cpp) and has a line in upcycle/starts.cpp.
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "upcycle/inherited.h"
#include "upcycle/layer_start.h"

namespace zebra {

class Start {
 public:
  virtual ~Start() = default;
  virtual const char* kind() const = 0;  // MixerFacts::kind()
  virtual const char* name() const = 0;  // as sentences have it: "MLA"

  // What stands for `parent` in that layer of a student of that format. Error(usage) names the flag that does not fit.
  virtual MixerConfig shape(const StudentOptions& options, const AttentionConfig& parent, Format format,
                            int64_t layer) const = 0;
  // Error(usage) where options name layers that do not become this kind; `made` are those that do.
  virtual void check_options(const StudentOptions&, const std::set<int64_t>& /*made*/,
                             const ModelConfig& /*teacher*/) const {}
  // The mixer, and in `config` what was chosen on the way.
  virtual std::unique_ptr<Mixer> make(const LayerStart& start, MixerConfig& config) const = 0;
  virtual bool refits(const RefitPlan& plan) const { return plan.mla || plan.mamba2; }
  // Whether it is AMD's arithmetic, which measures nothing.
  virtual bool is_reference(const StudentOptions&) const { return true; }
  // Whether X-EcoMLA's folders, which hold less than Zebra-Llama's, have a place for it.
  virtual bool fits_x_ecomla(const StudentOptions&) const { return false; }

  // Error(usage) where a folder could not hold what a layer would be beside what one of this kind is already.
  virtual void check_beside(const Comparison&, const MixerConfig& /*inherited*/, const MixerConfig& /*made*/) const {}
  // What of the parent is not kept or done otherwise, as "become Mamba2, which ..": follows "layers 1, 3 ".
  virtual std::vector<std::string> losses(const AttentionConfig& /*parent*/, const ModelConfig& /*teacher*/,
                                          const MixerConfig& /*made*/) const {
    return {};
  }

  // The flags that only such layers heed, and what to do when there are none.
  struct GivenFlag {
    const char* name;
    bool given;
  };
  virtual std::vector<GivenFlag> own_flags(const ConvertSettings&) const { return {}; }
  virtual const char* when_none() const { return "no layer becomes such a mixer; name some with --layers"; }
};

// Error(usage): the teacher's output projection has a bias, for which there is no place in `what` ("an MLA").
[[noreturn]] void refuse_output_bias(int64_t layer, const char* what);
// Error(usage) where the teacher has norms or biases, which AMD's arithmetic does not know.
void refuse_unknown_to_reference(const AttentionConfig& parent, const char* flag);

// Of that kind; Error(usage) lists the kinds that there are.
const Start& start_of(std::string_view kind);
// All of them, in the order in which their flags are checked.
const std::vector<const Start*>& starts();

}  // namespace zebra
