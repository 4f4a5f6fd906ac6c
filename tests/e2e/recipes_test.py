"""zebra upcycle and zebra recipes: a recipe runs, stops at any point and goes on, and its plan tells the truth."""

import json
import os
import re
import shutil
import signal
import subprocess
import time

import tiny
from program import PROGRAM, ProgramTest, read

RECIPES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "recipes")
STEPS = 24
TRAINING = {"data": "sample", "batch_tokens": 512, "length": 32, "save_every": 5, "threads": 1}


def shape(hidden, layers, heads, kv_heads, head_dim, intermediate, vocab, context, tied):
    return {
        **tiny.CONFIG, "hidden_size": hidden, "num_hidden_layers": layers, "num_attention_heads": heads,
        "num_key_value_heads": kv_heads, "head_dim": head_dim, "intermediate_size": intermediate, "vocab_size": vocab,
        "max_position_embeddings": context, "tie_word_embeddings": tied,
    }  # fmt: skip


# The teachers that the recipes name, as far as their plans need them.
TEACHERS = {
    "meta-llama/Llama-3.2-1B-Instruct": shape(2048, 16, 32, 8, 64, 8192, 128256, 131072, True),
    "meta-llama/Llama-3.2-3B-Instruct": shape(3072, 28, 24, 8, 128, 8192, 128256, 131072, True),
    "meta-llama/Llama-3.1-8B-Instruct": shape(4096, 32, 32, 8, 128, 14336, 128256, 131072, False),
    "meta-llama/Llama-3.1-8B": shape(4096, 32, 32, 8, 128, 14336, 128256, 131072, False),
    "meta-llama/Llama-3.1-70B-Instruct": shape(8192, 80, 64, 8, 128, 28672, 128256, 131072, False),
    "meta-llama/Llama-2-7b-hf": shape(4096, 32, 32, 32, 128, 11008, 32000, 4096, False),
    "HuggingFaceTB/SmolLM-135M-Instruct": shape(576, 30, 9, 3, 64, 1536, 49152, 2048, True),
    "HuggingFaceTB/SmolLM-360M-Instruct": shape(960, 32, 15, 5, 64, 2560, 49152, 2048, True),
    "HuggingFaceTB/SmolLM-1.7B-Instruct": shape(2048, 24, 32, 32, 64, 8192, 49152, 2048, True),
}


class RecipesTest(ProgramTest):
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
            return {"stage": name, "verb": "convert", "teacher": "@teacher", "mla_layers": layers, "kv_rank": 8, "rope_dim": 4}

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
        for stage in ("hybrid", "distilled", "aligned", "chosen_again"):
            self.assertEqual(read(out, stage, "model.safetensors"), read(self.straight, stage, "model.safetensors"), stage)
        scores, expected = (json.loads(read(folder, "scores.json")) for folder in (out, self.straight))
        for key in ("ppl", "kl", "agreement", "tokens"):
            self.assertEqual(scores[key], expected[key])

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

    def stop_in_the_middle(self, out, kind, everyone=False, jobs=1):
        """Starts the recipe and sends a signal in the middle of its longest stage, to the stage itself too if asked."""
        command = [PROGRAM, *self.command(out, "--jobs", str(jobs))]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE)
        metrics = os.path.join(out, "distilled.run", "metrics.jsonl")
        while process.poll() is None:
            if os.path.exists(metrics) and len(read(metrics).splitlines()) > STEPS // 3:
                break
            time.sleep(0.01)
        if everyone:
            with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="utf-8") as file:
                os.kill(int(file.read().split()[0]), kind)
        process.send_signal(kind)
        process.communicate(timeout=120)  # ends when the stage has: it holds our pipe
        return process.returncode

    def stop_and_go_on(self, kind, code, everyone=False, jobs=1):
        out = self.path("out")
        self.assertEqual(self.stop_in_the_middle(out, kind, everyone, jobs), code)
        self.assertFalse(os.path.exists(os.path.join(out, "distilled")))
        chosen = os.stat(os.path.join(out, "hybrid", "model.safetensors")).st_mtime_ns
        log = self.zebra(*self.command(out)).stderr
        saved = re.search(r"resuming after step (\d+)", log)
        # Not only the checkpoint of every fifth step: what was done when the signal came.
        self.assertGreaterEqual(int(saved[1]), STEPS // 3, log)
        self.assertIn(log.count("done already"), (5, 6) if jobs > 1 else (5,))
        self.assertEqual(os.stat(os.path.join(out, "hybrid", "model.safetensors")).st_mtime_ns, chosen)
        self.assert_same(out)

    def test_killed_recipe_goes_on(self):
        self.stop_and_go_on(signal.SIGKILL, -signal.SIGKILL)

    def test_terminated_recipe_goes_on(self):
        self.stop_and_go_on(signal.SIGTERM, 143)

    def test_terminated_with_its_stage_it_saves_all_the_same(self):
        self.stop_and_go_on(signal.SIGTERM, 143, everyone=True)

    def test_terminated_side_by_side_it_saves_too(self):
        self.stop_and_go_on(signal.SIGTERM, 143, jobs=3)

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

    def test_errors_come_before_anything_runs(self):
        def check(says, code=2, change=None, flags=()):
            content = self.content()
            if change:
                change({stage["stage"]: stage for stage in content["stages"]})
            tiny.put(self.path("recipe.json"), json.dumps(content))
            command = ["upcycle", self.path("recipe.json"), "--teacher", self.model, "--out", self.path("out"), *flags]
            self.refused(*command, code=code, says=says)
            self.assertFalse(os.path.exists(self.path("out")))

        check(["scores", "tekst", "did you mean \"text\"?"], 3, lambda stages: stages["scores"].update(tekst="x"))
        check(["hybrid", "smart"], change=lambda stages: stages["hybrid"].update(method="smarter"))
        check(["hybrid", "count", "5"], change=lambda stages: stages["hybrid"].update(count=5))
        check(["distilled", "length", "999"], change=lambda stages: stages["distilled"].update(length=999))
        check(["distilled", "tokens", "many"], change=lambda stages: stages["distilled"].update(tokens="many"))
        check(["scores", "--text"], change=lambda stages: stages["scores"].pop("text"))
        check(["mla", "--rope-dim"], change=lambda stages: stages["mla"].update(rope_dim=3))
        check(["aligned", "method", "dop"], change=lambda stages: stages["aligned"].update(method="dop"))
        check(["aligned", "missing.jsonl"], flags=["--set", "aligned.data=missing.jsonl"])
        check(["chosen_again", "missing.jsonl"], flags=["--set", "chosen_again.calibration=missing.jsonl"])
        check(["ild_mla", "nowhere", "--set"], flags=["--set", "ild_mla.teacher=nowhere"])
        check(["mamba2", "another stage's output"], flags=["--set", f"mamba2.out={self.path('out', 'mla')}"])
        check(["tokns", "did you mean \"tokens\"?"], flags=["--set", "distilled.tokns=3"])
        check(["distiled", "did you mean distilled?"], flags=["--set", "distiled.tokens=3"])
        self.refused("upcycle", "zebra_defalt_3mla_3m2", code=2, says=["did you mean zebra_default_3mla_3m2?"])

    def test_dry_run_agrees_with_inspect(self):
        config_only = self.path("config_only")
        os.mkdir(config_only)
        tiny.put(os.path.join(config_only, "config.json"), json.dumps(tiny.CONFIG))
        command = ["upcycle", "--set", "device=cpu", self.recipe, "--teacher", config_only, "--out", self.path("out"),
                   "--dry-run"]  # fmt: skip
        plan = self.json(*command, "--json")
        self.assertFalse(os.path.exists(self.path("out")))
        for stage in plan["stages"]:
            if stage["verb"] == "eval":
                continue
            made = self.json("inspect", os.path.join(self.straight, stage["stage"]), "--json")
            for key in ("parameters", "cache_bytes_per_token", "cache_bytes_per_sequence", "kv_percent"):
                self.assertEqual(stage[key], made[key], f"{stage['stage']} {key}")
        distilled = {stage["stage"]: stage for stage in plan["stages"]}["distilled"]
        self.assertEqual(distilled["tokens"], 512 * STEPS)
        self.assertGreater(distilled["memory_bytes"]["moments"], 8 * distilled["parameters"])  # SOAP's bases
        self.assertEqual(distilled["memory_bytes"]["activations"], 160 * 512 * 4 * 32)
        aligned = {stage["stage"]: stage for stage in plan["stages"]}["aligned"]
        self.assertEqual(aligned["tokens"], os.path.getsize(self.pairs) // 4 * 2)  # two epochs
        self.assertEqual(aligned["memory_bytes"]["activations"], 160 * 8 * 2 * 48 * 4 * 32)
        twice = self.json(*command, "--json", "--tflops", 1, "--mfu", 0.5)
        self.assertAlmostEqual(twice["hours"], sum(s.get("flops", 0) for s in plan["stages"]) / 0.5e12 / 3600, places=12)
        self.assertRegex(self.zebra(*command).stdout, r"(?m)^distilled +distill .* 18.75 +12.3k ")
        unknown = [*command, "--set", "aligned.data=not_there.jsonl"]
        self.assertRegex(self.zebra(*unknown).stdout, r"(?m)^aligned +align .* 18.75 +\? .* \?$")
        self.assertEqual({stage["stage"]: stage for stage in self.json(*unknown, "--json")["stages"]}["aligned"]["hours"], None)

    def test_students_of_one_stage_share_the_teacher(self):
        """Two students learn their layers in one stage, each with a folder in it; a run that lost one makes it again."""

        def convert(name, layers):
            return {"stage": name, "verb": "convert", "teacher": "@teacher", "mla_layers": layers, "kv_rank": 8, "rope_dim": 4}

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

    def test_amd_config(self):
        lines = [
            f"model_name_or_path: {self.model}", "mla_layers: [0, 2]", "kv_lora_rank: 8", "q_lora_rank: 16",
            "qk_rope_head_dim: 4  # of 8", "dataset_mixer:", "  some/text: 1.0", "max_seq_length: 32", "max_steps: 5",
            "per_device_train_batch_size: 2", "learning_rate: 8.0e-05", "output_dir: checkpoints/Mine",
        ]  # fmt: skip
        tiny.put(self.path("config.yaml"), "\n".join(lines) + "\n")
        shown = self.zebra("recipes", "show", self.path("config.yaml"))
        self.assertEqual(json.loads(shown.stdout)["name"], "Mine")
        self.assertIn("ignored: dataset_mixer", shown.stderr)
        plan = self.json("upcycle", self.path("config.yaml"), "--dry-run", "--json")
        self.assertEqual(plan["tokens"], 5 * 2 * 8 * 32)
        self.assertEqual(plan["kv_percent"], 100 * 2 * 12 / 128)
        tiny.put(self.path("config.yaml"), lines[0] + "\n- what\n")
        self.refused("recipes", "show", self.path("config.yaml"), code=3, says=["config.yaml", "line 2"])

    def test_every_recipe_of_the_project(self):
        for name, config in TEACHERS.items():
            os.makedirs(self.path(name))
            tiny.put(self.path(name, "config.json"), json.dumps(config))
        listed = {entry["name"]: entry for entry in self.json("recipes", "list", "--json")}
        files = [name[: -len(".json")] for name in sorted(os.listdir(RECIPES)) if name.endswith(".json")]
        self.assertEqual(sorted(listed), files)
        self.assertGreaterEqual(len(files), 15)
        for name in files:
            with self.subTest(name):
                recipe = self.json("recipes", "show", name)
                self.assertEqual(recipe, json.loads(read(RECIPES, name + ".json")))
                if listed[name]["verb"] != "upcycle":
                    continue
                self.assertEqual(recipe["name"], name)
                plan = self.json("upcycle", name, "--dry-run", "--json", cwd=self.folder)
                if plan["stages"][-1]["ranks_assumed"]:  # nobody knows it yet, so nobody claims it
                    self.assertNotIn("kv_percent", recipe)
                else:
                    self.assertAlmostEqual(plan["kv_percent"], recipe["kv_percent"], delta=0.006)
                self.assertGreater(plan["hours"], 0)
        text = self.zebra("recipes", "list").stdout
        self.assertRegex(text, r"(?m)^zebra_llama_3.2_1b_4mla_12m2 +upcycle +3.91 % KV$")
