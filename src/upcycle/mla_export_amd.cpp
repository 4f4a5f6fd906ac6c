#include "upcycle/mla_export_amd.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "layers/parameters.h"
#include "layers/rope.h"
#include "model/adapters.h"
#include "model/checkpoint.h"
#include "upcycle/mla_rope_table.h"

namespace zebra {

namespace {

constexpr int64_t kRankStep = 8;  // AMD's classes want ranks that are multiples of it
constexpr const char* kReference = "--init reference";

template <class Kind>
bool has(const ModelConfig& config) {
  return std::any_of(config.mixers.begin(), config.mixers.end(),
                     [](const MixerConfig& mixer) { return mixer.is<Kind>(); });
}

// Kinds that are ours alone have no spelling there.
void check_kinds(const ModelConfig& config, const std::string& where) {
  for (int64_t layer = 0; layer < config.layers(); ++layer) {
    const MixerConfig& mixer = config.mixers[static_cast<size_t>(layer)];
    if (mixer.is<AttentionConfig>() || mixer.is<MlaConfig>() || mixer.is<Mamba2Config>()) continue;
    fail_usage(where, ": layer ", layer, ": AMD's formats hold attention, MLA and Mamba2 layers, found ",
               mixer->kind());
  }
}

// An exact query q = W h + b is said as q_b (q_a h + a): q_a is the identity and, for b, one more row that is always 1.
int64_t exact_rank(const MlaConfig& mla) {
  const int64_t rank = mla.hidden + (mla.qkv_bias ? 1 : 0);
  return (rank + kRankStep - 1) / kRankStep * kRankStep;
}

RopeConfig amd_rope(const MlaConfig& mla, const std::string& where) {
  RopeConfig rope = mla.rope;
  if (rope.ntk_dim > 0) {
    fail_usage(where, ": rope_ntk_dim: AMD's MLA layers know dynamic scaling of whole heads only; convert again with ",
               "--rope-dim as wide as the teacher's head_dim, or --init reference");
  }
  if (mla.sliding_window > 0 && mla.sliding_window < rope.max_position) {
    fail_usage(where, ": sliding_window ", mla.sliding_window, ": AMD's MLA layers see all tokens before them; ",
               "this student has no spelling in AMD's formats");
  }
  if (!rope.inv_freq.empty()) {
    if (!is_geometric(rope.inv_freq)) {
      fail_usage(where, ": rope_inv_freq: AMD's rope table holds frequencies in geometric sequence only, which these ",
                 rope.inv_freq.size(), " are not: convert again with ", kReference,
                 ", or with --rope-pairs in equal steps where the teacher's rope is plain");
    }
    rope = with_frequencies(rope, rope.inv_freq);
  }
  if (rope.type == RopeConfig::Type::llama3) {
    fail_usage(where, ": rope_type llama3: AMD's MLA layers have no such table: convert again with ", kReference);
  }
  if (rope.type == RopeConfig::Type::yarn && rope.yarn == RopeConfig::Yarn::transformers) {
    fail_usage(where, ": rope_yarn transformers: AMD's MLA layers scale YaRN as DeepSeek does: convert again with ",
               kReference);
  }
  rope.yarn = RopeConfig::Yarn::deepseek;
  rope.layout = RopeConfig::Layout::interleaved;
  return rope;
}

MlaConfig amd_mla(MlaConfig mla, bool eco, const std::string& where) {
  if (mla.kv_rank % kRankStep) {
    fail_usage(where, ": kv_lora_rank ", mla.kv_rank, ": AMD's classes want a multiple of ", kRankStep,
               ": convert again with --kv-rank (and --kv-ranks) that are multiples of it, and --rank fixed");
  }
  if (mla.q_rank % kRankStep) {
    fail_usage(where, ": q_lora_rank ", mla.q_rank, ": AMD's classes want a multiple of ", kRankStep,
               ": convert again with a --q-rank that is one, or --q-rank exact");
  }
  if (mla.q_rank == 0 && mla.lora_norm) {
    fail_usage(where, ": an exact query together with use_lora_layer_norm has no place in AMD's classes: ",
               "convert again without --lora-norm, or with a --q-rank");
  }
  mla.rope = amd_rope(mla, where);
  mla.sliding_window = 0;  // none that the context fills
  if (mla.q_rank == 0) mla.q_rank = exact_rank(mla);
  if (eco) mla.kv_heads = mla.heads;
  return mla;
}

// Rows of the last `rope` of every `width` rows, from (i, i + rope / 2) pairs to (2i, 2i + 1).
at::Tensor interleave_rope_rows(const at::Tensor& rows, int64_t width, int64_t rope) {
  const auto heads = rows.view({rows.size(0) / width, width, -1});
  const auto rotated = heads.narrow(1, width - rope, rope).view({heads.size(0), 2, rope / 2, -1}).transpose(1, 2);
  return at::cat({heads.narrow(1, 0, width - rope), rotated.reshape({heads.size(0), rope, -1})}, 1).view(rows.sizes());
}

// The tensors of one MLA layer under AMD's config, by name within the mixer.
class MlaExport {
 public:
  MlaExport(const WeightSource& source, std::string prefix, const MlaConfig& from, const MlaConfig& to)
      : source_(source), prefix_(std::move(prefix)), from_(from), to_(to) {}

  at::Tensor operator()(const std::string& name) const {
    if (name == "kv_a_proj_with_mqa.weight" || name == "kv_a_proj_with_mqa.bias") {
      return rope_rows(get(name), from_.kv_rank + from_.rope_dim);
    }
    if (name == "kv_b_proj.weight") return kv_heads(get(name));
    if (from_.q_rank > 0) return name == "q_b_proj.weight" ? rope_rows(get(name), query_width()) : get(name);
    if (name == "q_a_proj.weight") {
      const auto weight = get("q_proj.weight");
      return at::eye(to_.q_rank, from_.hidden, weight.options());
    }
    if (name == "q_a_proj.bias") {
      auto bias = at::zeros({to_.q_rank}, get("q_proj.bias").options());
      bias[from_.hidden] = 1;
      return bias;
    }
    if (name == "q_b_proj.weight") return exact_query();
    return get(name);
  }

 private:
  at::Tensor get(const std::string& name) const { return source_.get(prefix_ + name); }
  int64_t query_width() const { return from_.nope_dim + from_.rope_dim; }

  at::Tensor rope_rows(const at::Tensor& rows, int64_t width) const {
    if (from_.rope.layout == RopeConfig::Layout::interleaved) return rows;
    return interleave_rope_rows(rows, width, from_.rope_dim);
  }

  at::Tensor kv_heads(const at::Tensor& rows) const {
    if (to_.kv_heads == from_.kv_heads) return rows;
    const auto heads = rows.view({from_.kv_heads, -1, rows.size(1)});
    return heads.repeat_interleave(to_.kv_heads / from_.kv_heads, 0).flatten(0, 1);
  }

  at::Tensor exact_query() const {
    std::vector<at::Tensor> columns = {get("q_proj.weight")};
    if (from_.qkv_bias) columns.push_back(get("q_proj.bias").unsqueeze(1));
    auto rows = rope_rows(at::cat(columns, 1), query_width());
    return at::constant_pad_nd(rows, {0, to_.q_rank - rows.size(1)});
  }

  const WeightSource& source_;
  std::string prefix_;
  const MlaConfig &from_, &to_;
};

// "model.layers.3.mla.q_b_proj.weight" -> 3, "q_b_proj.weight"; false for other tensors.
bool mla_parameter(const std::string& name, int64_t& layer, std::string& rest) {
  const std::string start = "model.layers.", key = ".mla.";
  const size_t at = name.find(key);
  if (name.rfind(start, 0) != 0 || at == std::string::npos) return false;
  layer = std::stoll(name.substr(start.size(), at - start.size()));
  rest = name.substr(at + key.size());
  return true;
}

}  // namespace

ModelConfig amd_config(const ModelConfig& student, const std::string& where) {
  if (student.format == Format::huggingface) {
    fail_usage(where, ": a plain Transformer needs no export; AMD's formats hold MLA and Mamba2 layers");
  }
  if (student.mlp_bias) fail_usage(where, ": mlp_bias: AMD's layers have no biases in the MLP");
  check_kinds(student, where);
  ModelConfig config = student;
  const bool eco = student.format == Format::x_ecomla || has<AttentionConfig>(student);
  if (eco && has<Mamba2Config>(student)) {
    fail_usage(where,
               ": layers of attention, MLA and Mamba2 in one model: AMD's Zebra-Llama keeps no attention layers "
               "and X-EcoMLA has no Mamba2: convert again with --rest mamba2, or without Mamba2 layers");
  }
  config.format = eco ? Format::x_ecomla : Format::zebra_llama;
  if (config.format != student.format) config.raw_hybrid = Json::object(), config.raw_mla = Json::object();
  const MlaConfig* first = nullptr;
  for (int64_t layer = 0; layer < config.layers(); ++layer) {
    auto* mla = config.mixers[static_cast<size_t>(layer)].as<MlaConfig>();
    if (!mla) continue;
    const std::string layer_where = cat(where, ": layer ", layer);
    *mla = amd_mla(*mla, eco, layer_where);
    if (!first) first = mla;
    if (!(mla->rope == first->rope) || mla->nope_dim != first->nope_dim || mla->rope_dim != first->rope_dim) {
      fail_usage(layer_where,
                 ": AMD's files hold one rope table and one key width for all MLA layers, and this one "
                 "differs from the first: convert again with ",
                 kReference, ", or with one --rope-dim and --rope-pairs for all layers");
    }
    if (!eco && (mla->kv_rank != first->kv_rank || mla->q_rank != first->q_rank)) {
      fail_usage(layer_where, ": AMD's Zebra-Llama holds one rank for all MLA layers, and this one differs: ",
                 "convert again with one --kv-rank, without --kv-ranks and with --rank fixed");
    }
  }
  return config;
}

std::string no_amd_export(const ModelConfig& student) {
  if (student.format == Format::huggingface) return "";
  try {
    amd_config(student, "this student");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

void export_amd(const fs::path& from, const fs::path& to) {
  const auto student = read_config(from);
  const auto config = amd_config(student, from.string());
  const auto source = WeightSource::open(from);
  check_weights(*source, student);
  Model shapes(config, at::TensorOptions().dtype(at::kFloat).device(at::kMeta));
  std::vector<WeightWriter::Entry> plan;
  int64_t layer = 0;
  std::string rest;
  // Some files of tied models hold the shared matrix as the head's only; of an exact query there is one matrix, not
  // two.
  const auto stored = [&](const std::string& name) -> std::string {
    if (source->has(name)) return name;
    return mla_parameter(name, layer, rest) ? cat("model.layers.", layer, ".mla.kv_b_proj.weight") : "lm_head.weight";
  };
  shapes.parameters([&](const std::string& name, const at::Tensor& value) {
    plan.push_back({name, value.sizes().vec(), source->dtype(stored(name))});
  });
  WeightWriter writer(to, plan);
  for (const auto& entry : plan) {
    if (!mla_parameter(entry.name, layer, rest)) {
      writer.put(entry.name, source->get(stored(entry.name)));
      continue;
    }
    const auto index = static_cast<size_t>(layer);
    const MlaExport convert(*source, cat("model.layers.", layer, ".mla."), student.mixers[index].get<MlaConfig>(),
                            config.mixers[index].get<MlaConfig>());
    writer.put(entry.name, convert(rest));
  }
  writer.finish();
  write_amd_config(to, config);
  copy_companions(from, to);
}

}  // namespace zebra
