#!/bin/sh
# transformers 5.24.0 (and 4.57.6), torch 2.13.0, on the CPU: a Llama whose config.json has a `sliding_window` is two models. In one
# pass the key masks nothing, as LlamaConfig knows no such field. With the default cache it does: the cache of a config with that
# key keeps the window's tokens only, so that every token that is decoded behind it sees less than the same token in one pass.
# Mistral and Qwen2, whose layers mask by the window, give the same logits both ways. Public Llama-shaped folders carry the key
# when they were made from another family's config, and scores (one pass) then say nothing about text (decoded).
#
# Seen: largest difference of logits, one pass against steps, 30 tokens, window 8:
#   llama without the key 0.000   llama with it 5.668   mistral with it 0.000   (llama in one pass, with and without: 0.000)
# Exits with 1 when that is no longer so.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q torch==2.13.0 transformers==5.24.0 numpy
"$work/venv/bin/python" - <<'PYTHON'
import sys

import torch
import transformers

torch.set_num_threads(1)
transformers.logging.set_verbosity_error()
SHAPE = dict(vocab_size=64, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2, initializer_range=0.3)


def logits(family, **more):
    torch.manual_seed(0)
    config = getattr(transformers, family + "Config")(**SHAPE, **more)
    model = getattr(transformers, family + "ForCausalLM")(config).eval()
    ids = torch.randint(3, 64, (1, 30))
    with torch.no_grad():
        whole = model(ids, use_cache=False).logits
        held, steps = None, []
        for t in range(30):
            out = model(ids[:, t:t + 1], past_key_values=held, use_cache=True)
            held = out.past_key_values
            steps.append(out.logits)
    return whole, (torch.cat(steps, 1) - whole).abs().max().item()


plain, plain_apart = logits("Llama")
window, window_apart = logits("Llama", sliding_window=8)
_, mistral_apart = logits("Mistral", sliding_window=8)
print(f"llama {plain_apart:.3f}, llama with sliding_window {window_apart:.3f}, mistral with it {mistral_apart:.3f}, "
      f"llama in one pass with and without {(plain - window).abs().max().item():.3f}")
same = max(plain_apart, mistral_apart, (plain - window).abs().max().item()) < 1e-4 and window_apart > 0.1
sys.exit(0 if same else 1)
PYTHON
