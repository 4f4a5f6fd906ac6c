"""zebra select: students learn layer by layer, a hybrid is made of both, a stopped selection goes on."""

import json
import os
import signal
import subprocess

from program import PROGRAM, ProgramTest, read

HYBRID = ["--mla-layers", "1", "--rest", "mamba2", "--kv-rank", "8", "--rope-dim", "4"]
STEPS = 24
TRAINING = ["--tokens", 512 * STEPS, "--batch-tokens", 512, "--length", 32, "--save-every", 5, "--threads", 1]


class SelectTest(ProgramTest):
    def test_layers_learn_and_are_chosen(self):
        """Two students learn layer by layer; select builds a hybrid of both, and convert takes its choice."""
        students = {}
        for kind in ("all", "none"):
            raw, students[kind] = self.path("raw_" + kind), self.path("learned_" + kind)
            widths = [] if kind == "none" else HYBRID[4:]
            self.zebra("convert", self.model, "--out", raw, "--mla-layers", kind, "--rest", "mamba2", *widths)
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
        for seen in ("stage 1 of", "before the first update"):
            process = subprocess.Popen(
                [PROGRAM, *map(str, command), "--out", out], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
            )
            for line in process.stderr:
                if seen in line:
                    break
            process.send_signal(signal.SIGTERM)
            told = process.communicate(timeout=120)[1].splitlines()[-1]
            self.assertEqual(process.returncode, 143, told)
            self.assertIn(f"saved in {out}.run; the same command goes on from there", told)
            self.assertNotIn("zebra convert", told)
        other = [2 if word == 4 else word for word in command]
        self.refused(*other, "--out", out, code=2, says=["rope_dim", "--resume never"])
        done = self.zebra(*command, "--out", out)
        self.assertEqual(done.stderr.count("done already"), 2)
        chosen = json.loads(done.stdout)
        self.assertEqual(chosen, self.json(*command, "--out", self.path("straight")))
        self.assertFalse(os.path.exists(out + ".run"))

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
