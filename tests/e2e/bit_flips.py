"""bit_flips.py [--flips N] [--seed S] [--jobs N] [KIND...]: is a damaged checkpoint ever taken for a sound one?

For each kind of training a tiny run is stopped near its end. Then one random bit of the newest checkpoint is changed
(in one of ten tries, one of each checkpoint that is kept), and the same command is given. It must go on from the
checkpoint before, say so with the file's name, and end with the weights of a run that was never stopped; or, with none
left that is sound, refuse with exit code 3 and the file's name. Uses the program that $ZEBRA names.
"""

import argparse
import collections
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile

import resume_many
from spread import spread

KINDS = ("kd", "sft", "dpo")
LAST = 18  # the run is stopped behind this step; a checkpoint was saved at 15


def flip(path, rng):
    with open(path, "r+b") as file:
        size = os.path.getsize(path)
        at = rng.randrange(size)
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1 << rng.randrange(8)]))


class Stopped:
    """A stopped run of one kind, which every try begins from."""

    def __init__(self, kind, workshop):
        straight = workshop.path(kind + "_straight")
        workshop.run(workshop.command(kind, straight))
        self.expected = resume_many.result(straight)
        self.out = workshop.path(kind + "_flipped")
        self.command = workshop.command(kind, self.out)
        if not resume_many.stop(self.command, self.out, signal.SIGTERM, LAST, 0):
            raise RuntimeError(f"{kind}: the run was over before it was stopped")
        self.kept = workshop.path(kind + "_kept.run")
        os.rename(self.out + ".run", self.kept)

    def attempt(self, rng, all_of_them):
        """One try: what became of it, and where that is wrong, why."""
        shutil.copytree(self.kept, self.out + ".run")
        checkpoints = os.path.join(self.out + ".run", "checkpoints")
        names = sorted(os.listdir(checkpoints))
        damaged = names if all_of_them else names[-1:]
        files = [os.path.join(checkpoints, name, rng.choice(sorted(os.listdir(os.path.join(checkpoints, name)))))
                 for name in damaged]  # fmt: skip
        for path in files:
            flip(path, rng)
        done = subprocess.run([resume_many.PROGRAM, *self.command], capture_output=True, text=True, errors="replace", timeout=120,
                              check=False)
        try:
            return self.judge(done, names, files)
        finally:
            shutil.rmtree(self.out, ignore_errors=True)
            shutil.rmtree(self.out + ".run")

    def judge(self, done, names, files):
        newest = os.path.relpath(files[-1], self.out + ".run")
        why = f"{newest}: exit {done.returncode}: {done.stderr[-600:]}"
        if newest not in done.stderr:
            same = done.returncode == 0 and resume_many.result(self.out) == self.expected
            return ("unnoticed, same bits" if same else "unnoticed, other bits"), why
        if len(files) == len(names):
            return "refused", "" if done.returncode == 3 else why
        if done.returncode != 0 or done.stderr.count("warning: ") != 1:
            return "neither fell back nor refused", why
        return "fell back", "" if resume_many.result(self.out) == self.expected else why + " (another result)"


def sweep(kind, flips, seed, workshops):
    """Counts of what became of the tries, and what is wrong."""

    def attempt(stopped, number):
        return stopped.attempt(random.Random(f"{kind} {seed} {number}"), number % 10 == 9)

    counts, wrong = collections.Counter(), []
    for _, (what, why) in spread(attempt, [Stopped(kind, workshop) for workshop in workshops], range(flips)):
        counts[what] += 1
        if why:
            wrong.append(why)
    return counts, wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("kinds", nargs="*", metavar="KIND", help="of " + ", ".join(KINDS) + "; default: all")
    parser.add_argument("--flips", type=int, default=1000, help="of all kinds together")
    parser.add_argument("--seed", type=int, default=0, help="of files and bits")
    parser.add_argument("--jobs", type=int, default=1, help="tries at once")
    options = parser.parse_args()
    kinds = options.kinds or KINDS
    if unknown := set(kinds) - set(KINDS):
        parser.error(f"expected kinds of {', '.join(KINDS)}, found {', '.join(sorted(unknown))}")
    failed = False
    with tempfile.TemporaryDirectory(prefix="zebra_flips_") as folder:
        workshops = [resume_many.Workshop(os.path.join(folder, str(job))) for job in range(options.jobs)]
        for index, kind in enumerate(kinds):
            flips = options.flips * (index + 1) // len(kinds) - options.flips * index // len(kinds)
            counts, wrong = sweep(kind, flips, options.seed, workshops)
            print(f"{kind}: {flips} flips: " + ", ".join(f"{what} {n}" for what, n in sorted(counts.items())), flush=True)
            for why in wrong:
                print("  " + why, flush=True)
            failed = failed or bool(wrong)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
