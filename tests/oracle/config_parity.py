#!/usr/bin/env python3
"""Changes every key of config.json that the installed transformers knows for each family of ours, one at a time, in a tiny
random checkpoint, and asks transformers and `zebra logits` for the logits of a text that is longer than the model's context.

    python tests/oracle/config_parity.py build/cpu/zebra [--family llama] [--field rope_theta]   (torch, transformers, safetensors)

Good are: the same logits (2e-4 at most apart), a refusal by zebra that names the key or a tensor that it asks for, a warning
by zebra that names it, an error of both, and an error of transformers alone for a null or for a key that changes no logits,
which zebra reads as if it were absent. Anything else is printed, and the exit code is 1.
"""
import argparse
import collections
import json
import os
import subprocess
import tempfile

import torch
import transformers
from safetensors.torch import load_file, save_file

FAMILIES = {"llama": "Llama", "mistral": "Mistral", "qwen2": "Qwen2", "qwen3": "Qwen3"}
FIELDS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../golden/config_fields.json")
SHAPE = dict(vocab_size=64, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2, head_dim=8, max_position_embeddings=48, bos_token_id=1, eos_token_id=2,
             tie_word_embeddings=False, initializer_range=0.3)  # fmt: skip
ROPE = [{"rope_type": kind, "factor": 3.0, **more}
        for kind, more in [("linear", {}), ("dynamic", {}), ("yarn", {}), ("yarn", {"mscale_all_dim": 1.0}),
                           ("yarn", {"mscale": 0.7, "mscale_all_dim": 1.2}), ("yarn", {"mscale": None, "mscale_all_dim": 1.0}),
                           ("yarn", {"beta_slow": 0, "original_max_position_embeddings": 16}), ("yarn", {"truncate": False}),
                           ("yarn", {"attention_factor": 1.5}), ("yarn", {"factor": None}), ("longrope", {}),
                           ("llama3", {"low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 16}),
                           ("llama3", {"low_freq_factor": 2.0, "high_freq_factor": 2.0, "original_max_position_embeddings": 16}),
                           ("default", {"partial_rotary_factor": 0.5})]]  # fmt: skip
OTHERS = {
    "rope_scaling": [None, {}, *ROPE],
    "rope_parameters": [None, {}, *({"rope_theta": 5000.0, **rope} for rope in ROPE), {"rope_type": "default", "rope_theta": None}],
    "layer_types": [["full_attention", "sliding_attention"], ["full_attention"] * 2, ["sliding_attention"], None],
    "sliding_window": [None, 0, 8, 100],
    "hidden_act": ["gelu", "swish", "relu", "gelu_new", "gelu_pytorch_tanh", "mish", "quick_gelu"],
    "head_dim": [None, 4],
    "dtype": [None, "bfloat16", "float32"],
    "torch_dtype": [None, "bfloat16"],
    "model_type": ["gpt2"],
    "architectures": [None, ["LlamaModel"]],
    "per_layer_config": [{"0": {"intermediate_size": 12}}, {}],
    "quantization_config": [{"quant_method": "awq", "bits": 4}],
    "pruned_heads": [{"0": [1]}],
    "id2label": [{"0": "a"}],
    "label2id": [{"a": 0}],
    "_attn_implementation": ["eager"],
    "attn_implementation": ["eager"],
}


def alternatives(name, default):
    if name in OTHERS:
        return OTHERS[name]
    if isinstance(default, bool):
        return [not default, None]
    if isinstance(default, (int, float)):
        return [default + 1, 0, None]
    if default is None:
        return [1, True, "other"]
    return ["other", None]


def transformers_logits(folder, ids):
    try:
        model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
        with torch.no_grad():
            return model(ids, use_cache=False).logits.float(), ""
    except Exception as error:  # noqa: BLE001 - whatever it stops at is a result
        return None, f"{type(error).__name__}: {error}".splitlines()[0][:120]


def zebra_logits(program, folder, ids_file):
    out = os.path.join(folder, "out.safetensors")
    if os.path.exists(out):
        os.remove(out)
    done = subprocess.run([program, "logits", folder, "--ids", ids_file, "--out", out], capture_output=True, text=True)
    if done.returncode not in (0, 2, 3):
        raise SystemExit(f"zebra ended with {done.returncode}: {done.stderr}")
    return (load_file(out)["logits"].float() if done.returncode == 0 else None), done.stderr.strip()


# Keys that transformers checks or uses elsewhere, and that change no logits.
UNUSED = {"attention_dropout", "initializer_range", "num_return_sequences", "pad_token_id", "problem_type", "return_dict", "use_cache"}


def verdict(name, value, plain, theirs, their_error, ours, said):
    """`plain`: our logits before the key was changed."""
    named = f'"{name}"' in said or name in said
    if theirs is None and ours is None:
        return "refused by both"
    if theirs is None:
        if named:
            return "named"
        if (name in UNUSED or value in (None, {})) and torch.equal(ours, plain):
            return "refused by transformers alone, read as if the key were absent"
        return f"BAD: read, where transformers stops: {their_error}"
    if ours is None:
        if 'tensor "' in said and "found no such tensor" in said:
            return "refused by the name of a tensor that the key asks for"
        return "refused by name" if named else f"BAD: refused without the key's name: {said}"
    apart = (theirs - ours).abs().max().item()
    if apart <= 2e-4:
        return "equal"
    return "named" if named else f"BAD: {apart:.2g} apart"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--family", choices=FAMILIES)
    parser.add_argument("--field")
    given = parser.parse_args()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(1)
    with open(FIELDS) as file:
        known = json.load(file)[transformers.__version__]
    if transformers.__version__ < "5":
        del OTHERS["rope_parameters"]  # a key of version 5, which 4 does not read
    counts = collections.Counter()
    for family, prefix in FAMILIES.items():
        if given.family not in (None, family):
            continue
        fields = {name: None for name in (*known[family]["read_by_code"], *OTHERS, "is_causal", "rope_theta", "partial_rotary_factor",
                                          "original_max_position_embeddings", "use_sliding_window", "max_window_layers")}  # fmt: skip
        fields.update(known[family]["fields"])
        with tempfile.TemporaryDirectory() as folder:
            torch.manual_seed(3)
            model = getattr(transformers, prefix + "ForCausalLM")(getattr(transformers, prefix + "Config")(**SHAPE)).eval()
            model.save_pretrained(folder)
            path, ids_file = os.path.join(folder, "config.json"), os.path.join(folder, "ids.safetensors")
            with open(path) as file:
                plain = json.load(file)
            ids = torch.randint(3, 64, (1, 100))
            save_file({"input_ids": ids}, ids_file)
            before, _ = zebra_logits(given.program, folder, ids_file)
            for name, default in fields.items():
                if given.field not in (None, name):
                    continue
                for value in alternatives(name, plain.get(name, default)):
                    config = {**plain, name: value}
                    if name in ("layer_types", "sliding_window", "max_window_layers") and family.startswith("qwen"):
                        config.update(use_sliding_window=True, sliding_window=config.get("sliding_window") or 8)
                        config[name] = value
                        if name == "max_window_layers":
                            config.pop("layer_types", None)
                    if name == "original_max_position_embeddings":
                        config["rope_scaling"] = ROPE[2]
                    with open(path, "w") as file:
                        json.dump(config, file)
                    result = verdict(name, value, before, *transformers_logits(folder, ids),
                                     *zebra_logits(given.program, folder, ids_file))
                    counts[result if not result.startswith("BAD") else "BAD"] += 1
                    if result.startswith("BAD"):
                        print(f"{family} {name} = {json.dumps(value)}: {result}", flush=True)
    print(f"transformers {transformers.__version__}:", ", ".join(f"{count} {what}" for what, count in sorted(counts.items())))
    raise SystemExit(1 if counts["BAD"] else 0)


if __name__ == "__main__":
    main()
