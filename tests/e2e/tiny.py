"""A tiny random Llama-style checkpoint folder, made with the standard library alone."""

import array
import json
import os
import random
import struct

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "vocab_size": 258,
    "max_position_embeddings": 128,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "hidden_act": "silu",
    "tie_word_embeddings": False,
    "torch_dtype": "float32",
    "bos_token_id": 256,
    "eos_token_id": 257,
}

# Refuses system messages, as some public ones do, and begins with BOS, which the tokenizer would add too.
CHAT_TEMPLATE = """{{ bos_token }}{% for message in messages %}
{% if message.role == 'system' %}{{ raise_exception('no system messages') }}{% endif %}
[{{ message.role }}] {{ message.content | trim }}
{% endfor %}
{% if add_generation_prompt %}
[assistant]{{ ' ' }}
{%- endif %}"""


def shapes(config=CONFIG):
    d, f, hd = config["hidden_size"], config["intermediate_size"], config["head_dim"]
    q, kv = config["num_attention_heads"] * hd, config["num_key_value_heads"] * hd
    out = {"model.embed_tokens.weight": (config["vocab_size"], d)}
    for layer in range(config["num_hidden_layers"]):
        p = f"model.layers.{layer}."
        out[p + "input_layernorm.weight"] = out[p + "post_attention_layernorm.weight"] = (d,)
        out[p + "self_attn.q_proj.weight"], out[p + "self_attn.o_proj.weight"] = (q, d), (d, q)
        out[p + "self_attn.k_proj.weight"] = out[p + "self_attn.v_proj.weight"] = (kv, d)
        out[p + "mlp.gate_proj.weight"] = out[p + "mlp.up_proj.weight"] = (f, d)
        out[p + "mlp.down_proj.weight"] = (d, f)
    out["model.norm.weight"], out["lm_head.weight"] = (d,), (config["vocab_size"], d)
    return out


def weights(seed=0):
    """Name -> (dtype, shape, bytes)."""
    rng = random.Random(seed)
    out = {}
    for name, shape in shapes().items():
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        if len(shape) == 1:
            values = [1 + 0.1 * rng.gauss(0, 1) for _ in range(count)]
        else:
            scale = 1.5 / shape[1] ** 0.5 if "embed" not in name else 1.0
            values = [scale * rng.gauss(0, 1) for _ in range(count)]
        out[name] = ("F32", list(shape), array.array("f", values).tobytes())
    return out


def safetensors(tensors):
    """The bytes of a safetensors file; (dtype, shape, bytes) by name."""
    header, data = {}, b""
    for name, (dtype, shape, content) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    return with_header(json.dumps(header), data)


def with_header(header, data):
    header = header.encode() if isinstance(header, str) else header
    header += b" " * (-len(header) % 8)
    return struct.pack("<Q", len(header)) + header + data


def split_file(content):
    """The header (as JSON) and the data of a safetensors file."""
    size = struct.unpack("<Q", content[:8])[0]
    return json.loads(content[8 : 8 + size]), content[8 + size :]


def tokenizer():
    """Byte-level BPE without merges: a token for each byte, BOS and EOS."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    names = {b: chr(b) for b in plain}
    names.update({b: chr(256 + i) for i, b in enumerate(b for b in range(256) if b not in names)})
    special = [
        {"id": id, "content": text, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
         "special": True}
        for id, text in ((256, "<bos>"), (257, "<eos>"))
    ]  # fmt: skip
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    bos = {"SpecialToken": {"id": "<bos>", "type_id": 0}}
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": special, "normalizer": None,
        "pre_tokenizer": byte_level,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [bos, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [bos, {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<bos>": {"id": "<bos>", "ids": [256], "tokens": ["<bos>"]}},
        },
        "decoder": byte_level,
        "model": {
            "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
            "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
            "vocab": {names[b]: b for b in range(256)}, "merges": [],
        },
    }  # fmt: skip


def put(path, content):
    with open(path, "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode())


def write_model(folder, config=CONFIG, tensors=None):
    os.makedirs(folder)
    put(os.path.join(folder, "config.json"), json.dumps(config))
    put(os.path.join(folder, "generation_config.json"), json.dumps({"bos_token_id": 256, "eos_token_id": 257}))
    put(os.path.join(folder, "tokenizer.json"), json.dumps(tokenizer()))
    put(os.path.join(folder, "tokenizer_config.json"), json.dumps({"bos_token": "<bos>", "eos_token": "<eos>"}))
    put(os.path.join(folder, "model.safetensors"), safetensors(tensors or weights()))
    return folder
