#include "model/config_fields.h"

#include <algorithm>

#include "base/text.h"

namespace zebra {

namespace {

constexpr FieldUse kRead = FieldUse::read, kFixed = FieldUse::fixed, kUnused = FieldUse::unused;

constexpr const char* kGeneration = "a choice of generate(), for which zebra has flags";
constexpr const char* kOutputs = "what a forward pass hands out, not what it computes";
constexpr const char* kBiases = "of another family: this one's biases are fixed, and others refused by their tensors";
constexpr const char* kTraining = "of training in transformers";
constexpr const char* kHeads = "of heads for classification, which are refused by their tensors";
constexpr const char* kWords = "a name or a version";
constexpr const char* kProgram = "how a program runs or loads the model";
constexpr const char* kTokens = "a token that no forward pass needs";

}  // namespace

const std::vector<ConfigField>& config_fields() {
  static const std::vector<ConfigField> fields = {
      {"model_type", kRead, "", ""},
      {"vocab_size", kRead, "", ""},
      {"hidden_size", kRead, "", ""},
      {"intermediate_size", kRead, "", ""},
      {"num_hidden_layers", kRead, "", ""},
      {"num_attention_heads", kRead, "", ""},
      {"num_key_value_heads", kRead, "", ""},
      {"head_dim", kRead, "", ""},
      {"hidden_act", kRead, "", ""},
      {"max_position_embeddings", kRead, "", ""},
      {"rms_norm_eps", kRead, "", ""},
      {"tie_word_embeddings", kRead, "", ""},
      {"attention_bias", kRead, "llama qwen3", ""},
      {"mlp_bias", kRead, "llama", ""},
      {"rope_theta", kRead, "", ""},
      {"rope_scaling", kRead, "", ""},
      {"rope_parameters", kRead, "", ""},
      {"original_max_position_embeddings", kRead, "", ""},
      {"sliding_window", kRead, "mistral qwen2 qwen3", ""},
      {"layer_types", kRead, "", ""},
      {"use_sliding_window", kRead, "qwen2 qwen3", ""},
      {"max_window_layers", kRead, "qwen2 qwen3", ""},
      {"bos_token_id", kRead, "", ""},
      {"eos_token_id", kRead, "", ""},
      {"dtype", kRead, "", ""},
      {"torch_dtype", kRead, "", ""},

      {"partial_rotary_factor", kFixed, "", "1"},
      {"sliding_window", kFixed, "llama", "null"},  // crops the cache there, but masks nothing
      {"is_causal", kFixed, "", "true"},
      {"is_encoder_decoder", kFixed, "", "false"},
      {"add_cross_attention", kFixed, "", "false"},
      {"cross_attention_hidden_size", kFixed, "", "null"},
      {"pruned_heads", kFixed, "", "{}"},
      {"per_layer_config", kFixed, "", "null"},
      {"attention_chunk_size", kFixed, "", "null"},
      {"num_kv_shared_layers", kFixed, "", "0"},
      {"kv_sharing_modes", kFixed, "", "null"},
      {"quantization_config", kFixed, "", "null"},
      {"rope_interleaved", kFixed, "", "false"},
      {"use_mrope", kFixed, "", "false"},
      {"use_qk_norm", kFixed, "llama mistral qwen2", "false"},
      {"alibi", kFixed, "", "false"},
      {"use_alibi", kFixed, "", "false"},
      {"transformers_weights", kFixed, "", "null"},

      {"attention_bias", kUnused, "mistral qwen2", kBiases},
      {"mlp_bias", kUnused, "mistral qwen2 qwen3", kBiases},
      {"attention_dropout", kUnused, "", kTraining},
      {"hidden_dropout", kUnused, "", kTraining},
      {"initializer_range", kUnused, "", kTraining},
      {"gradient_checkpointing", kUnused, "", kTraining},
      {"use_bfloat16", kUnused, "", kTraining},
      {"tf_legacy_loss", kUnused, "", kTraining},
      {"pretraining_tp", kUnused, "llama", "cuts the same sums into parts"},
      {"chunk_size_feed_forward", kUnused, "", "cuts the same rows into parts, where a class knows it"},
      {"use_cache", kUnused, "", kProgram},
      {"torchscript", kUnused, "", kProgram},
      {"attn_implementation", kUnused, "", kProgram},
      {"_attn_implementation", kUnused, "", kProgram},
      {"_attn_implementation_autoset", kUnused, "", kProgram},
      {"_flash_attn_2_enabled", kUnused, "", kProgram},
      {"_experts_implementation", kUnused, "", kProgram},
      {"distributed_config", kUnused, "", kProgram},
      {"is_decoder", kUnused, "", "these classes are decoders whatever it says"},
      {"is_llama_config", kUnused, "", kWords},
      {"max_sequence_length", kUnused, "", "an older word beside max_position_embeddings, read by no class"},
      {"tie_encoder_decoder", kUnused, "", "there is no encoder"},
      {"output_attentions", kUnused, "", kOutputs},
      {"output_hidden_states", kUnused, "", kOutputs},
      {"output_scores", kUnused, "", kOutputs},
      {"return_dict", kUnused, "", kOutputs},
      {"return_dict_in_generate", kUnused, "", kOutputs},
      {"id2label", kUnused, "", kHeads},
      {"label2id", kUnused, "", kHeads},
      {"num_labels", kUnused, "", kHeads},
      {"problem_type", kUnused, "", kHeads},
      {"classifier_dropout", kUnused, "", kHeads},
      {"architectures", kUnused, "", kWords},
      {"_name_or_path", kUnused, "", kWords},
      {"name_or_path", kUnused, "", kWords},
      {"_commit_hash", kUnused, "", kWords},
      {"transformers_version", kUnused, "", kWords},
      {"unsloth_version", kUnused, "", kWords},
      {"unsloth_fixed", kUnused, "", kWords},
      {"finetuning_task", kUnused, "", kWords},
      {"task_specific_params", kUnused, "", kWords},
      {"tokenizer_class", kUnused, "", kWords},
      {"prefix", kUnused, "", kWords},
      {"pad_token_id", kUnused, "", kTokens},
      {"sep_token_id", kUnused, "", kTokens},
      {"decoder_start_token_id", kUnused, "", kTokens},
      {"max_length", kUnused, "", kGeneration},
      {"min_length", kUnused, "", kGeneration},
      {"do_sample", kUnused, "", kGeneration},
      {"early_stopping", kUnused, "", kGeneration},
      {"num_beams", kUnused, "", kGeneration},
      {"num_beam_groups", kUnused, "", kGeneration},
      {"diversity_penalty", kUnused, "", kGeneration},
      {"temperature", kUnused, "", kGeneration},
      {"top_k", kUnused, "", kGeneration},
      {"top_p", kUnused, "", kGeneration},
      {"typical_p", kUnused, "", kGeneration},
      {"repetition_penalty", kUnused, "", kGeneration},
      {"length_penalty", kUnused, "", kGeneration},
      {"no_repeat_ngram_size", kUnused, "", kGeneration},
      {"encoder_no_repeat_ngram_size", kUnused, "", kGeneration},
      {"bad_words_ids", kUnused, "", kGeneration},
      {"num_return_sequences", kUnused, "", kGeneration},
      {"suppress_tokens", kUnused, "", kGeneration},
      {"begin_suppress_tokens", kUnused, "", kGeneration},
      {"forced_bos_token_id", kUnused, "", kGeneration},
      {"forced_eos_token_id", kUnused, "", kGeneration},
      {"remove_invalid_values", kUnused, "", kGeneration},
      {"exponential_decay_length_penalty", kUnused, "", kGeneration},
  };
  return fields;
}

const ConfigField* find_config_field(const std::string& model_type, const std::string& name) {
  for (const auto& field : config_fields()) {
    if (name != field.name) continue;
    const auto families = split(field.families, ' ');
    const bool all = std::string_view(field.families).empty();
    if (all || std::find(families.begin(), families.end(), model_type) != families.end()) return &field;
  }
  return nullptr;
}

std::vector<std::string> check_config_fields(const ConfigReader& config, const std::string& model_type) {
  std::vector<std::string> unknown;
  for (const auto& [name, value] : config.object().items()) {
    if (value.is_null()) continue;
    const ConfigField* field = find_config_field(model_type, name);
    if (field == nullptr) unknown.push_back(name);
    if (field == nullptr || field->use != FieldUse::fixed) continue;
    if (value != Json::parse(field->note)) {
      config.fail(name, "expected ", field->note, " (the only form supported) or no such key, found ",
                  config.found(name));
    }
  }
  std::sort(unknown.begin(), unknown.end());
  return unknown;
}

}  // namespace zebra
