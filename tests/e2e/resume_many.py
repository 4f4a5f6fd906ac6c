"""resume_many.py [--runs N] [--seed S] [KIND...]: are stopped runs the same runs?

For each kind of training a tiny run, with accumulation and packed rows where its data are text, is stopped at random
steps by SIGKILL or SIGTERM, once to three times, and given again until it is done. Its losses (every step once), its
TensorBoard events and its weights must be those of a run that was never stopped, bit for bit. Uses the program that
$ZEBRA names.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import event_file
import tiny

PROGRAM = os.path.abspath(os.environ.get("ZEBRA", "build/cpu/zebra"))
STEPS = 24
KINDS = ("ild", "pair", "kd", "sft", "dpo")
# One thread, so that a run takes as long as its steps also where the cores are shared.
COMMON = ["--threads", "1", "--save-every", "5", "--seed", "3"]


def read(*parts):
    with open(os.path.join(*parts), "rb") as file:
        return file.read()


def lines(path, objects):
    tiny.put(path, "".join(json.dumps(each) + "\n" for each in objects))
    return path


def text(rng, letters, least, most):
    return "".join(rng.choice(letters) for _ in range(rng.randint(least, most)))


class Workshop:
    """A tiny teacher, its student, and data of every kind in one folder."""

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        self.model = tiny.write_model(self.path("teacher"))
        self.student = self.path("student")
        rng = random.Random(1)
        # 60 documents of 2 to 90 bytes make about 45 rows of 64 tokens: a run sees them four times.
        self.text = lines(self.path("text.jsonl"), [{"text": text(rng, "abcdef ", 2, 90)} for _ in range(60)])
        self.talks = lines(
            self.path("talks.jsonl"),
            [{"prompt": text(rng, "abc", 2, 20), "completion": text(rng, "xyz", 2, 20)} for _ in range(40)],
        )
        self.pairs = lines(
            self.path("pairs.jsonl"),
            [{"prompt": text(rng, "abc", 2, 20), "chosen": text(rng, "ab", 2, 20), "rejected": text(rng, "yz", 2, 20)}
             for _ in range(40)],
        )  # fmt: skip
        self.run(["convert", self.model, "--out", self.student, "--mla-layers", "1", "--rest", "mamba2", "--kv-rank", "8",
                  "--rope-dim", "4"])  # fmt: skip
        self.other = self.path("other")
        self.run(["convert", self.model, "--out", self.other, "--mla-layers", "none", "--rest", "mamba2"])

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def run(self, arguments):
        subprocess.run([PROGRAM, *arguments], check=True, capture_output=True, timeout=120)

    def command(self, kind, out):
        """Several epochs; 4 passes of 2 rows or examples make a step."""
        if kind in ("ild", "pair", "kd"):
            students = [self.student, self.other] if kind == "pair" else [self.student]
            return ["distill", "--teacher", self.model, "--student", ",".join(students), "--data", self.text,
                    "--out", ",".join(outs(kind, out)), "--loss", "kl" if kind == "kd" else "layers",
                    "--length", "64", "--batch-tokens", "512", "--micro-tokens", "128", "--tokens", str(512 * STEPS), *COMMON]  # fmt: skip
        return ["align", "--method", kind, "--model", self.student, "--data", self.talks if kind == "sft" else self.pairs,
                "--out", out, "--length", "48", "--batch", "8", "--micro", "2", "--epochs", str(STEPS * 8 / 40),
                "--lr", "1e-3", *COMMON]  # fmt: skip


def outs(kind, out):
    """The folders that a run writes; the first is the one that is watched."""
    return [out, out + "_other"] if kind == "pair" else [out]


def result(out):
    """What must not depend on stops: every step's figures but the speed, and the weights."""
    figures = [json.loads(line) for line in read(out + ".run", "metrics.jsonl").splitlines()]
    for line in figures:
        del line["tokens_per_second"]
    return figures, read(out, "model.safetensors")


def steps_done(out):
    try:
        return read(out + ".run", "metrics.jsonl").count(b"\n")
    except FileNotFoundError:
        return 0


def stop(command, out, kind, after, delay):
    """Starts the run and signals it `delay` seconds behind step `after`; whether it was stopped before its end."""
    process = subprocess.Popen([PROGRAM, *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while process.poll() is None and steps_done(out) < after and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(delay)
    process.send_signal(kind)
    said = process.communicate(timeout=60)[1].decode()
    if process.returncode == 0:
        return False
    if process.returncode not in (-signal.SIGKILL, 128 + signal.SIGTERM):
        raise RuntimeError(f"exit {process.returncode}: {said[-600:]}")
    return True


def difference(out, expected):
    """Why a resumed run is not the uninterrupted one; "" where it is."""
    figures, weights = result(out)
    if [line["step"] for line in figures] != list(range(1, STEPS + 1)):
        return f"steps {[line['step'] for line in figures]}"
    for line, other in zip(figures, expected[0]):
        if line != other:
            return f"step {line['step']}: {line} for {other}"
    if weights != expected[1]:
        return "the weights differ"
    events = event_file.scalars(read(out + ".run", "events.out.tfevents.zebra"))
    if [step for step, _ in events] != list(range(1, STEPS + 1)):
        return f"events of steps {[step for step, _ in events]}"
    return ""


class Tally:
    def __init__(self):
        self.same, self.stops, self.saved, self.different = 0, {signal.SIGKILL: 0, signal.SIGTERM: 0}, 0, []

    def text(self, kind, runs):
        stops = sum(self.stops.values())
        return (
            f"{kind}: {self.same} of {runs} the same as uninterrupted; {stops} stops ({self.stops[signal.SIGKILL]} SIGKILL, "
            f"{self.stops[signal.SIGTERM]} SIGTERM), {self.saved} of them behind a saved step"
        )


def check_kind(kind, runs, seed, workshop):
    rng = random.Random(f"{kind} {seed}")
    straight = workshop.path(kind)
    workshop.run(workshop.command(kind, straight))
    expected = [result(each) for each in outs(kind, straight)]
    assert all(len(figures) == STEPS for figures, _ in expected)
    tally = Tally()
    for run in range(runs):
        out = workshop.path(f"{kind}_{run}")
        command = workshop.command(kind, out)
        for after in sorted(rng.sample(range(1, STEPS), rng.randint(1, 3))):
            signal_sent = rng.choice((signal.SIGKILL, signal.SIGTERM))
            # The steps that an earlier stop left in the file would set it off before the run is under way again.
            if steps_done(out) >= after or not stop(command, out, signal_sent, after, rng.uniform(0, 0.004)):
                continue
            tally.stops[signal_sent] += 1
            tally.saved += os.path.isdir(os.path.join(out + ".run", "checkpoints"))
        if not os.path.isdir(out):
            workshop.run(command)
        whys = [difference(*each) for each in zip(outs(kind, out), expected)]
        why = "; ".join(filter(None, whys))
        tally.same += not why
        if why:
            tally.different.append(f"{kind} run {run}: {why}")
        for each in outs(kind, out):
            shutil.rmtree(each)
            shutil.rmtree(each + ".run")
    return tally


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("kinds", nargs="*", metavar="KIND", help="of " + ", ".join(KINDS) + "; default: all")
    parser.add_argument("--runs", type=int, default=20, help="of each kind")
    parser.add_argument("--seed", type=int, default=0, help="of steps and signals")
    options = parser.parse_args()
    if unknown := set(options.kinds) - set(KINDS):
        parser.error(f"expected kinds of {', '.join(KINDS)}, found {', '.join(sorted(unknown))}")
    failed = False
    with tempfile.TemporaryDirectory(prefix="zebra_resume_") as folder:
        workshop = Workshop(folder)
        for kind in options.kinds or KINDS:
            tally = check_kind(kind, options.runs, options.seed, workshop)
            print(tally.text(kind, options.runs), flush=True)
            for why in tally.different:
                print("  " + why, flush=True)
            failed = failed or tally.same != options.runs
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
