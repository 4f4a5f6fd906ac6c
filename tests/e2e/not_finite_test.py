"""Weights that are infinite or NaN: no command says that it worked, and the tensor is named."""

import array
import json
import os
import unittest

import tiny
from program import ProgramTest

TEXT = ["jumps over the lazy dog " * 3] * 12
SHORT = ["--length", 16, "--threads", 1]
CALIBRATION = ["--calibration", "random", "--calibration-tokens", 256]


def spoiled(name, value, place=5):
    tensors = tiny.weights()
    dtype, shape, content = tensors[name]
    numbers = array.array("f", content)
    numbers[place] = value
    tensors[name] = (dtype, shape, numbers.tobytes())
    return tensors


class NotFiniteTest(ProgramTest):
    turn = 0

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.bad = {
            name: tiny.write_model(os.path.join(cls.shared, f"bad{number}"), tensors=spoiled(name, value))
            for number, (name, value) in enumerate(
                [
                    ("model.layers.0.mlp.gate_proj.weight", float("inf")),
                    ("model.layers.3.self_attn.v_proj.weight", float("nan")),
                    ("lm_head.weight", float("-inf")),
                ]
            )
        }

    def each(self, *arguments, all=False):
        """The sentence of a command on the next bad model, or on all, names its tensor; no output appears."""
        NotFiniteTest.turn += 1
        models = list(self.bad.items())
        for name, model in models if all else [models[self.turn % len(models)]]:
            out = self.path("out")
            words = [model if word == "MODEL" else out if word == "OUT" else word for word in arguments]
            self.refused(*words, code=3, says=["finite", name])
            self.assertFalse(os.path.exists(out), f"{arguments[0]} wrote a folder")

    def lines(self, name, objects):
        tiny.put(self.path(name), "".join(json.dumps(each) + "\n" for each in objects))
        return self.path(name)

    def test_text(self):
        self.each("generate", "MODEL", "--prompt", "a", "--max-tokens", 4)
        self.each("generate", "MODEL", "--prompt", "a", "--max-tokens", 4, "--temperature", 1)
        self.each("sample", "MODEL", "--tokens", 64, "--length", 16, "--out", "OUT")

    def test_scores(self):
        text = self.texts("text.jsonl", TEXT)
        self.each("eval", "MODEL", "--text", text, "--json")
        self.each("eval", self.model, "--teacher", "MODEL", "--text", text)
        data = self.path("data", "arc_easy")
        os.makedirs(data)
        choices = {"text": ["a", "bc"], "label": ["A", "B"]}
        for split in ("test", "validation", "train"):
            self.lines(os.path.join("data", "arc_easy", split + ".jsonl"),
                       [{"question": "which", "choices": choices, "answerKey": "A"}] * 3)  # fmt: skip
        self.each("eval", "MODEL", "--tasks", "arc_easy", "--data-dir", self.path("data"))
        name, model = next(iter(self.bad.items()))
        told = self.zebra("select", model, "--text", text, "--count", 2, "--kv-rank", 8, "--rope-dim", 4, "--out",
                          self.path("out"), code=3).stderr  # fmt: skip
        self.assertIn(name, told)

    def test_conversions(self):
        mla = ["--kv-rank", 8, "--rope-dim", 4]
        self.each("convert", "MODEL", "--out", "OUT", "--mla-layers", "0", "--rest", "attention", *mla, *CALIBRATION,
                  all=True)  # fmt: skip
        self.each("convert", "MODEL", "--out", "OUT", "--mla-layers", "1", "--rest", "mamba2", *mla, *CALIBRATION, all=True)
        # Nothing is measured here: tensors go from file to file.
        self.each("convert", "MODEL", "--out", "OUT", "--mla-layers", "1", "--rest", "attention", *mla,
                  "--mla-init", "reference")  # fmt: skip
        self.each("prune", "MODEL", "--out", "OUT", "--layers", 2, *CALIBRATION)
        self.each("prune", "MODEL", "--out", "OUT", "--intermediate", 32, *CALIBRATION)

    def test_trainings(self):
        student, text = self.path("student"), self.texts("text.jsonl", TEXT)
        self.zebra("convert", self.model, "--out", student, "--mla-layers", "1", "--rest", "mamba2", "--kv-rank", 8,
                   "--rope-dim", 4, *CALIBRATION)  # fmt: skip
        distill = ["distill", "--out", "OUT", "--data", text, "--tokens", 64, "--batch-tokens", 32, *SHORT]
        for held_out in (["--held-out", 0], []):
            self.each(*distill, "--teacher", "MODEL", "--student", student, *held_out)
        # A student of the teacher's own layers has the same tensors.
        self.each(*distill, "--teacher", self.model, "--student", "MODEL")
        pairs = self.lines("pairs.jsonl", [{"prompt": "ab", "chosen": "c", "rejected": "d"}] * 4)
        talks = self.lines("talks.jsonl", [{"prompt": "ab", "completion": "cd"}] * 4)
        self.each("align", "--method", "dpo", "--model", "MODEL", "--out", "OUT", "--data", pairs, "--batch", 2, *SHORT)
        self.each("align", "--method", "sft", "--model", "MODEL", "--out", "OUT", "--data", talks, "--batch", 2, *SHORT)
        self.each("align", "--method", "sft", "--model", self.model, "--teacher", "MODEL", "--kl-weight", 1, "--out", "OUT",
                  "--data", talks, "--batch", 2, *SHORT)  # fmt: skip


if __name__ == "__main__":
    unittest.main()
