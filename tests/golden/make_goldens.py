#!/usr/bin/env python3
"""Makes the tiny checkpoints beside this file and the logits that they must give.

    python tests/golden/make_goldens.py [NAME ..]       (torch, transformers >= 5 and safetensors)

The Hugging Face families come from transformers itself; the hybrid folders from the plain definitions below (MLA as
DeepSeek-V2 defines it, Mamba2 as a recurrence, one token after the other, in float64), in the format of AMD's
Zebra-Llama. Weights are stored in bfloat16, logits are computed in float32 from those rounded weights.
"""
import json
import math
import os
import shutil
import sys

import torch
import torch.nn.functional as F
import transformers
from safetensors.torch import save_file

HERE = os.path.dirname(os.path.abspath(__file__))
SHAPE = dict(vocab_size=64, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2, max_position_embeddings=64, bos_token_id=1, eos_token_id=2)
LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 32}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16}
T = transformers
FAMILIES = {
    "llama3-tied": (T.LlamaConfig, T.LlamaForCausalLM, dict(tie_word_embeddings=True, rope_scaling=LLAMA3)),
    "qwen3": (T.Qwen3Config, T.Qwen3ForCausalLM, dict(head_dim=8, tie_word_embeddings=True)),
    "mistral-window-yarn": (T.MistralConfig, T.MistralForCausalLM,
                            dict(sliding_window=5, tie_word_embeddings=False, rope_scaling=YARN)),
    "qwen2": (T.Qwen2Config, T.Qwen2ForCausalLM, dict(tie_word_embeddings=True, use_sliding_window=False)),
    "llama-yarn-all-dim": (T.LlamaConfig, T.LlamaForCausalLM,
                           dict(tie_word_embeddings=True, rope_scaling={**YARN, "mscale_all_dim": 1.0})),
    "qwen3-llama3-step": (T.Qwen3Config, T.Qwen3ForCausalLM,
                          dict(head_dim=8, tie_word_embeddings=True, rope_scaling={**LLAMA3, "high_freq_factor": 1.0})),
    # transformers reads a Mistral whose layers are listed as its Ministral: here under Mistral's name.
    "mistral-layer-types": (T.MinistralConfig, T.MinistralForCausalLM,
                            dict(head_dim=4, sliding_window=5, tie_word_embeddings=True,
                                 layer_types=["full_attention", "sliding_attention"])),
}


def ids_of(seed):
    return torch.randint(3, SHAPE["vocab_size"], (2, 13), generator=torch.Generator().manual_seed(seed))


def write_expected(folder, ids, logits):
    save_file({"input_ids": ids, "logits": logits.float().contiguous()}, os.path.join(folder, "expected.safetensors"))


def hugging_face(name, seed):
    config_class, model_class, extra = FAMILIES[name]
    model = model_class(config_class(**{**SHAPE, **extra})).float().eval()
    g = torch.Generator().manual_seed(seed)
    for p in model.parameters():
        noise = (0.2 if p.dim() == 1 else 0.15) * torch.randn(p.shape, generator=g)
        p.data = (p.data + noise).bfloat16().float()
    folder = os.path.join(HERE, name)
    shutil.rmtree(folder, ignore_errors=True)
    ids = ids_of(seed)
    with torch.no_grad():
        logits = model(ids).logits
    model.bfloat16().save_pretrained(folder)  # after the logits: it rounds the rotary frequencies too
    if name.startswith("mistral"):
        path = os.path.join(folder, "config.json")
        with open(path) as f:
            text = f.read().replace("ministral", "mistral").replace("Ministral", "Mistral")
        with open(path, "w") as f:
            f.write(text)
    write_expected(folder, ids, logits)


# ---- The hybrid, by definition -------------------------------------------------------------------------------------

def rms_norm(x, weight, eps):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps) * weight


def yarn_mscale(factor, mscale):
    return 1.0 if factor <= 1 else 0.1 * mscale * math.log(factor) + 1.0


def yarn_frequencies(c, dim):
    s = c["rope_scaling"]
    base, old = c["rope_theta"], s["original_max_position_embeddings"]
    own = base ** (-torch.arange(0, dim, 2, dtype=torch.float64) / dim)
    place = lambda turns: dim * math.log(old / (turns * 2 * math.pi)) / (2 * math.log(base))
    low, high = max(math.floor(place(s["beta_fast"])), 0), min(math.ceil(place(s["beta_slow"])), dim - 1)
    ramp = ((torch.arange(dim // 2, dtype=torch.float64) - low) / (high - low or 0.001)).clamp(0, 1)
    return own / s["factor"] * ramp + own * (1 - ramp)


def rotate_interleaved(x, c):
    """x [.., L, dim]: the pairs (2i, 2i + 1) turn by position * frequency."""
    s = c["rope_scaling"]
    angle = torch.arange(x.shape[-2], dtype=torch.float64)[:, None] * yarn_frequencies(c, x.shape[-1])
    turn = torch.polar(torch.ones_like(angle), angle)
    y = torch.view_as_real(torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous()) * turn).flatten(-2)
    return y * yarn_mscale(s["factor"], s["mscale"]) / yarn_mscale(s["factor"], s["mscale_all_dim"])


def mla(w, u, c):
    heads, nope, rope, v_dim = c["num_attention_heads"], c["qk_nope_head_dim"], c["qk_rope_head_dim"], c["v_head_dim"]
    rank, eps = c["kv_lora_rank"], 1e-6
    if c["q_lora_rank"]:
        q = u @ w["q_a_proj.weight"].T
        if c["use_lora_layer_norm"]:
            q = rms_norm(q, w["q_a_layernorm.weight"], eps)
        q = q @ w["q_b_proj.weight"].T
    else:
        q = u @ w["q_proj.weight"].T
    q = q.unflatten(-1, (heads, nope + rope)).transpose(1, 2)
    compressed = u @ w["kv_a_proj_with_mqa.weight"].T
    latent, k_rope = compressed[..., :rank], compressed[..., rank:]
    if c["use_lora_layer_norm"]:
        latent = rms_norm(latent, w["kv_a_layernorm.weight"], eps)
    kv = (latent @ w["kv_b_proj.weight"].T).unflatten(-1, (-1, nope + v_dim)).transpose(1, 2)
    kv = kv.repeat_interleave(heads // kv.shape[1], 1)
    k_rope = rotate_interleaved(k_rope[:, None], c).expand(-1, heads, -1, -1)
    k = torch.cat([kv[..., :nope], k_rope], -1)
    q = torch.cat([q[..., :nope], rotate_interleaved(q[..., nope:], c)], -1)
    s = c["rope_scaling"]
    scale = (nope + rope) ** -0.5
    if s["mscale_all_dim"]:
        scale *= yarn_mscale(s["factor"], s["mscale_all_dim"]) ** 2
    scores = (q @ k.transpose(-1, -2) * scale).masked_fill(torch.ones(u.shape[1], u.shape[1]).triu(1).bool(), -math.inf)
    y = scores.softmax(-1) @ kv[..., nope:]
    return y.transpose(1, 2).flatten(-2) @ w["out_proj.weight"].T


def mamba2(w, u, c):
    heads, d_inner, d_xb = c["num_attention_heads"], c["d_inner"], c["d_xb"]
    dim = d_inner // heads
    z, x, b, cc, dt = (u @ w["in_proj.weight"].T).split([d_inner, d_xb, d_xb, d_inner, heads], -1)
    repeat = lambda a: a.unflatten(-1, (-1, dim)).repeat_interleave(d_inner // d_xb, -2).flatten(-2)
    if c["ssm_cfg"]["repeat_kv_before_conv"]:
        x, b = repeat(x), repeat(b)
    sizes = [x.shape[-1], b.shape[-1], d_inner]
    xbc = torch.cat([x, b, cc], -1)
    taps = w["conv1d.weight"].squeeze(1)
    before = F.pad(xbc, (0, 0, taps.shape[1] - 1, 0))
    conv = sum(before[:, i:i + u.shape[1]] * taps[:, i] for i in range(taps.shape[1])) + w["conv1d.bias"]
    x, b, cc = F.silu(conv).split(sizes, -1)
    if not c["ssm_cfg"]["repeat_kv_before_conv"]:
        x, b = repeat(x), repeat(b)
    x, b, cc = (a.unflatten(-1, (heads, dim)) for a in (x, b, cc))
    dt = F.softplus(dt + w["dt_bias"])
    state = torch.zeros(u.shape[0], heads, dim, dim, dtype=u.dtype)
    ys = []
    for t in range(u.shape[1]):
        decay = torch.exp(-torch.exp(w["A_log"]) * dt[:, t])
        state = decay[..., None, None] * state + dt[:, t, :, None, None] * x[:, t, :, :, None] * b[:, t, :, None, :]
        ys.append((state * cc[:, t, :, None, :]).sum(-1) + w["D"][:, None] * x[:, t])
    y = torch.stack(ys, 1) * F.silu(z.unflatten(-1, (heads, dim)))
    y = y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + 1e-5)
    return (y.flatten(-2) * w["norm.weight"]) @ w["out_proj.weight"].T


def hybrid_weights(c, g):
    hidden, heads, kv, d_inner, d_xb = (c[k] for k in ("hidden_size", "num_attention_heads", "num_key_value_heads",
                                                      "d_inner", "d_xb"))
    nope, rope, v_dim, rank = (c[k] for k in ("qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim", "kv_lora_rank"))
    w = {}

    def matrix(name, rows, columns):
        w[name] = 0.3 * torch.randn(rows, columns, generator=g)

    def vector(name, size, mean=1.0):
        w[name] = mean + 0.2 * torch.randn(size, generator=g)

    matrix("model.embed_tokens.weight", SHAPE["vocab_size"], hidden)
    matrix("lm_head.weight", SHAPE["vocab_size"], hidden)
    vector("model.norm.weight", hidden)
    for i in range(c["n_layer"]):
        p = f"model.layers.{i}."
        vector(p + "input_layernorm.weight", hidden)
        vector(p + "post_attention_layernorm.weight", hidden)
        matrix(p + "mlp.gate_proj.weight", c["intermediate_size"], hidden)
        matrix(p + "mlp.up_proj.weight", c["intermediate_size"], hidden)
        matrix(p + "mlp.down_proj.weight", hidden, c["intermediate_size"])
        if i in c["mla_layers"]:
            p += "mla."
            if c["q_lora_rank"]:
                matrix(p + "q_a_proj.weight", c["q_lora_rank"], hidden)
                matrix(p + "q_b_proj.weight", heads * (nope + rope), c["q_lora_rank"])
            else:
                matrix(p + "q_proj.weight", heads * (nope + rope), hidden)
            matrix(p + "kv_a_proj_with_mqa.weight", rank + rope, hidden)
            matrix(p + "kv_b_proj.weight", (heads if c["use_full_kv_head"] else kv) * (nope + v_dim), rank)
            if c["use_lora_layer_norm"]:
                if c["q_lora_rank"]:
                    vector(p + "q_a_layernorm.weight", c["q_lora_rank"])
                vector(p + "kv_a_layernorm.weight", rank)
            matrix(p + "out_proj.weight", hidden, heads * v_dim)
        else:
            p += "mamba."
            width = d_inner if c["ssm_cfg"]["repeat_kv_before_conv"] else d_xb
            matrix(p + "in_proj.weight", 2 * d_inner + 2 * d_xb + heads, hidden)
            w[p + "conv1d.weight"] = 0.5 * torch.randn(d_inner + 2 * width, 1, 4, generator=g)
            vector(p + "conv1d.bias", d_inner + 2 * width, 0)
            vector(p + "A_log", heads)
            vector(p + "D", heads)
            vector(p + "dt_bias", heads, -2)
            vector(p + "norm.weight", d_inner)
            matrix(p + "out_proj.weight", hidden, d_inner)
    return {k: v.bfloat16() for k, v in w.items()}


def hybrid(name, seed, **extra):
    heads, kv, dim = SHAPE["num_attention_heads"], SHAPE["num_key_value_heads"], 4
    c = dict(hidden_size=16, intermediate_size=24, hidden_act="silu", n_layer=2, mla_layers=[1], rms_norm_eps=1e-6,
             num_attention_heads=heads, num_key_value_heads=kv, kv_lora_rank=8, q_lora_rank=8,
             use_lora_layer_norm=False, use_full_kv_head=False, qk_rope_head_dim=4, v_head_dim=dim,
             qk_nope_head_dim=dim, qkv_rank_divisor=8, max_position_embeddings=64, rope_theta=10000.0,
             rope_scaling={"factor": 8.0, "original_max_position_embeddings": 16, "rope_type": "yarn", "beta_fast": 32,
                           "beta_slow": 1, "mscale": 1.0, "mscale_all_dim": 0},
             attention_bias=False, attention_dropout=0.0, rope_type="yarn", d_model=16,
             ssm_cfg={"expand": 1, "ngroups": heads, "d_state": dim, "repeat_kv_before_conv": False},
             d_inner=heads * dim, d_xb=kv * dim)
    c.update(extra)
    folder = os.path.join(HERE, name)
    shutil.rmtree(folder, ignore_errors=True)
    T.LlamaConfig(**{**SHAPE, "tie_word_embeddings": False, "dtype": "bfloat16"}).save_pretrained(folder)
    with open(os.path.join(folder, "hybrid_config.json"), "w") as f:
        json.dump(c, f, indent=2)
    stored = hybrid_weights(c, torch.Generator().manual_seed(seed))
    save_file(stored, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})

    w = {k: v.double() for k, v in stored.items()}
    ids = ids_of(seed)
    x = w["model.embed_tokens.weight"][ids]
    for i in range(c["n_layer"]):
        layer = {k.removeprefix(f"model.layers.{i}."): v for k, v in w.items() if k.startswith(f"model.layers.{i}.")}
        key, mixer = ("mla.", mla) if i in c["mla_layers"] else ("mamba.", mamba2)
        own = {k.removeprefix(key): v for k, v in layer.items() if k.startswith(key)}
        x = x + mixer(own, rms_norm(x, layer["input_layernorm.weight"], c["rms_norm_eps"]), c)
        u = rms_norm(x, layer["post_attention_layernorm.weight"], c["rms_norm_eps"])
        gate, up, down = (layer[f"mlp.{n}_proj.weight"].T for n in ("gate", "up", "down"))
        x = x + (F.silu(u @ gate) * (u @ up)) @ down
    write_expected(folder, ids, rms_norm(x, w["model.norm.weight"], c["rms_norm_eps"]) @ w["lm_head.weight"].T)


if __name__ == "__main__":
    torch.set_num_threads(1)
    wanted = sys.argv[1:]
    for number, family in enumerate(FAMILIES):
        torch.manual_seed(number)
        if not wanted or family in wanted:
            hugging_face(family, (10 if number < 4 else 26) + number)
    if wanted:
        sys.exit()
    scaled = {"factor": 8.0, "original_max_position_embeddings": 16, "rope_type": "yarn", "beta_fast": 32,
              "beta_slow": 1, "mscale": 0.7, "mscale_all_dim": 1.0}
    hybrid("zebra", 20)
    hybrid("zebra-switches", 21, use_lora_layer_norm=True, use_full_kv_head=True, rope_scaling=scaled,
           mla_layers=[0], ssm_cfg={"expand": 1, "ngroups": 4, "d_state": 4, "repeat_kv_before_conv": True})
    hybrid("zebra-exact-q", 22, q_lora_rank=None, use_lora_layer_norm=True)
