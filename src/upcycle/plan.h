#pragma once
// What a student shall look like: the flags of `zebra convert` against a teacher's config give the student's config.
// Only attention is converted: what a hybrid teacher has of MLA and Mamba2 stays.
#include <map>
#include <string>
#include <vector>

#include "model/config.h"
#include "upcycle/ideas.h"

namespace zebra {

// In the order of their flags' words.
enum class RankRule { fixed, energy, budget, equal };  // upcycle/mla_ranks.h
enum class Split { fixed, automatic, trained };        // upcycle/mla_search.h
enum class Rest { mamba2, attention };

// Closed-form refit of output projections (upcycle/refit.h): of which mixers, and on whose stream. Trained, it helps
// where kinds of mixers meet and costs a little in students of one kind; on the student's own stream it begins lower
// and ends higher (docs/results.md).
struct RefitPlan {
  bool mla = true, mamba2 = true, on_student = false;
  bool unless_one_kind = false;  // not in a student that is MLA, or Mamba2, in every layer
};
RefitPlan refit_of(const RefitPlan& plan, const ModelConfig& student);

// The flags of `zebra convert` (and the keys of its recipe) as they are written.
struct ConvertSettings {
  std::string layers, mla_layers = "none", mamba2_layers = "none", rest = "mamba2", init = "refined", mla_init,
                      mamba2_init, q_rank, kv_ranks, rope_dims, rope_pairs, split = "fixed", rank = "fixed", refit,
                      refit_on = "teacher", calibration, statistics;
  int64_t kv_rank = 0, rope_dim = 0, nope_dim = -1, v_dim = -1, calibration_tokens = 0, seed = 0;
  double rank_energy = 0.95;
  bool full_kv_head = false, lora_norm = false, repeat_kv_before_conv = false, bos = true;

  template <class Visit>
  void fields(Visit&& visit) {
    static const std::string mla_help =
        "of MLA layers (default: as --init): reference, refined (with spread; beside Mamba2 of small teachers "
        "frequencies), plain, or "
        "ideas: " +
        idea_list(MlaIdeas());
    static const std::string mamba2_help =
        "of Mamba2 layers (default: as --init): reference, refined, plain, or ideas: " + idea_list(Mamba2Ideas());
    visit("layers", layers,
          "what each layer becomes: 0:attention,1-3:mla,rest:mamba2; those that are not named stay as they are. "
          "--mla-layers, --mamba2-layers and --rest are short forms of it");
    visit("mla_layers", mla_layers,
          "layers that become MLA: 1,3 or 0-4,7 or all (that are attention) or none, or the selection.json of select");
    visit("mamba2_layers", mamba2_layers, "layers that become Mamba2 when --rest is attention");
    visit("rest", rest, "what the other attention layers become: mamba2, or attention to keep them");
    visit("kv_rank", kv_rank, "width of the latent that an MLA layer caches per token");
    visit("kv_ranks", kv_ranks, "the latent's width in single layers, as 3:24,6:16; --kv-rank is that of the others");
    visit("rope_dim", rope_dim, "width of the shared rotated key that it caches beside it");
    visit("rope_dims", rope_dims, "that width in single layers, as 0:4,1:4; --rope-dim is that of the others");
    visit("rope_pairs", rope_pairs,
          "which of the teacher's head_dim / 2 frequencies stay rotated, as 0,6,12 (0: the fastest; default: by "
          "--mla-init)");
    visit("nope_dim", nope_dim,
          "unrotated key width of a head, which goes before the idea residual: head_dim with it, head_dim - rope_dim "
          "without");
    visit("v_dim", v_dim, "value width of a head (default: head_dim)");
    visit("q_rank", q_rank,
          "rank of the query projection, or exact (default: exact; reference: 1344/2048 of the width)");
    visit("init", init, "refined (best known) or reference (AMD's arithmetic)");
    visit("mla_init", mla_init, mla_help.c_str());
    visit("mamba2_init", mamba2_init, mamba2_help.c_str());
    visit("refit", refit,
          "mixers whose output projection is refitted: all, mla, mamba2, none (default: all, but none in a student of "
          "one kind; reference: none)");
    visit("refit_on", refit_on,
          "inputs of a refit: the teacher's (trains best), or student = its own stream (lowest KL before training)");
    visit("split", split,
          "fixed; or divide kv-rank + rope-dim anew: auto by the held-out KL, which need not train best, or trained by "
          "what a short training of each layer leaves");
    visit(
        "rank", rank,
        "of each MLA layer: fixed; energy (of its spectrum; first and last layer fixed); or the same cache in all, "
        "divided so that each layer's latent holds an equal part of its energy (equal) or by CARE's schedule (budget)");
    visit("rank_energy", rank_energy, "rank energy: part of a layer's energy that its latent holds");
    visit(
        "calibration", calibration,
        "text file to measure the teacher on, sample (the teacher writes it) or random; default by the teacher's size");
    visit("calibration_tokens", calibration_tokens, "tokens to measure on (default: 32768, fewer for large teachers)");
    visit("statistics", statistics,
          "file that keeps what calibration measured: read if it is there and fits, else written");
    visit("bos", bos, "documents of a calibration file begin with BOS where the tokenizer adds one");
    visit("seed", seed, "of sampled text and random parts");
    visit("full_kv_head", full_kv_head, "reference: a key and value head for every query head");
    visit("lora_norm", lora_norm, "reference: norms on the low-rank query and the latent");
    visit("repeat_kv_before_conv", repeat_kv_before_conv,
          "Mamba2 repeats x and B for every head before the convolution, not after it");
  }
};

struct StudentOptions {
  std::string layers;  // "0:attention,1-3:mla,rest:mamba2"; empty: by the next three
  std::string mla_layers = "none", mamba2_layers = "none";  // "1,3", "0-4", "all" or "none"
  Rest rest = Rest::mamba2;                                 // what the other attention layers become
  MlaIdeas mla = parse_mla_ideas("refined", "");
  bool mla_refined = true;  // the preset, whose frequencies depend on what is beside MLA
  Mamba2Ideas mamba2 = parse_mamba2_ideas("refined", "");
  int64_t kv_rank = 0, rope_dim = 0;
  std::map<int64_t, int64_t> kv_ranks, rope_dims;  // of single layers, in place of kv_rank and rope_dim
  std::vector<int64_t> rope_pairs;  // rope_dim / 2 of the teacher's frequencies, ascending; empty: as the ideas say
  int64_t nope_dim = -1;            // -1 = head_dim (idea residual), head_dim - rope_dim (else)
  int64_t v_dim = -1;               // -1 = head_dim
  int64_t q_rank = -1;              // 0 = exact; -1 = exact (refined), 1344 / 2048 of the width (reference)
  Split split = Split::fixed;
  RankRule rank = RankRule::fixed;
  double rank_energy = 0.95;
  RefitPlan refit;
  bool full_kv_head = false, lora_norm = false,
       repeat_kv_before_conv = false;  // AMD's switches; the first two reference only
};

// Errors name the flag.
StudentOptions student_options(const ConvertSettings& settings);

// The ideas of the MLA layers of such a student: beside Mamba2, which tells near from far, `refined` searches the
// rotated frequencies where the teacher is small enough for that (upcycle/mla_search.h); else it spreads them.
MlaIdeas mla_ideas_of(const StudentOptions& options, const ModelConfig& student);

// A choice of `zebra select`: layers and their ranks as convert's flags have them.
struct LayerSelection {
  std::string mla_layers, kv_ranks;
  int64_t rope_dim = 0;   // of the first of them
  std::string rope_dims;  // of those where it differs
};
// Of a layer that is MLA.
const MlaConfig& mla_in(const ModelConfig& model, int64_t layer);
// A hybrid's MLA layers as selection.json has them (docs/formats.md): mla_layers, kv_ranks, rope_dim and rope_dims.
Json layers_json(const ModelConfig& hybrid);
LayerSelection parse_selection(const Json& json, const std::string& file);  // Error(input) names the file

// Its layers, and its ranks and rotated widths where no flag gives them.
void use_selection(ConvertSettings& settings, const LayerSelection& selection);
// Where mla_layers names a file that `zebra select` wrote: what it holds.
void read_selection(ConvertSettings& settings);

// Layer numbers from "1,3", "0-4,7", "all" or "none"; errors name the flag.
std::vector<int64_t> parse_layers(const std::string& text, int64_t layers, const std::string& flag);

// Error(usage) names a flag that would change nothing of this student beside the others (upcycle/unused_flags.cpp).
void refuse_unused_flags(const ConvertSettings& settings, const ModelConfig& teacher, const ModelConfig& student);

// The student's config; new MLA layers carry the parent's first rope_dim / 2 frequencies until they are chosen.
ModelConfig plan_student(const ModelConfig& teacher, const StudentOptions& options);

}  // namespace zebra
