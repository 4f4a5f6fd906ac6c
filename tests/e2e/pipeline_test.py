"""The journey of a user on a tiny random model: convert, inspect, eval, distill (killed and resumed), generate."""

import html.parser
import json
import os
import signal
import subprocess

import tiny
from program import PROGRAM, ProgramTest, read

HYBRID = ["--mla-layers", "1", "--rest", "mamba2", "--kv-rank", "8", "--rope-dim", "4"]
STEPS = 24
TRAINING = ["--tokens", 512 * STEPS, "--batch-tokens", 512, "--length", 32, "--save-every", 5, "--threads", 1]


class Page(html.parser.HTMLParser):
    """The tags, attributes and text of a page, and the elements that it forgot to close."""

    def __init__(self, content):
        super().__init__()
        self.tags, self.attributes, self.open, self.text = [], [], [], ""
        self.feed(content)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            raise ValueError(f"</{tag}> closes nothing")

    def handle_data(self, data):
        self.text += data


class PipelineTest(ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.student = os.path.join(cls.shared, "student")
        cls.straight = os.path.join(cls.shared, "straight")
        for command in (["convert", cls.model, "--out", cls.student, *HYBRID], cls.distill(cls.straight)):
            subprocess.run([PROGRAM, *command], check=True, capture_output=True)

    @classmethod
    def distill(cls, out, *more):
        return ["distill", "--teacher", cls.model, "--student", cls.student, "--out", out, "--data", "sample",
                *map(str, TRAINING), *more]  # fmt: skip

    def test_inspect(self):
        teacher, student = self.json("inspect", self.model, "--json"), self.json("inspect", self.student, "--json")
        # 4 layers of 2 * 2 heads * 8 numbers; one latent of 8 + 4.
        self.assertEqual(teacher["cache_bytes_per_token"], 2 * 4 * 32)
        self.assertEqual(student["cache_bytes_per_token"], 2 * 12)
        self.assertAlmostEqual(student["kv_percent"], 100 * 12 / 128, places=3)
        self.assertIn("mamba2", self.zebra("inspect", self.student).stdout)

    def test_convert_keeps_companions(self):
        for name in ("tokenizer.json", "tokenizer_config.json", "generation_config.json"):
            self.assertEqual(read(self.student, name), read(self.model, name))
        self.assertTrue(os.path.exists(os.path.join(self.student, "README.md")))

    def test_convert_is_reproducible(self):
        self.zebra("convert", self.model, "--out", self.path("again"), *HYBRID)
        self.assertEqual(read(self.path("again"), "model.safetensors"), read(self.student, "model.safetensors"))

    def test_ranks_differ_by_layer(self):
        flags = ["--mla-layers", "all", "--kv-rank", "8", "--rope-dim", "4", "--rank", "energy", "--rank-energy", "0.9"]
        self.zebra("convert", self.model, "--out", self.path("out"), *flags)
        shapes = [layer["kv_rank"] for layer in self.json("inspect", self.path("out"), "--json")["layers"]]
        self.assertEqual((shapes[0], shapes[3]), (8, 8))
        self.assertGreater(shapes[1], 8)
        self.assertIn("kv rank %d," % shapes[1], self.zebra("inspect", self.path("out")).stdout)
        self.assertTrue(os.path.exists(self.path("out", "model.safetensors")))

    def test_bench_init(self):
        """Every row as it is ready, ratios to the first one, and no student left behind."""
        text = self.texts("text.jsonl", ["The quick brown fox.", "the lazy dog " * 60])
        command = ["bench", "init", self.model, "--text", text, *HYBRID[:2], *HYBRID[4:], "--calibration", text,
                   "--work", self.path("work")]  # fmt: skip
        short = ["--calibration-tokens", 512, "--limit", 1]
        done = self.zebra(*command, *short, "--json", "--students", "hybrid,mamba2")
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        for student in ("mamba2", "hybrid"):
            own = [row for row in rows if row["student"] == student]
            self.assertEqual(own[0]["name"], "reference")
            self.assertEqual(own[0]["ratio"], 1)
            self.assertGreater(len(own), 10)
            for row in own:
                self.assertAlmostEqual(row["ratio"], row["kl"] / own[0]["kl"], places=6)
        self.assertEqual(os.listdir(self.path("work")), [])
        few = ["--students", "mamba2", "--rows", "left-out", "--tokens", 512, "--threads", 1]
        table = self.zebra(*command, *short, *few).stdout.splitlines()
        self.assertIn("trained", table[1])
        self.assertEqual(len(table[2].split()), 9)
        self.refused(*command, "--students", "mla,none", code=2, says=["--students", "none"])

    def test_eval(self):
        text = self.texts("text.jsonl", ["The quick brown fox.", "jumps over", "the lazy dog " * 30])
        same = self.json("eval", self.model, "--text", text, "--teacher", self.model, "--json")
        self.assertLess(abs(same["kl"]), 1e-6)
        self.assertEqual(same["agreement"], 1)
        other = self.json("eval", self.student, "--text", text, "--teacher", self.model, "--json")
        self.assertGreater(other["kl"], 0)
        self.assertEqual(other["tokens"], 20 + 10 + 127)  # each BOS predicts the first byte; cut at 128 tokens
        self.assertAlmostEqual(other["teacher_ppl"], same["ppl"], places=4)

    def test_eval_of_packed_rows(self):
        text = self.texts("text.jsonl", ["abc", "defgh", "the lazy dog"])
        rows = self.json("eval", self.model, "--text", text, "--pack", 4, "--no-bos", "--json")
        self.assertEqual((rows["documents"], rows["tokens"]), (5, 15))  # 20 letters and 3 EOS make 5 rows of 4
        rows = self.json("eval", self.model, "--text", text, "--pack", 4, "--limit", 2, "--json")
        self.assertEqual((rows["documents"], rows["tokens"]), (2, 6))

    def test_distill_lowers_the_loss(self):
        losses = self.losses(self.straight)
        self.assertEqual(len(losses), STEPS)
        self.assertLess(sum(losses[-4:]), sum(losses[:4]))
        self.assertEqual(sorted(os.listdir(self.straight)), sorted([*os.listdir(self.student), "report.html"]))
        tags = self.assert_events(self.straight)
        self.assertLessEqual({"loss", "lr", "grad_norm", "tokens_per_second"}, tags)

    def test_report_stands_alone(self):
        """A page that parses, with curves and a row for every layer, and nothing that it would fetch."""
        page = Page(read(self.straight, "report.html").decode())
        self.assertEqual(page.open, [])
        for tag in ("script", "link", "img", "iframe", "object", "use"):
            self.assertNotIn(tag, page.tags)
        self.assertEqual([name for name, _ in page.attributes if name in ("src", "href", "xlink:href")], [])
        self.assertGreaterEqual(page.tags.count("polyline"), 3)
        for text in ("loss", "tokens_per_second", "kv rank 8, q exact, rope 4", "mamba2", "batch_tokens", "processor"):
            self.assertIn(text, page.text)
        self.assertIn("zebra distill --teacher " + self.model, page.text)

    def test_layers_learn_and_are_chosen(self):
        """Two students learn layer by layer; select builds a hybrid of both, and convert takes its choice."""
        students = {}
        for kind in ("all", "none"):
            raw, students[kind] = self.path("raw_" + kind), self.path("learned_" + kind)
            self.zebra("convert", self.model, "--out", raw, "--mla-layers", kind, *HYBRID[2:])
            self.zebra("distill", "--teacher", self.model, "--student", raw, "--out", students[kind], "--data", "sample",
                       "--loss", "layers", *map(str, TRAINING))  # fmt: skip
        text, out = self.texts("held_out.jsonl", ["jumps over", "the lazy dog " * 9]), self.path("hybrid")
        command = ["select", self.model, "--mamba2-student", students["none"], "--mla-student", students["all"],
                   "--text", text, "--count", "2", "--out", out]  # fmt: skip
        chosen = self.json(*command, "--json")
        self.assertEqual(len(chosen["scores"]), 4)
        self.assertEqual(len(chosen["mla_layers"]), 2)
        kinds = [layer["kind"] for layer in self.json("inspect", out, "--json")["layers"]]
        self.assertEqual([i for i, kind in enumerate(kinds) if kind == "mla"], chosen["mla_layers"])
        scores = self.json("eval", out, "--text", text, "--teacher", self.model, "--json")
        self.assertAlmostEqual(scores["kl"], chosen["kl"], places=6)
        self.assertIn("<svg", read(out, "selection.svg").decode())
        self.refused(*command, code=2, says=["exists"])
        selection = os.path.join(out, "selection.json")
        self.zebra("convert", self.model, "--out", self.path("again"), "--mla-layers", selection, *HYBRID[2:])
        again = self.json("inspect", self.path("again"), "--json")["layers"]
        self.assertEqual([layer["kind"] for layer in again], kinds)
        # The same in one command: select makes the students, which learn before they are compared.
        settings = ["--kv-rank", 8, "--rope-dim", 4, "--tokens", TRAINING[1]]
        settings += ["--distill", "batch_tokens=512,length=32,threads=1", "--count", 2]
        at_once = self.json("select", self.model, "--text", text, *settings, "--out", self.path("at_once"), "--json")
        self.assertEqual([at_once[key] for key in ("scores", "kl")], [chosen[key] for key in ("scores", "kl")])
        # One is given and the other made, which learns the same alone.
        with_dashes = [str(word).replace("batch_tokens", "batch-tokens") for word in settings]
        half = self.json("select", self.model, "--text", text, *with_dashes, "--mamba2-student", students["none"],
                         "--out", self.path("half"), "--json")  # fmt: skip
        self.assertEqual([half[key] for key in ("scores", "kl")], [chosen[key] for key in ("scores", "kl")])
        self.refused(*command[:-1], self.path("none"), "--tokens", 512, code=2, says=["--tokens", "select makes"])
        fresh = ["select", self.model, "--text", text, "--count", 2, "--out", self.path("none"), "--tokens", 512]
        for wrong in ("out=x", "student=x", "teacher=x", "loss=kl"):
            self.refused(*fresh, "--distill", wrong, code=2, says=["--distill"])
        self.refused(*fresh, "--data", self.path("missing.jsonl"), code=3, says=["--data", "missing.jsonl"])

    def test_making_students_goes_on(self):
        text, out = self.texts("held_out.jsonl", ["jumps over", "the lazy dog " * 9]), self.path("chosen")
        command = ["select", self.model, "--text", text, "--count", 2, "--kv-rank", 8, "--rope-dim", 4, "--json",
                   "--tokens", TRAINING[1], "--distill", "batch_tokens=512,length=32,threads=1,save_every=1"]  # fmt: skip
        process = subprocess.Popen(
            [PROGRAM, *map(str, command), "--out", out], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        for line in process.stderr:
            if "before the first update" in line:
                break
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=120)
        self.assertNotEqual(process.returncode, 0)
        other = [2 if word == 4 else word for word in command]
        self.refused(*other, "--out", out, code=2, says=["rope_dim", "--resume never"])
        done = self.zebra(*command, "--out", out)
        self.assertEqual(done.stderr.count("done already"), 2)
        chosen = json.loads(done.stdout)
        self.assertEqual(chosen, self.json(*command, "--out", self.path("straight")))
        self.assertFalse(os.path.exists(out + ".run"))

    def test_every_way_to_select(self):
        """Students are made by select itself; each way builds a hybrid whose KL is what it says."""
        text = self.texts("held_out.jsonl", ["jumps over", "the lazy dog " * 9])
        training = ["--tokens", "512", "--distill", "length=32,batch_tokens=256,threads=1"]
        ways = {
            "search": ["--count", "2", "--method", "search"],
            "beam": ["--count", "2", "--method", "search", "--search-all", "0", "--beam", "1"],
            "supernet": ["--count", "2", "--score", "supernet", *training, "--dtype", "bf16"],
            "supernet-largest": ["--count", "2", "--score", "supernet", "--method", "largest", *training],
            "ranks": ["--rest", "mla", "--score", "supernet", "--kv-percent", "36", "--kv-rank", "4,8,12",
                      "--rope-dim", "4", *training],
            "trained": ["--count", "2", "--score", "trained", *training],
            "recall": ["--count", "2", "--score", "recall", "--pairs", "4", "--lookups", "2", "--documents", "4"],
            "ratio": ["--count", "2", "--score", "recall-ratio", "--pairs", "4", "--lookups", "2", "--documents", "4"],
            "knapsack": ["--method", "knapsack", "--kv-percent", "18", "--kv-rank", "4,8", "--rope-dim", "4"],
        }
        for name, flags in ways.items():
            with self.subTest(name):
                out = self.path(name)
                done = self.zebra("select", self.model, "--text", text, "--out", out, *flags, "--json")
                self.assertEqual("students that nobody trained" in done.stderr, "--tokens" not in flags)
                chosen = json.loads(done.stdout)
                self.assertEqual(chosen, json.loads(read(out, "selection.json")))
                layers = self.json("inspect", out, "--json")["layers"]
                self.assertEqual([i for i, layer in enumerate(layers) if layer["kind"] == "mla"], chosen["mla_layers"])
                self.assertEqual(sorted(chosen["kv_ranks"]), [str(layer) for layer in chosen["mla_layers"]])
                dtype = ["--dtype", "bf16"] if "bf16" in flags else []
                scores = self.json("eval", out, "--text", text, "--teacher", self.model, "--json", *dtype)
                self.assertAlmostEqual(scores["kl"], chosen["kl"], places=5)
                self.assertFalse(os.path.exists(out + ".run"))
                if name == "ranks":
                    # 36 % of 128 values a token: all layers of rank 4, and 14 more.
                    ranks = chosen["kv_ranks"].values()
                    self.assertEqual([len(ranks), len(chosen["options"])], [4, 2])
                    self.assertLessEqual(sum(4 + rank for rank in ranks), 46)
                    self.assertGreater(max(ranks), 4)
                elif name == "knapsack":
                    # 18 % of 128 values a token.
                    self.assertLessEqual(sum(4 + rank for rank in chosen["kv_ranks"].values()), 23)
                    self.assertEqual(len(chosen["options"]), 2)
                else:
                    self.assertEqual(len(chosen["mla_layers"]), 2)
        select = ["select", self.model, "--text", text, "--out", self.path("none")]
        self.refused(*select, code=2, says=["--count"])
        self.refused(*select, "--count", "2", "--kv-percent", "5", code=2, says=["--kv-percent", "knapsack"])
        self.refused(*select, "--count", "2", "--score", "trained", code=2, says=["--tokens"])
        self.refused(*select, "--count", "2", "--score", "recall", "--tokens", "5", code=2, says=["--tokens", "--score"])
        self.refused(*select, "--count", "2", "--rest", "mla", code=2, says=["--rest mla", "--kv-rank"])
        self.refused(*select, "--kv-percent", "5", "--rest", "mla", "--kv-rank", "4,8", "--rope-dim", "4", code=2,
                     says=["--kv-percent", "the rest alone"])  # fmt: skip

    def test_a_selection_converts_to_the_same_shapes(self):
        """Ranks and rotated widths that differ from layer to layer go through selection.json."""
        text, students = self.texts("held_out.jsonl", ["jumps over", "the lazy dog " * 9]), []
        for rank, widths in ((4, "0:2,1:2"), (8, "3:2")):
            students.append(self.path(f"rank-{rank}"))
            self.zebra("convert", self.model, "--out", students[-1], "--mla-layers", "all", "--kv-rank", rank,
                       "--rope-dim", 4, "--rope-dims", widths)  # fmt: skip
        out, again = self.path("chosen"), self.path("again")
        select = ["select", self.model, "--text", text, "--rest", "mla", "--mla-student", ",".join(students)]
        self.zebra(*select, "--count", 2, "--method", "uniform", "--out", out)
        self.zebra("convert", self.model, "--out", again, "--mla-layers", os.path.join(out, "selection.json"))
        shapes = [[(layer["kv_rank"], layer["rope_dim"]) for layer in self.json("inspect", folder, "--json")["layers"]]
                  for folder in (out, again)]  # fmt: skip
        self.assertEqual(shapes[0], [(4, 2), (8, 4), (4, 4), (8, 2)])
        self.assertEqual(shapes[1], shapes[0])
        # What cannot be paid for is said before anything is trained.
        run = self.path("dear")
        self.refused(*select, "--kv-percent", 5, "--score", "trained", "--tokens", 512, "--out", run, code=2,
                     says=["--kv-percent", "the rest alone"])  # fmt: skip
        self.assertFalse(os.path.exists(os.path.join(run + ".run", "scores")))
        # Nor can layers be mixed that one folder does not hold.
        other = self.path("interleaved")
        self.zebra("convert", self.model, "--out", other, "--mla-layers", "all", "--init", "reference", "--kv-rank", 8,
                   "--rope-dim", 4)  # fmt: skip
        self.refused(*select[:-1], f"{students[0]},{other}", "--count", 1, "--score", "trained", "--tokens", 512,
                     "--out", run, code=3, says=["one folder", "layer"])  # fmt: skip
        self.assertFalse(os.path.exists(os.path.join(run + ".run", "scores")))
        self.refused(*select[:-2], "--kv-rank", "8,8", "--count", 2, "--out", run, code=2, says=["--kv-rank", "different"])

    def test_pruned_model_learns_from_its_teacher(self):
        text, small = self.texts("held_out.jsonl", ["jumps over", "the lazy dog " * 9]), self.path("small")
        command = ["prune", self.model, "--out", small, "--hidden", "24", "--intermediate", "40", "--kv-heads", "1",
                   "--layers", "3", "--depth", "kl"]  # fmt: skip
        told = self.json(*command, "--json")
        self.assertEqual(told, json.loads(read(small, "pruning.json")))
        self.assertEqual([len(told["layers"]), len(told["layer_scores"])], [3, 4])
        config = json.loads(read(small, "config.json"))
        self.assertEqual([config[key] for key in ("hidden_size", "intermediate_size", "num_hidden_layers")], [24, 40, 3])
        learned = self.path("learned")
        report = self.json("distill", "--teacher", self.model, "--student", small, "--out", learned, "--data", "sample",
                           *map(str, TRAINING), "--json")  # fmt: skip
        self.assertLess(report["last_loss"], report["first_loss"])
        before, after = (
            self.json("eval", model, "--text", text, "--teacher", self.model, "--json")["kl"] for model in (small, learned)
        )
        self.assertLess(after, before)
        self.refused(*command, code=2, says=["exists"])
        self.refused("prune", self.model, "--out", self.path("x"), "--hidden", "99", code=2, says=["--hidden", "32"])

    def losses(self, out):
        return [json.loads(line)["loss"] for line in read(out + ".run", "metrics.jsonl").splitlines()]

    def stop_and_resume(self, kind, code):
        out = self.path("out")
        self.assertEqual(self.stop(self.distill(out), out, kind, STEPS // 3), code)
        self.assertFalse(os.path.exists(out))
        self.zebra(*self.distill(out))
        self.assertEqual(self.losses(out), self.losses(self.straight))
        self.assert_events(out)
        self.assertEqual(read(out, "model.safetensors"), read(self.straight, "model.safetensors"))

    def test_killed_run_resumes(self):
        self.stop_and_resume(signal.SIGKILL, -signal.SIGKILL)

    def test_interrupted_run_resumes(self):
        self.stop_and_resume(signal.SIGINT, 130)

    def test_terminated_run_resumes(self):
        self.stop_and_resume(signal.SIGTERM, 143)

    def test_other_settings_do_not_resume(self):
        self.stop(self.distill(self.path("out")), self.path("out"), signal.SIGTERM, STEPS // 3)
        done = subprocess.run([PROGRAM, *self.distill(self.path("out"), "--seed", "7")], capture_output=True, text=True)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("seed", done.stderr)

    def test_sample_writes_text_to_train_on(self):
        """Documents of the model's own, the same ones from the same seed, which distill reads."""
        def written(name, *flags):
            self.zebra("sample", self.model, "--out", self.path(name), "--tokens", "1k", "--length", 48, *flags)
            return read(self.path(), name)

        text = written("own.jsonl")
        documents = [json.loads(line)["text"] for line in text.splitlines()]
        self.assertGreaterEqual(len(documents), 1000 // 48)
        self.assertTrue(all(documents))
        self.assertEqual(written("again.jsonl"), text)
        self.assertNotEqual(written("other.jsonl", "--seed", 1), text)
        sample = ["sample", self.model, "--out", self.path("own.jsonl"), "--tokens"]
        self.refused(*sample, 64, code=2, says=["own.jsonl", "--overwrite"])
        self.refused(*sample, "none", "--overwrite", code=2, says=["--tokens", '"none"'])
        self.refused(*sample, 64, "--length", 100000, "--overwrite", code=2, says=["--length", "100000"])
        self.assertEqual(read(self.path(), "own.jsonl"), text)
        self.zebra("distill", "--teacher", self.model, "--student", self.student, "--out", self.path("out"),
                   "--data", self.path("own.jsonl"), "--tokens", 256, "--length", 32)  # fmt: skip

    def test_generate(self):
        def text(*more, model=self.student):
            return self.json("generate", model, "--prompt", "Once", "--max-tokens", 12, "--json", *more)

        greedy = text()
        self.assertEqual(greedy["ids"], text()["ids"])
        self.assertEqual(greedy["prompt_tokens"], 5)
        drawn = ["--temperature", 1, "--seed", 3]
        self.assertEqual(text(*drawn)["ids"], text(*drawn)["ids"])
        self.assertNotEqual(text(*drawn)["ids"], text("--temperature", 1, "--seed", 4)["ids"])
        self.assertEqual(text("--temperature", 1, "--top-k", 1)["ids"], greedy["ids"])

    def test_generate_agrees_with_logits(self):
        """The token-by-token path and the whole-sequence path choose the same tokens."""
        made = self.json("generate", self.student, "--prompt", "Once", "--max-tokens", 20, "--json")["ids"]
        ids = [256, *b"Once", *made]
        raw = b"".join(id.to_bytes(8, "little") for id in ids)
        tiny.put(self.path("ids"), tiny.safetensors({"input_ids": ("I64", [1, len(ids)], raw)}))
        self.zebra("logits", self.student, "--ids", self.path("ids"), "--out", self.path("logits"))
        header, data = tiny.split_file(read(self.path("logits")))
        self.assertEqual(header["logits"]["shape"], [1, len(ids), 258])
        rows = memoryview(data).cast("f")
        for position, id in enumerate(made, start=4):
            row = rows[position * 258 : (position + 1) * 258].tolist()
            self.assertEqual(row.index(max(row)), id)

    def test_tokenize(self):
        text = "héllo <eos> \U0001f993\n"
        lines = "".join(json.dumps({"text": t}) + "\n" for t in (text, "", "a"))
        out = [json.loads(line) for line in self.zebra("tokenize", self.model, input=lines).stdout.splitlines()]
        before, after = "héllo ".encode(), " \U0001f993\n".encode()
        self.assertEqual(out[0], {"ids": [*before, 257, *after], "decoded": text})
        self.assertEqual(out[1:], [{"ids": [], "decoded": ""}, {"ids": [97], "decoded": "a"}])
        special = self.zebra("tokenize", self.model, "--special", input=lines).stdout.splitlines()
        self.assertEqual(json.loads(special[2])["ids"], [256, 97])
