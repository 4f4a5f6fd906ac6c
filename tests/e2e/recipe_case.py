"""What the tests of recipes share: a recipe of every kind of stage, run once from its first stage to its last."""

import json
import os
import subprocess

import tiny
from program import PROGRAM, ProgramTest, read

STEPS = 24
TRAINING = {"data": "sample", "batch_tokens": 512, "length": 32, "save_every": 5, "threads": 1}


class RecipeTest(ProgramTest):
    models = ("hybrid", "distilled", "aligned", "chosen_again")  # stages that are compared bit for bit

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.text = os.path.join(cls.shared, "text.jsonl")
        tiny.put(cls.text, "".join(json.dumps({"text": text}) + "\n" for text in ("jumps over", "the lazy dog " * 9)))
        cls.pairs = os.path.join(cls.shared, "pairs.jsonl")
        pairs = [{"prompt": chr(97 + i) * 9, "chosen": "ab" * 9, "rejected": "yz" * 9} for i in range(20)]
        tiny.put(cls.pairs, "".join(json.dumps(pair) + "\n" for pair in pairs))
        cls.recipe = os.path.join(cls.shared, "recipe.json")
        tiny.put(cls.recipe, json.dumps(cls.content()))
        cls.straight = os.path.join(cls.shared, "straight")
        done = subprocess.run([PROGRAM, *cls.command(cls.straight), "--json"], check=True, capture_output=True)
        cls.summary = json.loads(done.stdout)

    @classmethod
    def content(cls):
        """Two students learn layer by layer, select mixes them, the hybrid is distilled, aligned and measured."""

        def convert(name, layers):
            widths = {} if layers == "none" else {"kv_rank": 8, "rope_dim": 4}
            return {"stage": name, "verb": "convert", "teacher": "@teacher", "mla_layers": layers, **widths}

        def distill(name, student, **more):
            return {"stage": name, "verb": "distill", "teacher": "@teacher", "student": student, **TRAINING, **more}

        return {
            "name": "tiny", "about": "For the test.",
            "stages": [
                convert("mla", "all"), convert("mamba2", "none"),
                distill("ild_mla", "@mla", loss="layers", tokens=512 * 4),
                distill("ild_mamba2", "@mamba2", loss="layers", tokens=512 * 4),
                {"stage": "hybrid", "verb": "select", "teacher": "@teacher", "mamba2_student": "@ild_mamba2",
                 "mla_student": "@ild_mla", "text": cls.text, "count": 2},
                distill("distilled", "@hybrid", tokens=512 * STEPS),
                {"stage": "scores", "verb": "eval", "dir": "@distilled", "text": cls.text, "teacher": "@teacher"},
                {"stage": "aligned", "verb": "align", "method": "dpo", "model": "@distilled", "data": cls.pairs, "batch": 8,
                 "epochs": 2, "length": 48, "threads": 1},
                {"stage": "chosen_again", "verb": "convert", "teacher": "@teacher",
                 "mla_layers": "@hybrid/selection.json", "kv_rank": 8, "rope_dim": 4},
            ],
        }  # fmt: skip

    @classmethod
    def command(cls, out, *more):
        return ["upcycle", cls.recipe, "--teacher", cls.model, "--out", out, *more]

    def assert_same(self, out):
        for stage in self.models:
            self.assertEqual(read(out, stage, "model.safetensors"), read(self.straight, stage, "model.safetensors"), stage)
        scores, expected = (json.loads(read(folder, "scores.json")) for folder in (out, self.straight))
        for key in ("ppl", "kl", "agreement", "tokens"):
            self.assertEqual(scores[key], expected[key])
