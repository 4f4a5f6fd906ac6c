#pragma once
// The ideas that an initialisation is made of, each to be had alone: --mla-init and --mamba2-init name a preset or list
// them. `reference` is AMD's arithmetic and takes no ideas; `plain` is the empty list.
#include <string>
#include <vector>

namespace zebra {

// Plain: exact q, evenly spaced frequencies stay rotated and their key is the mean over heads, one truncated SVD of all
// rows of keys and values.
struct MlaIdeas {
  bool reference = false;
  bool spread = false, frequencies = false, used_rows = false, balance = false, whiten = false, two_sided = false,
       rorope = false, complex = false, residual = false, freqfold = false, phase = false, rotation = false;
  bool operator==(const MlaIdeas&) const = default;

  template <class Visit>
  void fields(Visit&& visit) {
    visit("spread", spread, "the frequencies that stay rotated reach from the fastest to one that tells any distance");
    visit("frequencies", frequencies, "they are searched by the KL before training");
    visit("used-rows", used_rows, "the latent factors only those key rows that are read");
    visit("balance", balance, "keys and values weigh the same in it");
    visit("whiten", whiten, "its error is that of outputs, not of weights (one side: E[h h^T])");
    visit("two-sided", two_sided, "and that of scores and the layer's output (queries, output projection)");
    visit("rorope", rorope, "the shared key is the heads' real principal component at each frequency");
    visit("complex", complex, "it is their complex one");
    visit("residual", residual,
          "what the shared key leaves of a rotated pair goes into the latent; all rows are used then");
    visit("freqfold", freqfold, "the shared key also takes in the next frequency, if that loses its rotation");
    visit("phase", phase, "queries turn by the mean phase of the distances that they attend to");
    visit("rotation", rotation, "they turn and shrink by the mean rotation");
  }
};

// Plain: value, key and query projections are copied to x, B and C; the rest is random, as in an untrained Mamba2.
struct Mamba2Ideas {
  bool reference = false;
  bool linear = false, gate = false, constant = false, centred = false, decay_search = false, decay_distance = false,
       phase = false, rotation = false;
  bool operator==(const Mamba2Ideas&) const = default;

  template <class Visit>
  void fields(Visit&& visit) {
    visit("linear", linear, "the convolution passes its input on, small enough to be linear; D 0; norm by the teacher");
    visit("gate", gate, "the gate is a constant");
    visit("constant", constant, "one channel of B and C is the constant in exp(s) = 1 + s");
    visit("centred", centred, "keys lose their mean, which softmax does not see");
    visit("decay-search", decay_search, "each head forgets at the pace that explains its teacher best");
    visit("decay-distance", decay_distance, "it forgets at the teacher's mean distance");
    visit("phase", phase, "queries turn by the mean phase of the distances that they attend to");
    visit("rotation", rotation, "they turn and shrink by the mean rotation");
  }
};

// "reference", "refined" (without Mamba2), "plain" or names joined by commas; Error(usage) begins with `flag`.
MlaIdeas parse_mla_ideas(const std::string& text, const std::string& flag);
Mamba2Ideas parse_mamba2_ideas(const std::string& text, const std::string& flag);

std::string idea_list(MlaIdeas ideas);  // all of them, for help texts: "spread, frequencies, ..."
std::string idea_list(Mamba2Ideas ideas);

// The lists behind `refined`, in the order in which they build on each other. The rotated frequencies of MLA are
// spread, and beside Mamba2 layers searched: each trains best so (docs/results.md).
std::vector<std::string> refined_mla_names(bool beside_mamba2);
std::vector<std::string> refined_mamba2_names();

// The ideas that make no sense without `name`.
std::vector<std::string> ideas_that_need(const std::string& name);

// The other answer to the question that `name` answers; empty if there is none.
std::string alternative_idea(const std::string& name);

}  // namespace zebra
