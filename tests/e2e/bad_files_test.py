"""Bad input files: exit code 3, one sentence that names the file, the tensor or key, what was expected and what was
found; and nothing written."""

import json
import os
import shutil
import struct

import tiny
from program import ProgramTest

PICKLES = os.path.join(os.path.dirname(__file__), "..", "golden", "pickles")
UP = "model.layers.1.mlp.up_proj.weight"


class BadFilesTest(ProgramTest):
    def check(self, name, says, change):
        """`change` damages a copy of the tiny model; convert must refuse it and write nothing."""
        with self.subTest(name):
            folder = self.copy_model(name.replace(" ", "_"))
            change(folder)
            before = sorted(os.listdir(self.folder))
            command = ["convert", folder, "--out", self.path("out"), "--init", "reference"]
            self.refused(*command, code=3, says=says)
            self.assertEqual(sorted(os.listdir(self.folder)), before)

    def check_weights(self, name, says, change):
        """`change` maps the parsed header and the data of model.safetensors to the new file's bytes."""

        def damage(folder):
            path = os.path.join(folder, "model.safetensors")
            with open(path, "rb") as file:
                content = file.read()
            os.remove(path)
            tiny.put(path, change(*tiny.split_file(content)))

        self.check(name, ["model.safetensors", *says], damage)

    def check_config(self, name, says, **changes):
        def damage(folder):
            config = {**tiny.CONFIG, **changes}
            tiny.put(os.path.join(folder, "config.json"), json.dumps({k: v for k, v in config.items() if v is not ...}))

        self.check(name, ["config.json", *says], damage)

    def test_damaged_safetensors(self):
        def edited(edit):
            def change(header, data):
                edit(header)
                return tiny.with_header(json.dumps(header), data)

            return change

        def entry(**fields):
            return edited(lambda header: header[UP].update(fields))

        check = self.check_weights
        check("empty", ["expected", "found"], lambda header, data: b"")
        check("six bytes", ["expected", "found"], lambda header, data: b"\x08\0\0\0\0\0")
        check("truncated data", ["expected", "found"], lambda h, d: tiny.with_header(json.dumps(h), d[:-100]))
        check("trailing data", ["expected", "found"], lambda h, d: tiny.with_header(json.dumps(h), d + b"\0" * 64))
        check("header past the end", [], lambda h, d: struct.pack("<Q", 1 << 40) + json.dumps(h).encode())
        check("header length overflows", [], lambda h, d: struct.pack("<Q", 2**64 - 8) + json.dumps(h).encode())
        check("header is not JSON", [], lambda h, d: tiny.with_header("{{{{", d))
        check("header is a list", [], lambda h, d: tiny.with_header("[]", d))
        check("deep header", [], lambda h, d: tiny.with_header("[" * 100000, d))
        check("header and more behind a NUL", ["NUL"], lambda h, d: tiny.with_header(json.dumps(h) + "\0 more", d))
        text = lambda h: json.dumps(h)  # noqa: E731
        check("duplicate tensor", [UP], lambda h, d: tiny.with_header(text(h)[:-1] + f', "{UP}": {json.dumps(h[UP])}}}', d))
        offsets = [0, 64 * 32 * 4]
        check("overlapping tensors", ["overlap"], entry(data_offsets=offsets))
        check("offsets past the end", [UP], entry(data_offsets=[1 << 40, (1 << 40) + 8192]))
        check("offsets reversed", [UP], entry(data_offsets=[8192, 0]))
        check("offsets negative", [UP], entry(data_offsets=[-8192, 0]))
        check("three offsets", [UP], entry(data_offsets=[0, 1, 2]))
        check("shape overflows", [UP], entry(shape=[2**33, 2**33]))
        check("negative shape", [UP], entry(shape=[-64, -32]))
        check("shape against offsets", [UP], entry(shape=[64, 31]))
        check("unknown dtype", [UP, "Q7"], entry(dtype="Q7"))
        check("no dtype", [UP, "dtype"], edited(lambda header: header[UP].pop("dtype")))

    def test_wrong_tensors(self):
        def check(name, says, edit):
            tensors = tiny.weights()
            edit(tensors)
            path = "model.safetensors"
            self.check(name, says, lambda folder: tiny.put(os.path.join(folder, path), tiny.safetensors(tensors)))

        surplus = "model.layers.9.mlp.up_proj.weight"
        short = ("F32", [63, 32], b"\0" * (63 * 32 * 4))
        check("missing tensor", ["model.safetensors", UP], lambda tensors: tensors.pop(UP))
        check("surplus tensor", ["model.safetensors", surplus], lambda tensors: tensors.update({surplus: tensors[UP]}))
        check("wrong shape", [UP, "[64, 32]", "[63, 32]"], lambda tensors: tensors.update({UP: short}))
        check("integers as weights", [UP], lambda tensors: tensors.update({UP: ("I32", *tensors[UP][1:])}))

    def test_shards(self):
        def index(weight_map):
            def damage(folder):
                tiny.put(os.path.join(folder, "model.safetensors.index.json"), json.dumps({"weight_map": weight_map}))
                os.rename(os.path.join(folder, "model.safetensors"), os.path.join(folder, "model-1.safetensors"))

            return damage

        names = dict.fromkeys(tiny.shapes(), "model-1.safetensors")
        many = {f"t{i}": "model-1.safetensors" for i in range(50000)}
        self.check("long index", ["t0"], index({**names, **many}))
        self.check("missing shard", ["model-2.safetensors"], index({**names, UP: "model-2.safetensors"}))
        self.check("tensor not in its shard", ["other"], index({**names, "other": "model-1.safetensors"}))
        self.check("shard outside the folder", ["../"], index({**names, UP: "../model-1.safetensors"}))

    def test_damaged_config(self):
        def raw(content):
            return lambda folder: tiny.put(os.path.join(folder, "config.json"), content)

        self.check("config is not JSON", ["config.json"], raw("{"))
        self.check("config is a list", ["config.json"], raw("[]"))
        whole = json.dumps(tiny.CONFIG).encode()
        self.check("config and more behind a NUL", ["config.json", "NUL"], raw(whole + b"\0 not JSON"))
        self.check("config and more", ["config.json", f"byte {len(whole) + 1}"], raw(whole + b"{}"))
        self.check("huge config", ["config.json", "16777216"], raw(whole + b" " * (1 << 24)))
        self.check("config is binary", ["config.json"], raw(b"\xff\xfe\x00{"))
        self.check("config with a key twice", ["config.json", "vocab_size"], raw('{"vocab_size": 1, "vocab_size": 2}'))
        self.check("deep config", ["config.json"], raw('{"a":' * 5000))

        check = self.check_config
        check("unknown model type", ["model_type", "gpt9"], model_type="gpt9")
        check("no hidden size", ["hidden_size"], hidden_size=...)
        check("text as a number", ["hidden_size"], hidden_size="32")
        check("no width", ["hidden_size", "0"], hidden_size=0)
        check("negative layers", ["num_hidden_layers", "-4"], num_hidden_layers=-4)
        check("too many layers", ["num_hidden_layers"], num_hidden_layers=10**12)
        check("too large a vocabulary", ["vocab_size"], vocab_size=10**15)
        check("heads do not divide", ["num_attention_heads"], num_attention_heads=4, num_key_value_heads=3)
        check("unknown rope", ["spiral"], rope_scaling={"rope_type": "spiral", "factor": 2.0})
        check("rope without its factor", ["factor"], rope_scaling={"rope_type": "linear"})
        check("unknown activation", ["hidden_act", "step"], hidden_act="step")

    def test_not_a_model(self):
        missing = self.path("missing")
        self.refused("inspect", missing, code=3, says=[missing])
        empty = self.path("empty")
        os.mkdir(empty)
        self.refused("inspect", empty, code=3, says=[empty, "config.json"])
        self.refused("convert", empty, "--out", self.path("out"), code=3, says=[empty, "config.json"])
        self.refused("inspect", os.path.join(self.model, "config.json"), code=3, says=["config.json"])
        weightless = self.copy_model("weightless")
        os.remove(os.path.join(weightless, "model.safetensors"))
        self.refused("inspect", weightless, code=3, says=[weightless])
        self.assertFalse(os.path.exists(self.path("out")))

    def test_pickle(self):
        folder = self.copy_model()
        os.remove(os.path.join(folder, "model.safetensors"))
        tiny.put(os.path.join(folder, "pytorch_model.bin"), os.urandom(4096))
        self.refused("inspect", folder, code=3, says=["pytorch_model.bin"])

    def test_pickles_of_the_real_writer(self):
        def refused(name, says):
            with self.subTest(name):
                folder = self.copy_model(name)
                os.remove(os.path.join(folder, "model.safetensors"))
                shutil.copy(os.path.join(PICKLES, name + ".bin"), os.path.join(folder, "pytorch_model.bin"))
                self.refused("inspect", folder, code=3, says=["pytorch_model.bin", *says])

        refused("module", ["embed_tokens", "no such tensor"])  # read, and not this model's
        refused("fp8", ['tensor "w"', "float8_e4m3fn"])
        refused("training", ["state_dict", "alone"])
        refused("legacy", ["before PyTorch 1.6"])

    def test_config_and_weights_disagree(self):
        student = self.path("student")
        self.zebra("convert", self.model, "--out", student, "--mla-layers", "0,2", "--init", "reference",
                   "--kv-rank", "8", "--rope-dim", "4", "--q-rank", "16")  # fmt: skip
        path = os.path.join(student, "hybrid_config.json")
        with open(path) as file:
            hybrid = json.load(file)
        os.remove(path)

        def refused(name, change, says):
            with self.subTest(name):
                tiny.put(path, json.dumps(change))
                before = sorted(os.listdir(self.folder))
                for verb in (["inspect"], ["export", "--format", "amd", "--out", self.path("out")]):
                    self.refused(verb[0], student, *verb[1:], code=3, says=["model.safetensors", "tensor", *says])
                self.assertEqual(sorted(os.listdir(self.folder)), before)
                os.remove(path)

        refused("another width", {**hybrid, "v_head_dim": hybrid["v_head_dim"] - 1}, ["kv_b_proj", "expected shape"])
        refused("another rank", {**hybrid, "kv_lora_rank": hybrid["kv_lora_rank"] + 8}, ["kv_a_proj", "expected shape"])
        refused("other layers", {**hybrid, "mla_layers": [1, 2]}, ["no such tensor"])

    def test_damaged_tokenizer(self):
        def check(name, says, edit):
            with self.subTest(name):
                folder = self.copy_model(name.replace(" ", "_"))
                tokenizer = tiny.tokenizer()
                edit(tokenizer)
                tiny.put(os.path.join(folder, "tokenizer.json"), json.dumps(tokenizer))
                self.refused("tokenize", folder, code=3, says=["tokenizer.json", *says], input='{"text": "a"}\n')

        split = {"type": "Split", "pattern": {"Regex": "(?<=x)y*+"}, "behavior": "Isolated", "invert": False}
        check("unknown split", ["(?<=x)y*+"], lambda t: t.update(pre_tokenizer=split))
        check("unknown pre-tokenizer", ["Sawmill"], lambda t: t.update(pre_tokenizer={"type": "Sawmill"}))
        check("unknown normaliser", ["Blur"], lambda t: t.update(normalizer={"type": "Blur"}))
        check("unknown model", ["Oracle"], lambda t: t["model"].update(type="Oracle"))
        check("merge of unknown tokens", ["merge"], lambda t: t["model"].update(merges=["a qqqq"]))
        check("two tokens of one id", [], lambda t: t["model"]["vocab"].update(a=0))
        check("negative id", [], lambda t: t["model"]["vocab"].update(a=-1))

    def test_bad_texts(self):
        def check(name, content, says, suffix=".jsonl"):
            with self.subTest(name):
                path = self.path(name.replace(" ", "_") + suffix)
                tiny.put(path, content)
                self.refused("eval", self.model, "--text", path, code=3, says=[path, *says])

        check("not JSON", '{"text": "good"}\n{"text": \n', ["line 2"])
        check("no text", '{"text": "good"}\n{"txt": "good"}\n', ["line 2", "text"])
        check("text is a number", '{"text": 3}\n', ["line 1", "text"])
        check("damaged gzip", b"\x1f\x8b\x08\0garbage", [], ".jsonl.gz")
        check("xz", b"\xfd7zXZ\0", ["xz"], ".jsonl.xz")
        self.refused("eval", self.model, "--text", self.path("missing.jsonl"), code=3, says=["missing.jsonl"])

    def test_bad_ids(self):
        def check(name, tensors, says):
            with self.subTest(name):
                ids, out = self.path(name.replace(" ", "_")), self.path("logits")
                tiny.put(ids, tiny.safetensors(tensors))
                self.refused("logits", self.model, "--ids", ids, "--out", out, code=3, says=[ids, *says])
                self.assertFalse(os.path.exists(out))

        check("no ids", {"x": ("I64", [1, 1], b"\0" * 8)}, ["input_ids"])
        check("floats", {"input_ids": ("F32", [1, 2], b"\0" * 8)}, ["input_ids", "I64", "F32"])
        check("one dimension", {"input_ids": ("I64", [2], b"\0" * 16)}, ["input_ids"])
        check("id too large", {"input_ids": ("I64", [1, 1], struct.pack("<q", 258))}, ["input_ids", "258"])
        check("negative id", {"input_ids": ("I64", [1, 1], struct.pack("<q", -1))}, ["input_ids", "-1"])
