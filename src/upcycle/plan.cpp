#include "upcycle/plan.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "base/error.h"
#include "layers/rope.h"
#include "model/describe.h"
#include "upcycle/inherited.h"
#include "upcycle/rope_table.h"

namespace zebra {

namespace {

int64_t round_up(int64_t value, int64_t step) {
  return (value + step - 1) / step * step;
}

// The rope table that AMD's scripts give an MLA layer: YaRN with the factor of the parent's scaling.
RopeConfig reference_rope(const RopeConfig& parent, Format format) {
  RopeConfig rope;
  rope.layout = RopeConfig::Layout::interleaved;
  rope.theta = parent.theta;
  rope.max_position = parent.max_position;
  if (parent.type == RopeConfig::Type::standard || parent.factor == 1) return rope;
  rope.type = RopeConfig::Type::yarn;
  rope.yarn = RopeConfig::Yarn::deepseek;
  rope.factor = parent.factor;
  // X-EcoMLA does not pass the original length on, so that its table's default holds.
  rope.original_max_position = format == Format::x_ecomla         ? 4096
                               : parent.original_max_position > 0 ? parent.original_max_position
                                                                  : parent.max_position;
  return rope;
}

class Planner {
 public:
  Planner(const ModelConfig& teacher, const StudentOptions& options) : teacher_(teacher), options_(options) {}

  ModelConfig plan() {
    check_teacher();
    const std::set<int64_t> mla = named(options_.mla_layers, "--mla-layers");
    std::set<int64_t> mamba = named(options_.mamba2_layers, "--mamba2-layers");
    for (int64_t layer = 0; layer < teacher_.layers(); ++layer) {
      if (mla.count(layer) && mamba.count(layer)) {
        fail_usage("--mamba2-layers: layer ", layer, " is in --mla-layers too; name it once");
      }
      if (!mla.count(layer) && attention(layer) && options_.rest == Rest::mamba2) mamba.insert(layer);
    }
    if (mla.empty() && mamba.empty()) {
      fail_usage("--mla-layers none --rest attention: nothing would change; name layers or use --rest mamba2");
    }
    for (const auto& [layer, width] : options_.rope_dims) {
      if (layer >= 0 && layer < teacher_.layers()) check_unconverted(layer, "--rope-dims");
      if (!mla.count(layer)) {
        fail_usage("--rope-dims: layer ", layer, " (width ", width, ") is not one of --mla-layers");
      }
    }
    for (const auto& [layer, rank] : options_.kv_ranks) {
      if (layer >= 0 && layer < teacher_.layers()) check_unconverted(layer, "--kv-ranks");
      if (!mla.count(layer)) fail_usage("--kv-ranks: layer ", layer, " (rank ", rank, ") is not one of --mla-layers");
    }
    if (mla.empty() && !options_.rope_pairs.empty())
      fail_usage("--rope-pairs: no layer becomes MLA; name --mla-layers");
    ModelConfig student = teacher_;
    choose_format(student, !mamba.empty());
    for (int64_t layer = 0; layer < teacher_.layers(); ++layer) {
      if (!mla.count(layer) && !mamba.count(layer)) continue;
      const AttentionConfig& parent = *attention(layer);
      check_output_bias(parent, layer, mamba.count(layer) > 0);
      if (mla.count(layer) && options_.mla.reference) check_reference(parent, "--mla-init");
      if (mamba.count(layer)) check_mamba2(parent);
      auto& mixer = student.mixers[static_cast<size_t>(layer)];
      if (mla.count(layer)) mixer = mla_config(parent, student.format, rank_of(layer), rope_dim_of(layer));
      if (mamba.count(layer)) mixer = mamba2_config(parent);
    }
    check_beside_inherited(teacher_, student);
    return student;
  }

 private:
  // Null where the teacher, a hybrid, has converted the layer already: the student inherits that.
  const AttentionConfig* attention(int64_t layer) const {
    return teacher_.mixers[static_cast<size_t>(layer)].as<AttentionConfig>();
  }

  void check_teacher() const {
    if (teacher_.mixers.empty()) fail_input("the teacher has no layers: nothing to convert");
    if (inherited_layers(teacher_).size() < teacher_.mixers.size()) return;
    fail_usage("the teacher: expected a layer of attention to convert, found ", teacher_.layers(),
               " that are MLA or Mamba2 already; give an earlier folder of it");
  }

  void check_unconverted(int64_t layer, const std::string& flag) const {
    if (attention(layer)) return;
    fail_usage(flag, ": layer ", layer, ": expected attention, found ",
               teacher_.mixers[static_cast<size_t>(layer)]->kind(),
               ", which the teacher has there already and the student keeps; leave it out");
  }

  // The layers that a flag names; all = every attention layer that is left.
  std::set<int64_t> named(const std::string& text, const std::string& flag) const {
    std::set<int64_t> layers;
    for (const int64_t layer : parse_layers(text, teacher_.layers(), flag)) {
      if (text != "all") check_unconverted(layer, flag);
      if (attention(layer)) layers.insert(layer);
    }
    return layers;
  }

  // X-EcoMLA's folders hold reference MLA and attention; Zebra-Llama's everything.
  void choose_format(ModelConfig& student, bool mamba2) const {
    const bool eco = options_.mla.reference && !mamba2 && teacher_.format != Format::zebra_llama;
    student.format = eco ? Format::x_ecomla : Format::zebra_llama;
    if (teacher_.format == student.format) return;
    student.raw_hybrid = student.raw_mla = Json::object();  // keys of the other format
  }

  static void check_reference(const AttentionConfig& parent, const char* flag) {
    if (!parent.qkv_bias && !parent.qk_norm) return;
    fail_usage(flag, " reference: AMD's initialisation knows no ",
               parent.qk_norm ? "norms of q and k" : "biases of q, k and v",
               ", which this teacher has; use refined or ideas");
  }

  void check_mamba2(const AttentionConfig& parent) const {
    if (options_.mamba2.reference) return check_reference(parent, "--mamba2-init");
    if (parent.qkv_bias && !options_.mamba2.linear) {
      fail_usage(
          "--mamba2-init: this teacher has biases of q, k and v, which need the idea linear; add it to the list");
    }
  }

  static void check_output_bias(const AttentionConfig& parent, int64_t layer, bool mamba) {
    if (parent.out_bias && (mamba || !parent.qkv_bias)) {
      fail_usage("the teacher's layer ", layer, " has a bias on its output projection, for which ",
                 mamba ? "a Mamba2" : "an MLA", " layer has no place; keep it with --rest attention");
    }
  }

  MlaConfig mla_config(const AttentionConfig& parent, Format format, int64_t rank, int64_t rope_dim) const {
    const bool reference = options_.mla.reference;
    MlaConfig mla;
    mla.hidden = parent.hidden, mla.heads = parent.heads;
    mla.kv_heads = format == Format::x_ecomla || options_.full_kv_head ? parent.heads : parent.kv_heads;
    mla.kv_rank = rank, mla.rope_dim = rope_dim;
    mla.v_dim = options_.v_dim < 0 ? parent.head_dim : options_.v_dim;
    check_key(parent, rank, rope_dim);
    mla.nope_dim = options_.nope_dim >= 0  ? options_.nope_dim
                   : options_.mla.residual ? parent.head_dim
                                           : parent.head_dim - mla.rope_dim;
    mla.q_rank = options_.q_rank >= 0 ? options_.q_rank : reference ? round_up(parent.hidden * 1344 / 2048, 8) : 0;
    mla.lora_norm = options_.lora_norm;
    mla.qkv_bias = parent.qkv_bias;
    mla.sliding_window = parent.sliding_window;
    if (reference) {
      mla.rope = reference_rope(parent.rope, format);
    } else {
      mla.rope.layout = RopeConfig::Layout::half;
      mla.rope.theta = parent.rope.theta;
      mla.rope.max_position = parent.rope.max_position;
      if (parent.rope.type == RopeConfig::Type::dynamic) {
        // Grows with the text as the teacher's; the other kinds of scaling are in the frequencies themselves.
        mla.rope.type = parent.rope.type, mla.rope.factor = parent.rope.factor;
        std::vector<int64_t> first(static_cast<size_t>(rope_dim / 2));
        std::iota(first.begin(), first.end(), 0);
        mla.rope = with_frequencies(mla.rope, rope_frequencies(parent.rope, parent.head_dim), first);
      }
    }
    check(mla, parent);
    return mla;
  }

  int64_t rank_of(int64_t layer) const {
    const auto single = options_.kv_ranks.find(layer);
    return single == options_.kv_ranks.end() ? options_.kv_rank : single->second;
  }

  int64_t rope_dim_of(int64_t layer) const {
    const auto single = options_.rope_dims.find(layer);
    return single == options_.rope_dims.end() ? options_.rope_dim : single->second;
  }

  void check_key(const AttentionConfig& parent, int64_t rank, int64_t rope) const {
    if (rank < 1) fail_usage("--kv-rank: expected a rank from 1 to ", parent.hidden, ", found ", rank);
    if (rope < 2 || rope % 2 || rope > parent.head_dim) {
      fail_usage(rope == options_.rope_dim ? "--rope-dim" : "--rope-dims", ": expected even numbers from 2 to the ",
                 "head_dim ", parent.head_dim, ", found ", rope);
    }
    const auto& pairs = options_.rope_pairs;
    if (!pairs.empty() && pairs.back() >= parent.head_dim / 2) {
      fail_usage("--rope-pairs: the teacher has ", parent.head_dim / 2, " frequencies, from 0 on, found ",
                 pairs.back());
    }
  }

  void check(const MlaConfig& mla, const AttentionConfig& parent) const {
    const bool reference = options_.mla.reference;
    const int64_t rows = mla.kv_heads * (reference ? 2 * parent.head_dim : mla.nope_dim + mla.v_dim);
    const int64_t largest = std::min(parent.hidden + (parent.qkv_bias ? 1 : 0), rows);
    if (mla.kv_rank > largest) {
      fail_usage("--kv-rank ", mla.kv_rank, ": keys and values of a layer have rank ", largest,
                 " at most; choose a rank up to that");
    }
    const int64_t q_largest = std::min(parent.hidden, parent.heads * parent.head_dim);
    if (mla.q_rank > q_largest) {
      fail_usage("--q-rank ", mla.q_rank, ": the query projection has rank ", q_largest, " at most; use \"exact\"");
    }
    if (mla.v_dim != parent.head_dim) {
      fail_usage("--v-dim ", mla.v_dim, ": values keep the teacher's head_dim ", parent.head_dim,
                 ", since the output projection is inherited");
    }
    if (reference && (mla.nope_dim < 0 || mla.nope_dim > parent.head_dim)) {
      fail_usage("--nope-dim ", mla.nope_dim, ": expected 0 to the head_dim ", parent.head_dim);
    }
    if (reference && (mla.kv_rank % 8 || mla.q_rank % 8)) {
      fail_usage("--init reference: AMD's ranks are multiples of 8, found --kv-rank ", mla.kv_rank, " and q rank ",
                 mla.q_rank);
    }
    if (reference && mla.q_rank == 0) {
      fail_usage("--q-rank exact: AMD's initialisation factors the query; give a rank or use --init refined");
    }
    if (!reference &&
        (mla.nope_dim == 0 || (mla.nope_dim != parent.head_dim && mla.nope_dim != parent.head_dim - mla.rope_dim))) {
      fail_usage("--nope-dim ", mla.nope_dim, ": expected the head_dim ", parent.head_dim,
                 " (what the shared key leaves is kept) or, below it, ", parent.head_dim,
                 " - rope-dim = ", parent.head_dim - mla.rope_dim, " (only the frequencies that lose their rotation)");
    }
    if (!reference && (options_.full_kv_head || mla.lora_norm)) {
      fail_usage("--full-kv-head and --lora-norm belong to --init reference");
    }
  }

  Mamba2Config mamba2_config(const AttentionConfig& parent) const {
    Mamba2Config mamba;
    mamba.hidden = parent.hidden, mamba.heads = parent.heads, mamba.kv_heads = parent.kv_heads;
    mamba.head_dim = parent.head_dim;
    mamba.repeat_kv_before_conv = options_.repeat_kv_before_conv;
    if (!options_.mamba2.reference && parent.head_dim < 2) {
      fail_input("head_dim ", parent.head_dim, ": a Mamba2 layer needs at least 2");
    }
    return mamba;
  }

  const ModelConfig& teacher_;
  const StudentOptions& options_;
};

}  // namespace

RefitPlan refit_of(const RefitPlan& plan, const ModelConfig& student) {
  const auto alike = [&](const MixerConfig& mixer) { return mixer.same_kind(student.mixers.front()); };
  const bool one_kind = std::all_of(student.mixers.begin(), student.mixers.end(), alike);
  RefitPlan out = plan;
  if (plan.unless_one_kind && one_kind) out.mla = out.mamba2 = false;
  return out;
}

MlaIdeas mla_ideas_of(const StudentOptions& options, const ModelConfig& student) {
  const auto is_mamba2 = [](const MixerConfig& mixer) { return mixer.is<Mamba2Config>(); };
  MlaIdeas ideas = options.mla;
  if (options.mla_refined && std::any_of(student.mixers.begin(), student.mixers.end(), is_mamba2)) {
    ideas.spread = false, ideas.frequencies = true;
  }
  return ideas;
}

ModelConfig plan_student(const ModelConfig& teacher, const StudentOptions& options) {
  return Planner(teacher, options).plan();
}

}  // namespace zebra
