"""Runs the program as a user would; the base of every end-to-end test."""

import json
import os
import shutil
import subprocess
import tempfile
import time
import unittest

import event_file
import tiny

PROGRAM = os.path.abspath(os.environ.get("ZEBRA", "build/cpu/zebra"))


def read(*parts):
    with open(os.path.join(*parts), "rb") as file:
        return file.read()


class ProgramTest(unittest.TestCase):
    """Each test has a folder of its own in self.folder, and every class a tiny model in self.model (not to be changed)."""

    @classmethod
    def setUpClass(cls):
        cls.shared = tempfile.mkdtemp(prefix="zebra_e2e_")
        cls.model = tiny.write_model(os.path.join(cls.shared, "tiny"))

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.shared)

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="test_", dir=self.shared)

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def zebra(self, *arguments, code=0, input=None, cwd=None):
        """Runs a verb, checks its exit code, returns the finished process."""
        done = subprocess.run(
            [PROGRAM, *map(str, arguments)], input=input, capture_output=True, text=True, timeout=300, check=False,
            cwd=cwd,
        )
        told = f"zebra {' '.join(map(str, arguments))}\nexit {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        self.assertEqual(done.returncode, code, told)
        return done

    def refused(self, *arguments, code, says=(), input=None):
        """Runs a verb that must fail with one sentence on stderr that holds every text of `says`; returns it."""
        done = self.zebra(*arguments, code=code, input=input)
        lines = [line for line in done.stderr.splitlines() if line.startswith("zebra: ")]
        self.assertEqual(len(lines), 1, done.stderr)
        self.assertEqual(done.stderr.splitlines()[-1], lines[0], "the sentence comes last, and is one line")
        for text in says:
            self.assertIn(text, lines[0])
        self.assertLess(len(lines[0]), 600)
        return lines[0]

    def json(self, *arguments, **options):
        return json.loads(self.zebra(*arguments, **options).stdout)

    def copy_model(self, name="model"):
        shutil.copytree(self.model, self.path(name))
        return self.path(name)

    def texts(self, name, lines):
        tiny.put(self.path(name), "".join(json.dumps({"text": line}) + "\n" for line in lines))
        return self.path(name)

    def assert_events(self, out):
        """The run's event file says what its metrics say, every step once; returns the tags of a step."""
        metrics = [json.loads(line) for line in read(out + ".run", "metrics.jsonl").splitlines()]
        events = event_file.scalars(read(out + ".run", "events.out.tfevents.zebra"))
        self.assertEqual([step for step, _ in events], [line["step"] for line in metrics])
        for (step, found), line in zip(events, metrics):
            self.assertEqual(set(found), set(line) - {"step"})
            for tag, value in found.items():
                self.assertAlmostEqual(value, line[tag], delta=1e-6 * abs(line[tag]), msg=f"step {step} {tag}")
        return set(events[0][1])

    def stop(self, command, out, kind, after):
        """Starts a training run into `out`, ends it with a signal behind step `after`, returns its exit code."""
        process = subprocess.Popen([PROGRAM, *command], stderr=subprocess.PIPE, stdout=subprocess.PIPE)
        metrics = os.path.join(out + ".run", "metrics.jsonl")
        while process.poll() is None:
            if os.path.exists(metrics) and len(read(metrics).splitlines()) > after:
                break
            time.sleep(0.005)
        process.send_signal(kind)
        process.communicate(timeout=120)
        return process.returncode
