"""What zebra upcycle says before it runs: errors, the dry run, zebra recipes."""

import json
import os

import tiny
from program import read
from recipe_case import STEPS, RecipeTest

RECIPES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "recipes")


class RecipePlansTest(RecipeTest):
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
        self.assertRegex(self.zebra(*command).stdout, r"(?m)^distilled +distill .* 18.75 +[0-9.]+ +12.3k ")
        unknown = [*command, "--set", "aligned.data=not_there.jsonl"]
        self.assertRegex(self.zebra(*unknown).stdout, r"(?m)^aligned +align .* 18.75 +[0-9.]+ +\? .* \?$")
        self.assertEqual({stage["stage"]: stage for stage in self.json(*unknown, "--json")["stages"]}["aligned"]["hours"], None)

    def test_a_plan_needs_no_folder_of_a_known_teacher(self):
        command = ["upcycle", "zebra_llama_3.2_1b_4mla_12m2", "--dry-run"]
        plan = self.json(*command, "--json", cwd=self.folder)
        for name in ("llama3.2-1b", "Llama-3.2-1B", "meta-llama/Llama-3.2-1B-Instruct"):
            again = self.json(*command, "--json", "--teacher", name, cwd=self.folder)
            self.assertEqual([stage.get("parameters") for stage in again["stages"]],
                             [stage.get("parameters") for stage in plan["stages"]])  # fmt: skip
        largest = max(stage["memory_bytes"]["total"] for stage in plan["stages"] if "memory_bytes" in stage)
        self.assertEqual(plan["memory_bytes"], largest)
        card = plan["fits_card_gb"]
        self.assertTrue(largest > 141e9 if card is None else largest <= card * 1e9)
        self.assertRegex(self.zebra(*command, cwd=self.folder).stdout, r"(?m)^The largest stage needs [\d.]+ GiB: .*141")
        self.refused(*command, "--teacher", "llama3.2-2b", code=2, says=["llama3.2-2b", "models/shapes.json"])
        # Only a plan: a run needs the folder.
        self.refused(*command[:-1], code=2, says=["no folder", "--teacher DIR"])

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
                self.assertIn(plan["fits_card_gb"], (24, 48, 80, 141, None))
        text = self.zebra("recipes", "list").stdout
        self.assertRegex(text, r"(?m)^zebra_llama_3.2_1b_4mla_12m2 +upcycle +3.91 % KV$")
