"""zebra upcycle runs a recipe: its record, its stages side by side, what it refuses to go on with."""

import json
import os
import shutil

import tiny
from program import read
from recipe_case import TRAINING, RecipeTest


class RecipesTest(RecipeTest):
    def test_summary(self):
        stages = {stage["stage"]: stage for stage in self.summary["stages"]}
        self.assertEqual(self.summary["model"], os.path.join(self.straight, "chosen_again"))
        self.assertGreater(stages["distilled"]["seconds"], 0)
        self.assertEqual(stages["scores"]["result"], json.loads(read(self.straight, "scores.json")))
        self.assertFalse(stages["distilled"]["layers_assumed"])
        shown = self.zebra(*self.command(self.straight)).stdout
        self.assertRegex(shown, r"(?m)^stage +verb +seconds +KV % +KL +perplexity$")
        self.assertRegex(shown, rf"(?m)^scores +eval .* {stages['scores']['result']['kl']:.4f} ")

    def test_stage_is_a_command_that_can_be_typed(self):
        stages = json.loads(read(self.straight, "stages.json"))["stages"]
        command = stages["mla"]["command"].split()
        self.assertEqual(command[:2], ["zebra", "convert"])
        self.zebra(*command[1:-1], self.path("typed"))
        self.assertEqual(read(self.path("typed"), "model.safetensors"), read(self.straight, "mla", "model.safetensors"))

    def test_side_by_side_is_the_same(self):
        out = self.path("out")
        log = self.zebra(*self.command(out, "--jobs", 3)).stderr
        self.assert_same(out)
        self.assertLess(log.index(", mamba2\n"), log.index("stage mla: done"), "nothing keeps these two apart")
        for stage in json.loads(read(out, "stages.json"))["stages"]:
            self.assertIn(f"stage {stage}: done in ", log)
            self.assertTrue(os.path.exists(os.path.join(out, stage + ".log")))

    def test_a_stage_that_fails_side_by_side(self):
        bad = self.path("bad.jsonl")
        tiny.put(bad, '{"text": "fine"}\n{"text": 3}\n')
        command = self.command(self.path("out"), "--jobs", 2, "--set", f"text={bad}")
        self.refused(*command, code=3, says=["stopped at: zebra select", "why is at the end of", "hybrid.log"])
        self.assertIn(b"bad.jsonl, line 2", read(self.path("out"), "hybrid.log"))
        stages = json.loads(read(self.path("out"), "stages.json"))["stages"]
        done = [stage for stage in stages if os.path.exists(self.path("out", stage))]
        self.assertEqual(sorted(done), ["ild_mamba2", "ild_mla", "mamba2", "mla"])
        for stage in done:
            self.assertIn("seconds", stages[stage], "what was finished is recorded")

    def test_changed_settings_are_refused(self):
        self.refused(*self.command(self.straight, "--set", "ild_mla.seed=7"), code=2, says=["stage ild_mla", "seed", "7"])
        self.refused(*self.command(self.straight, "--set", "kv_rank=4"), code=2, says=["stage mla", "kv_rank", "8", "4"])
        other = [*self.command(self.straight)]
        other[other.index("--teacher") + 1] = self.copy_model()
        self.refused(*other, code=2, says=["stage mla", "teacher"])

    def test_outputs_of_others_are_refused(self):
        out = self.path("out")
        os.makedirs(os.path.join(out, "mla"))
        self.refused(*self.command(out), code=2, says=["stage mla", "stages.json"])

    def test_an_output_without_what_it_was_made_from(self):
        out = self.path("out")
        os.makedirs(os.path.join(out, "ild_mla"))
        tiny.put(os.path.join(out, "stages.json"), read(self.straight, "stages.json"))
        self.refused(*self.command(out), code=2, says=["stage ild_mla", "mla"])

    def test_students_of_one_stage_share_the_teacher(self):
        """Two students learn their layers in one stage, each with a folder in it; a run that lost one makes it again."""

        def convert(name, layers):
            widths = {} if layers == "none" else {"kv_rank": 8, "rope_dim": 4}
            return {"stage": name, "verb": "convert", "teacher": "@teacher", "mla_layers": layers, **widths}

        def distill(name, student):
            return {"stage": name, "verb": "distill", "teacher": "@teacher", "student": student, **TRAINING, "loss": "layers",
                    "tokens": 512 * 4}  # fmt: skip

        stages = [convert("mla", "all"), convert("mamba2", "none"), distill("ild", ["@mla", "@mamba2"]), distill("alone", "@mla"),
                  {"stage": "hybrid", "verb": "select", "teacher": "@teacher", "mamba2_student": "@ild/mamba2",
                   "mla_student": "@ild/mla", "text": self.text, "count": 2}]  # fmt: skip
        tiny.put(self.path("recipe.json"), json.dumps({"name": "pair", "stages": stages}))
        out = self.path("out")
        command = ["upcycle", self.path("recipe.json"), "--teacher", self.model, "--out", out, "--json"]
        planned = {stage["stage"]: stage for stage in self.json(*command, "--dry-run")["stages"]}
        self.assertIn(f"--out {out}/ild/mla,{out}/ild/mamba2", planned["ild"]["command"])
        self.assertLess(planned["alone"]["flops"], planned["ild"]["flops"])
        for part in ("weights", "gradients", "moments"):
            self.assertLess(1.5 * planned["alone"]["memory_bytes"][part], planned["ild"]["memory_bytes"][part])
        self.assertEqual(planned["alone"]["memory_bytes"]["teacher"], planned["ild"]["memory_bytes"]["teacher"])

        done = {stage["stage"]: stage for stage in self.json(*command)["stages"]}
        self.assertEqual([report["out"] for report in done["ild"]["result"]], [f"{out}/ild/mla", f"{out}/ild/mamba2"])
        weights = read(out, "ild/mla/model.safetensors")
        self.assertEqual(weights, read(out, "alone/model.safetensors"), "a student learns as it would alone")
        self.assertEqual(planned["hybrid"]["parameters"], done["hybrid"]["parameters"])
        shutil.rmtree(os.path.join(out, "ild", "mamba2"))
        shutil.rmtree(os.path.join(out, "hybrid"))
        self.json(*command)
        self.assertEqual(weights, read(out, "ild/mla/model.safetensors"))
        self.assertTrue(os.path.exists(os.path.join(out, "ild", "mamba2", "model.safetensors")))
        self.refused(*command, "--set", "ild.student=@mla,@mla", code=2, says=["stage ild", "twice"])
        self.refused(*command, "--set", "ild.loss=kl", code=2, says=["stage ild", "--loss"])

    def test_a_hybrid_is_converted_further(self):
        """Stepwise: half of the attention layers, distilled, half of what is left, distilled; what is Mamba2 stays."""

        def convert(name, teacher, **layers):
            return {"stage": name, "verb": "convert", "teacher": teacher, "mla_layers": "none", "rest": "attention", **layers}

        def distill(name, student):
            return {"stage": name, "verb": "distill", "teacher": "@teacher", "student": student, **TRAINING, "tokens": 512 * 8}

        recipe = {
            "name": "steps",
            "stages": [
                convert("init_half", "@teacher", mamba2_layers=[1, 3]), distill("half", "@init_half"),
                convert("init_quarter", "@half", mamba2_layers=[2]), distill("quarter", "@init_quarter"),
                {"stage": "scores", "verb": "eval", "dir": "@quarter", "text": self.text, "teacher": "@teacher"},
            ],
        }  # fmt: skip
        tiny.put(self.path("recipe.json"), json.dumps(recipe))
        out = self.path("out")
        command = ["upcycle", self.path("recipe.json"), "--teacher", self.model, "--out", out, "--json"]
        plan = self.json(*command, "--dry-run")
        self.assertEqual(plan["kv_percent"], 25)
        stages = {stage["stage"]: stage for stage in plan["stages"]}
        self.assertEqual(stages["half"]["kv_percent"], 50)
        twice = self.refused(*command, "--set", "init_quarter.mamba2_layers=2,3", code=2, says=["stage init_quarter"])
        self.assertIn("--mamba2-layers: layer 3: expected attention, found mamba2", twice)
        self.assertFalse(os.path.exists(out))

        self.json(*command)
        for name in ("half", "quarter"):
            made = self.json("inspect", os.path.join(out, name), "--json")
            for key in ("parameters", "cache_bytes_per_token", "cache_bytes_per_sequence", "kv_percent"):
                self.assertEqual(stages[name][key], made[key], f"{name} {key}")
        self.assertEqual([layer["kind"] for layer in made["layers"]], ["attention", "mamba2", "mamba2", "mamba2"])
        tensors = [self.tensors(os.path.join(out, name)) for name in ("init_half", "half", "init_quarter")]
        changed = [name for name in tensors[1] if tensors[2].get(name) != tensors[1][name]]
        self.assertEqual(sorted(changed), [f"model.layers.2.self_attn.{part}_proj.weight" for part in "koqv"])
        learnt = "model.layers.1.mamba.in_proj.weight"
        self.assertNotEqual(tensors[0][learnt], tensors[1][learnt], "it is the distilled layer that stays")
        card = read(out, "quarter", "README.md").decode()
        for title in ("# quarter", "## half, converted", "### half", "#### tiny, converted"):
            self.assertRegex(card, rf"(?m)^{title}")

        hybrid = os.path.join(out, "half")
        flags = ["--text", self.text, "--count", 1, "--out", self.path("none")]
        self.refused("select", hybrid, *flags, code=3, says=["layer 1", "expected attention, found mamba2", "select"])
        self.refused("prune", hybrid, "--layers", 3, "--out", self.path("none"), code=3, says=["prune", "hybrid"])
        made_of = ["reproduce", "--teacher", hybrid, "--text", self.text, "--tokens", "1M", "--out", self.path("none")]
        self.refused(*made_of, "--dry-run", code=3, says=["reproduce", "layer 1", "from a Transformer"])
        given = ["--mamba2-student", os.path.join(out, "quarter"), "--mla-student", hybrid]
        self.refused("select", hybrid, *flags, *given, code=3, says=[hybrid, "layer 0", "expected MLA"])

    def tensors(self, folder):
        header, data = tiny.split_file(read(folder, "model.safetensors"))
        header.pop("__metadata__")
        return {name: data[slice(*entry["data_offsets"])] for name, entry in header.items()}

    def test_ranks_by_energy_are_known_when_weights_are(self):
        content = {"name": "energy", "stages": [
            {"stage": "init", "verb": "convert", "teacher": "@teacher", "mla_layers": "all", "init": "reference", "rank": "energy",
             "kv_rank": 8, "rope_dim": 4, "nope_dim": 4, "q_rank": 16},
            {"stage": "distilled", "verb": "distill", "teacher": "@teacher", "student": "@init", **TRAINING, "tokens": 512},
        ]}  # fmt: skip
        tiny.put(self.path("recipe.json"), json.dumps(content))
        command = ["upcycle", self.path("recipe.json"), "--teacher", self.model, "--out", self.path("out")]
        plan = self.json(*command, "--dry-run", "--json")
        self.assertEqual([stage["ranks_assumed"] for stage in plan["stages"]], [True, True])
        self.assertIsNone(plan["kv_percent"])
        self.assertIn("--kv-rank stands for all of them", self.zebra(*command, "--dry-run").stdout)
        made = self.json(*command, "--json")["stages"][1]
        self.assertFalse(made["ranks_assumed"])
        self.assertGreater(made["kv_percent"], plan["stages"][1]["kv_percent"])
        ranks = [layer["kv_rank"] for layer in self.json("inspect", made["out"], "--json")["layers"]]
        self.assertEqual((ranks[0], ranks[3]), (8, 8))
        self.assertGreater(min(ranks[1:3]), 8)
        plan = self.json(*command, "--dry-run", "--json")
        self.assertEqual(plan["kv_percent"], made["kv_percent"])
        self.assertNotIn("--kv-rank stands", self.zebra(*command, "--dry-run").stdout)
