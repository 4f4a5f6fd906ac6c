"""zebra upcycle is stopped by every signal and goes on to the same bits."""

import os
import re
import signal
import subprocess
import time

from program import PROGRAM, read
from recipe_case import STEPS, RecipeTest


class RecipeStopsTest(RecipeTest):
    models = ("hybrid", "distilled")

    @classmethod
    def content(cls):
        """Of all stages those before and behind the longest: each test starts the program once for every stage."""
        whole = super().content()
        stages = [each for each in whole["stages"] if each["stage"] in ("mla", "mamba2", "hybrid", "distilled", "scores")]
        stages[2] = dict(stages[2], mamba2_student="@mamba2", mla_student="@mla")
        return dict(whole, stages=stages)

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
        told = process.communicate(timeout=120)[1].decode()  # ends when the stage has: it holds our pipe
        if kind == signal.SIGTERM:
            advice = f"zebra: stopped by SIGTERM: what is finished is saved in {out}; the same command goes on from there"
            self.assertTrue(told.splitlines()[-1].startswith(advice), told)
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
        self.assertEqual(log.count("done already"), 3)
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
