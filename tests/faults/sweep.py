"""sweep.py [--kind KIND...] [--every N] [--last N] [--jobs N] [VERB...]: what does a disk's fault leave?

Each verb runs once to count the calls that change something on the disk (faults.c), then again for every one of them
(or every Nth): killed there, or with an error of the disk. Whatever happened, the output must be the old or the new one,
whole; the exit code must tell; and the same command, given again, must end with the output that an undisturbed run
makes, bit for bit, and with nothing else left. Uses the program that $ZEBRA names.
"""

import argparse
import collections
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import tiny  # noqa: E402
from spread import spread  # noqa: E402

PROGRAM = os.path.abspath(os.environ.get("ZEBRA", "build/cpu/zebra"))
KINDS = ("kill", "ENOSPC", "EIO")
DISK = 5  # the exit code
STEPS, LENGTH = 3, 16

# What trained folders tell of the run itself: the time that it took.
TELLS_TIME = {"README.md", "report.html", "metrics.jsonl", "events.out.tfevents.zebra", ".zebra-files"}


def put_lines(path, objects):
    tiny.put(path, "".join(json.dumps(each) + "\n" for each in objects))


def build_library(folder):
    """The library of faults, or None where there is no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if not compiler:
        return None
    library = os.path.join(folder, "faults.so")
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "faults.c")
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", source, "-o", library, "-ldl"], check=True)
    return library


def snapshot(folder):
    """Every file below with its bytes; None for those that tell of time, "" for empty folders."""
    found = {}
    for here, folders, files in os.walk(folder):
        for name in files:
            path = os.path.join(here, name)
            with open(path, "rb") as file:
                content = file.read()
            found[os.path.relpath(path, folder)] = None if name in TELLS_TIME and content else content
        if not folders and not files:
            found[os.path.relpath(here, folder)] = ""
    return found


class Bench:
    """A folder with a tiny teacher, a student and texts; below it `work`, made anew for each trial."""

    def __init__(self, folder, library):
        self.folder, self.library = folder, library
        os.makedirs(folder, exist_ok=True)
        self.work = self.path("work")
        small = dict(tiny.CONFIG, num_hidden_layers=2)
        values = {name: value for name, value in tiny.weights().items() if not re.search(r"layers\.[23]\.", name)}
        self.model = tiny.write_model(self.path("teacher"), small, values)
        self.student = self.path("student")
        self.run(self.convert(self.student))
        put_lines(self.path("text.jsonl"), [{"text": "abc def ghi jkl"} for _ in range(20)])
        put_lines(self.path("talks.jsonl"), [{"prompt": "abc", "completion": "xyz"} for _ in range(4)])

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def convert(self, out):
        return ["convert", self.model, "--out", out, "--mla-layers", "1", "--rest", "mamba2", "--init", "reference",
                "--kv-rank", "8", "--rope-dim", "4", "--q-rank", "16", "--threads", "1"]  # fmt: skip

    def command(self, verb):
        out = os.path.join(self.work, "out")
        train = ["--save-every", "1", "--threads", "1", "--overwrite"]
        return {
            "convert": [*self.convert(out), "--overwrite"],
            "export": ["export", self.student, "--format", "amd", "--out", out, "--overwrite"],
            "distill": ["distill", "--teacher", self.model, "--student", self.student, "--data", self.path("text.jsonl"),
                        "--out", out, "--length", str(LENGTH), "--batch-tokens", str(2 * LENGTH),
                        "--micro-tokens", str(2 * LENGTH), "--tokens", str(2 * LENGTH * STEPS), *train],
            "align": ["align", "--method", "sft", "--model", self.student, "--data", self.path("talks.jsonl"),
                      "--out", out, "--length", "32", "--batch", "2", "--epochs", str(STEPS / 2), *train],
            "pretrain": ["pretrain", self.path("pretrain.json"), "--overwrite"],
        }[verb]  # fmt: skip

    def write_pretrain_recipe(self):
        tiny.put(self.path("pretrain.json"), json.dumps({
            "tokenizer": self.model, "data": [self.path("text.jsonl")], "out": os.path.join(self.work, "out"),
            "model": {"hidden": 16, "intermediate": 16, "layers": 1, "heads": 2, "kv_heads": 1, "max_position": 64},
            "train": {"length": LENGTH, "batch_tokens": 2 * LENGTH, "micro_tokens": 2 * LENGTH,
                      "tokens": 2 * LENGTH * STEPS, "save_every": 1, "threads": 1},
        }))  # fmt: skip

    def run(self, arguments, **faults):
        environment = dict(os.environ, OMP_NUM_THREADS="1", **faults)
        if faults:
            environment.update(LD_PRELOAD=self.library, FAULT_BELOW=self.work)
        return subprocess.run([PROGRAM, *arguments], env=environment, capture_output=True, text=True, timeout=300,
                              check=False)  # fmt: skip

    def prepare(self, has_output):
        """Empties `work`, and puts a converted folder where the output will be."""
        shutil.rmtree(self.work, ignore_errors=True)
        os.makedirs(self.work)
        if has_output:
            shutil.copytree(self.student, os.path.join(self.work, "out"))


class Sweep:
    """Of one verb: an undisturbed run, then trials."""

    def __init__(self, bench, verb, has_output=True, exchange=True):
        self.bench, self.verb, self.has_output = bench, verb, has_output
        self.extra = {} if exchange else {"FAULT_NO_EXCHANGE": "1"}
        bench.write_pretrain_recipe()
        bench.prepare(has_output)
        self.old = snapshot(bench.work)
        self.log = bench.path("calls")
        if os.path.exists(self.log):
            os.remove(self.log)
        done = bench.run(bench.command(verb), FAULT_LOG=self.log, **self.extra)
        if done.returncode != 0:
            raise RuntimeError(f"{verb}: {done.stderr}")
        self.new = snapshot(bench.work)
        with open(self.log, encoding="utf-8") as file:
            self.calls = [line.split(" ", 2)[1:] for line in file.read().splitlines()]

    def one(self, kind, number):
        """A trial; returns its exit code and what went wrong, "" if nothing did."""
        bench, command = self.bench, self.bench.command(self.verb)
        bench.prepare(self.has_output)
        done = bench.run(command, FAULT_KIND=kind, FAULT_AT=str(number), **self.extra)
        code = done.returncode
        if code not in ((-signal.SIGKILL,) if kind == "kill" else (0, DISK)):
            return code, f"exit {code}: {done.stderr[-300:]}"
        if code == DISK and "zebra: " not in done.stderr:
            return code, "no sentence"
        fault = self.output_fault(code)
        if fault:
            return code, fault
        again = bench.run(command, **self.extra)
        if again.returncode != 0:
            return code, f"the next run: exit {again.returncode}: {again.stderr[-300:]}"
        return code, self.difference(self.new, "the next run")

    def output_fault(self, code):
        """Behind the fault: the old output or the new one, and nothing half made unless the process was killed."""
        found = snapshot(self.bench.work)
        output = {name: value for name, value in found.items() if name.split(os.sep)[0] == "out"}
        of = lambda all: {name: value for name, value in all.items() if name.split(os.sep)[0] == "out"}  # noqa: E731
        is_old, is_new = output == of(self.old), output == of(self.new)
        # Without an exchange a kill between two renames leaves the old output under another name, which the next run
        # knows.
        aside = {re.sub(r"^out\.replaced-\d+", "out", name): value for name, value in found.items()}
        if self.extra and code == -signal.SIGKILL and not output and of(aside) == of(self.old):
            return ""
        if not (is_old or is_new):
            return f"neither the old output nor the new one: {sorted(output)}"
        if code == 0 and not is_new:
            return "exit 0 without the new output"
        if code == -signal.SIGKILL:
            return ""
        left = [name for name in os.listdir(self.bench.work) if name not in ("out", "out.run")]
        # What could not be removed is told in a warning, and goes with the next run.
        return f"left: {left}" if left and code != 0 else ""

    def difference(self, expected, when):
        found = snapshot(self.bench.work)
        if found == expected:
            return ""
        more, less = sorted(set(found) - set(expected)), sorted(set(expected) - set(found))
        other = sorted(name for name in set(found) & set(expected) if found[name] != expected[name])
        return f"{when}: more {more}, less {less}, other bytes {other}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verbs", nargs="*", help="convert, convert-new, export, export-no-exchange, distill, align, pretrain")
    parser.add_argument("--kind", nargs="*", default=KINDS)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--last", type=int, default=0, help="only so many calls, at the end (default: all)")
    parser.add_argument("--jobs", type=int, default=1, help="trials at once")
    options = parser.parse_args()
    verbs = options.verbs or ["convert", "convert-new", "export", "export-no-exchange", "distill", "align", "pretrain"]
    faults = 0
    with tempfile.TemporaryDirectory(prefix="zebra_faults_") as folder:
        library = build_library(folder)
        benches = [Bench(os.path.join(folder, str(job)), library) for job in range(options.jobs)]
        for name in verbs:
            verb, _, how = name.partition("-")
            sweeps = [Sweep(bench, verb, has_output=how != "new", exchange=how != "no-exchange") for bench in benches]
            calls = sweeps[0].calls
            if any([call for call, _ in each.calls] != [call for call, _ in calls] for each in sweeps):
                raise RuntimeError(f"{name}: two undisturbed runs make other calls")
            first = max(1, len(calls) + 1 - options.last) if options.last else 1
            numbers = range(first, len(calls) + 1, options.every)
            for kind in options.kind:
                codes = collections.Counter()
                trials = spread(lambda sweep, number, kind=kind: sweep.one(kind, number), sweeps, numbers)
                for number, (code, fault) in trials:
                    codes[code] += 1
                    if fault:
                        faults += 1
                        call = " ".join(calls[number - 1]).replace(folder, "")
                        print(f"{name} {kind} at {number} ({call}): exit {code}: {fault}", flush=True)
                told = ", ".join(f"exit {code}: {count}" for code, count in sorted(codes.items()))
                print(f"{name}: {kind} at {len(numbers)} of {len(calls)} calls: {told}", flush=True)
    print(f"{faults} faults found", flush=True)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
