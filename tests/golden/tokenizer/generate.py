#!/usr/bin/env python3
"""Writes byte_level.json, sentencepiece.json (two small models) and cases.jsonl beside itself, from Hugging Face tokenizers.

usage: generate.py    (with tokenizers 0.23 importable)

A case is a tokenizer.json without its model: what to change in the base file, and vectors: text, ids, ids with what the
post-processor adds, and the decoded ids. src/tokenizer/golden_test.cpp puts them together again.
"""
import json
import pathlib
import random

from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

HERE = pathlib.Path(__file__).resolve().parent
TEXT = """The zebra went down to the river in the morning, and the other animals were there. They said: "Good morning!"
It's a fine day, isn't it? We've come to see what they're doing; I'll tell you. In 1998 there were 12 of them, in 2024 only 7.
def stripes(n):
    return [i for i in range(n) if i % 2 == 0]  # every other one is white
Der Fluß ist heute größer. L'été dernier, le zèbre était là. Вчера зебра была у реки. しまうまは川へ行きました。 斑马去了河边。
The river was deep and the water was cold. The zebra drank the water and went home with the others.""".split("\n")
SPECIAL = ["<s>", "</s>", "<|x|>"]
PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
           r"|\s+(?!\S)|\s+")


def byte_level_model():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.train_from_iterator(TEXT, trainers.BpeTrainer(
        vocab_size=360, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), special_tokens=SPECIAL, show_progress=False))
    return json.loads(tokenizer.to_str())


def sentencepiece_model():
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    latin = [line for line in TEXT if line.isascii()]
    tokenizer.train_from_iterator(latin, trainers.BpeTrainer(
        vocab_size=400, special_tokens=["<unk>", *SPECIAL, *(f"<0x{b:02X}>" for b in range(256))], show_progress=False))
    out = json.loads(tokenizer.to_str())
    out["added_tokens"] = out["added_tokens"][:4]  # the byte tokens are no added tokens
    return out


def byte_level(**options):
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True, **options}


def split(digits):
    return [{"type": "Split", "pattern": {"Regex": PATTERN % digits}, "behavior": "Isolated", "invert": False},
            byte_level(use_regex=False)]


def added(content, **flags):
    return {"id": 0, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
            "special": False, **flags}


def sequence(kind, parts):
    return {"type": "Sequence", kind: parts}


def metaspace(**options):
    return {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True, **options}


def template(*pieces):
    single = [{"Sequence": {"id": "A", "type_id": 0}} if p == "A" else {"SpecialToken": {"id": p, "type_id": 0}} for p in pieces]
    return {"type": "TemplateProcessing", "single": single,
            "pair": single + [{"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {p: {"id": p, "ids": [SPECIAL.index(p)], "tokens": [p]} for p in pieces if p != "A"}}


REPLACE = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
LLAMA2_NORMALIZER = sequence("normalizers", [{"type": "Prepend", "prepend": "▁"}, REPLACE])
LLAMA2_DECODER = sequence("decoders", [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
                                       {"type": "ByteFallback"}, {"type": "Fuse"},
                                       {"type": "Strip", "content": " ", "start": 1, "stop": 0}])
FLAGGED = [added("river", single_word=True), added("<|l|>", lstrip=True), added("<|r|>", rstrip=True),
           added("ZEBRA", normalized=True), added("the ze", normalized=True, lstrip=True)]
# name, base, changes, changes of the model
CASES = [
    ("gpt2", "byte_level", {"pre_tokenizer": byte_level()}, {}),
    ("gpt2 prefix space", "byte_level", {"pre_tokenizer": byte_level(add_prefix_space=True)}, {}),
    ("llama3", "byte_level", {"pre_tokenizer": sequence("pretokenizers", split("{1,3}")),
                              "post_processor": sequence("processors", [byte_level(), template("<s>", "A")])},
     {"ignore_merges": True}),
    ("qwen2", "byte_level", {"normalizer": {"type": "NFC"}, "pre_tokenizer": sequence("pretokenizers", split(""))}, {}),
    ("smollm", "byte_level", {"pre_tokenizer": sequence("pretokenizers", [{"type": "Digits", "individual_digits": True}, byte_level()]),
                              "post_processor": template("A", "</s>")}, {}),
    ("nfkc lower strip", "byte_level", {"normalizer": sequence("normalizers", [
        {"type": "NFKC"}, {"type": "Lowercase"}, {"type": "Strip", "strip_left": True, "strip_right": True}]),
        "pre_tokenizer": byte_level()}, {}),
    ("nfd", "byte_level", {"normalizer": {"type": "NFD"}, "pre_tokenizer": byte_level()}, {}),
    ("nfkd", "byte_level", {"normalizer": {"type": "NFKD"}, "pre_tokenizer": byte_level()}, {}),
    ("added", "byte_level", {"added": FLAGGED, "pre_tokenizer": byte_level()}, {}),
    ("added lower", "byte_level", {"added": FLAGGED, "normalizer": {"type": "Lowercase"}, "pre_tokenizer": byte_level()}, {}),
    ("llama2", "sentencepiece", {"normalizer": LLAMA2_NORMALIZER, "decoder": LLAMA2_DECODER, "pre_tokenizer": None,
                                 "post_processor": template("<s>", "A")}, {}),
    ("metaspace", "sentencepiece", {"pre_tokenizer": metaspace(), "decoder": sequence("decoders", [{"type": "ByteFallback"}, metaspace()])}, {}),
    ("metaspace first", "sentencepiece", {"pre_tokenizer": metaspace(prepend_scheme="first", split=False), "decoder": metaspace()}, {}),
    ("metaspace old", "sentencepiece", {"pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "add_prefix_space": True},
                                        "decoder": metaspace()}, {"byte_fallback": False}),
    ("unknown", "sentencepiece", {"normalizer": REPLACE, "pre_tokenizer": None, "decoder": None},
     {"byte_fallback": False, "fuse_unk": False}),
    ("split string", "sentencepiece", {"normalizer": REPLACE, "decoder": LLAMA2_DECODER, "pre_tokenizer": {
        "type": "Split", "pattern": {"String": "▁"}, "behavior": "MergedWithPrevious", "invert": False}}, {}),
]
TEXTS = ["", " ", "The zebra's river, it'S 12345 m deep!  ", "we\u017fve'\u017f  x\r\n\r\n y\n \tz", "<s>the zebra <|r|>  river<|l|> rivers</s>",
         "café cafe\u0301 a\u0323\u0301 a\u0301\u0323", "각 각 \ufb01 ½ ² ③ Ⅷ ٣ Å", "👩‍👧 🇫🇷\u200b\ufeff\u00a0\u3000x", "斑马 река の川", "ZEBRA the  ZEBRA THE ZE",
         "\x00\x01\x7f\x85\u2028", "İ ß Ǆ ΑΣ"]


def random_text(r):
    pool = "abc the river 019 \n\t'.,!_-éß日本語Ж👍\u200d\u0301\u00a0▁"
    return "".join(r.choice(pool) for _ in range(r.randint(1, 24)))


def main():
    bases = {"byte_level": byte_level_model(), "sentencepiece": sentencepiece_model()}
    for name, base in bases.items():
        base["model"]["merges"] = [" ".join(m) for m in base["model"]["merges"]]
        (HERE / f"{name}.json").write_text(json.dumps(base, ensure_ascii=False) + "\n")
    r = random.Random(7)
    lines = []
    for name, base, changes, model in CASES:
        full = json.loads(json.dumps(bases[base]))
        full.update({"decoder": byte_level()} if base == "byte_level" else {})
        full.update({k: v for k, v in changes.items() if k != "added"})
        full["model"].update(model)
        for i, token in enumerate(changes.get("added", [])):
            full["added_tokens"].append({**token, "id": len(full["model"]["vocab"]) + i})
        tokenizer = Tokenizer.from_str(json.dumps(full))
        vectors = []
        for text in TEXTS + [random_text(r) for _ in range(6)]:
            ids = tokenizer.encode(text, add_special_tokens=False).ids
            vectors.append([text, ids, tokenizer.encode(text).ids, tokenizer.decode(ids, skip_special_tokens=False)])
        parts = {k: full[k] for k in ("added_tokens", "normalizer", "pre_tokenizer", "post_processor", "decoder")}
        lines.append(json.dumps({"name": name, "base": base, "parts": parts, "model": model, "vectors": vectors},
                                ensure_ascii=True, separators=(",", ":")))
    (HERE / "cases.jsonl").write_text("\n".join(lines) + "\n")


main()
