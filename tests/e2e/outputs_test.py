"""What appears at --out and what never does: overwriting, signals, limits, closed streams, two writers, odd inputs."""

import os
import resource
import signal
import socket
import subprocess
import time

import tiny
from program import PROGRAM, ProgramTest, read

DEAD = "999999999"  # no process has such a number
QUICK = ["--mla-layers", "1", "--rest", "mamba2", "--init", "reference", "--kv-rank", "8", "--rope-dim", "4",
         "--q-rank", "16", "--threads", "1"]  # fmt: skip


class OutputsTest(ProgramTest):
    def convert(self, out, *flags, **options):
        return self.zebra("convert", self.model, "--out", out, *QUICK, *flags, **options)

    def start(self, *arguments, **options):
        return subprocess.Popen([PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)

    def wait_for(self, name, process):
        """Until a file that begins so is in the test's folder."""
        until = time.monotonic() + 120
        while not any(each.startswith(name) for each in os.listdir(self.folder)):
            self.assertIsNone(process.poll(), "it ended too early")
            self.assertLess(time.monotonic(), until)
            time.sleep(0.002)

    def refuses_out(self, out, *words, inputs=()):
        before = snapshot(self.folder)
        self.refused("convert", *(inputs or [self.model]), "--out", out, *QUICK, "--overwrite", code=2, says=words)
        self.assertEqual(snapshot(self.folder), before)

    def test_overwrite_replaces_only_what_zebra_wrote(self):
        out, home, file = self.path("out"), self.path("home"), self.path("file")
        self.convert(out)
        self.convert(out, "--overwrite")
        os.mkdir(home)
        tiny.put(os.path.join(home, "precious"), "keep")
        tiny.put(file, "keep")
        os.mkfifo(self.path("pipe"))
        os.symlink(out, self.path("link"))
        os.symlink("nowhere", self.path("dangling"))
        self.refuses_out(home, "precious", "not written by zebra")
        self.refuses_out(self.copy_model(), "not written by zebra")
        for name in ("file", "pipe"):
            self.refuses_out(self.path(name), "no folder")
        for name in ("link", "dangling"):
            self.refuses_out(self.path(name), "symbolic link")
        self.refuses_out("/dev/null", "no folder")
        self.refuses_out(".", "working folder")
        self.refuses_out("/", "choose another --out")
        self.refuses_out("", "--out")
        tiny.put(self.path("out", "notes.txt"), "keep")
        self.refuses_out(out, "notes.txt")

    def test_an_input_is_never_replaced(self):
        one, other, links = self.path("one"), self.path("other"), self.path("links")
        self.convert(one)
        self.zebra("export", one, "--format", "amd", "--out", other)
        os.mkdir(links)
        for name in os.listdir(one):
            os.symlink(os.path.join(one, name), os.path.join(links, name))
        before = snapshot(self.folder)
        for source in (one, os.path.join(other, "..", "one"), links):
            said = ["choose another --out"]
            self.refused("export", source, "--format", "amd", "--out", one, "--overwrite", code=2, says=said)
        train = ["--data", "sample", "--tokens", 64, "--overwrite"]
        for out in (self.model, one):
            self.refused("distill", "--teacher", self.model, "--student", one, "--out", out, *train, code=2, says=["reads"])
        self.refused("sample", one, "--out", os.path.join(one, "config.json"), "--tokens", 8, "--overwrite", code=2)
        self.refused("world", "--out", os.path.join(one, "README.md"), "--documents", 1, "--overwrite", code=2,
                     says=["JSON lines"])  # fmt: skip
        self.assertEqual(snapshot(self.folder), before)
        self.zebra("export", one, "--format", "amd", "--out", other, "--overwrite")

    def test_every_folder_that_is_written_can_be_replaced(self):
        text = self.texts("text.jsonl", ["abc abc abd " * 20] * 4)
        for words in (
            ["tokenizer", "train", "--data", text, "--vocab", 262],
            ["world", "--kind", "tasks", "--documents", 2],
            ["world", "--documents", 2],
            ["prune", self.model, "--layers", 3, "--calibration", text],
        ):
            with self.subTest(verb=words[0]):
                out = self.path("-".join(words[:2]).replace("/", ""))
                self.zebra(*words, "--out", out)
                self.refused(*words, "--out", out, code=2, says=["exists already"])
                self.zebra(*words, "--out", out, "--overwrite")

    def test_stray_files_of_dead_processes_go(self):
        out = self.path("out")
        self.convert(out)
        old = read(out, "model.safetensors")
        for name in (f"out.building-{DEAD}", f"out.replaced-{DEAD}"):
            os.mkdir(self.path(name))
            tiny.put(self.path(name, "model.safetensors.tmp-7"), "x")
        tiny.put(self.path("out.zebra-lock"), "")
        self.convert(out, "--overwrite")
        self.assertEqual(os.listdir(self.folder), ["out"])
        os.rename(out, self.path(f"out.replaced-{DEAD}"))
        done = self.convert(out, code=2)
        self.assertIn("The old one is back", done.stderr)
        self.assertEqual(read(out, "model.safetensors"), old)
        self.assertEqual(os.listdir(self.folder), ["out"])

    def test_a_signal_leaves_nothing(self):
        text = self.texts("text.jsonl", ["abc def " * 200] * 200)
        out = self.path("out")
        verbs = (
            ["convert", self.model, "--mla-layers", "all", "--kv-rank", "8", "--rope-dim", "4", "--calibration", text],
            ["prune", self.model, "--layers", "3", "--calibration", text],
            ["sample", self.model, "--tokens", "100M"],
            ["world", "--documents", "100000000"],
        )
        for words in verbs:
            for kind, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
                with self.subTest(verb=words[0], signal=kind):
                    process = self.start(*words, "--out", out)
                    self.wait_for("out.", process)
                    time.sleep(0.05)
                    process.send_signal(kind)
                    said = process.communicate(timeout=60)[1]
                    self.assertEqual(process.returncode, code, said)
                    self.assertIn(f"zebra: stopped by {kind.name}", said.splitlines()[-1])
                    self.assertEqual(os.listdir(self.folder), ["text.jsonl"])

    def test_a_killed_run_is_swept_up_by_the_next(self):
        out = self.path("out")
        process = self.start("sample", self.model, "--tokens", "100M", "--out", out)
        self.wait_for("out.tmp-", process)
        process.kill()
        process.communicate()
        self.assertGreater(len(os.listdir(self.folder)), 1)
        self.zebra("sample", self.model, "--tokens", 8, "--out", out)
        self.assertEqual(os.listdir(self.folder), ["out"])

    def test_one_writer_at_a_time(self):
        out = self.path("out")
        train = ["distill", "--teacher", self.model, "--student", self.model, "--data", "sample", "--tokens", "4M",
                 "--length", "64", "--out", out]  # fmt: skip
        first = self.start(*train)
        self.wait_for("out.zebra-lock", first)
        start = time.monotonic()
        for words in (train, ["convert", self.model, "--out", out + "/", *QUICK, "--overwrite"]):
            self.refused(*words, code=2, says=[out, "in use by another run"])
        self.assertLess(time.monotonic() - start, 30)
        self.assertIsNone(first.poll())
        first.kill()
        first.communicate()
        self.convert(out)

    def test_a_limit_of_file_sizes_is_an_error_of_the_disk(self):
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50 << 10, 50 << 10))  # noqa: E731
        for words in (["convert", self.model, *QUICK], ["world", "--documents", "1000"]):
            process = self.start(*words, "--out", self.path("out"), preexec_fn=limit)
            said = process.communicate(timeout=120)[1]
            self.assertEqual(process.returncode, 5, said)
            self.assertIn("File too large", said)
            self.assertEqual(os.listdir(self.folder), [])

    def test_standard_output_that_cannot_be_written(self):
        for words in (["inspect", self.model], ["inspect", self.model, "--json"], ["env"], ["recipes", "list"], ["--help"],
                      ["generate", self.model, "--prompt", "a", "--max-tokens", "4"], ["--version"]):  # fmt: skip
            with self.subTest(words=words), open("/dev/full", "w", encoding="utf-8") as full:
                done = subprocess.run([PROGRAM, *words], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
                self.assertEqual(done.returncode, 5, done.stderr)
                self.assertIn("zebra: standard output: writing failed", done.stderr.splitlines()[-1])
        closed = subprocess.run(f"{PROGRAM} env >&-", shell=True, stderr=subprocess.PIPE, text=True, check=False)
        self.assertEqual(closed.returncode, 5, closed.stderr)

    def test_a_reader_that_leaves_is_no_kill(self):
        ends = os.pipe()
        os.close(ends[0])
        words = [PROGRAM, "convert", self.model, "--out", self.path("out"), *QUICK]
        done = subprocess.run(words, stdout=ends[1], stderr=ends[1], check=False)
        os.close(ends[1])
        self.assertIn(done.returncode, (0, 5))
        self.zebra("inspect", self.path("out"))
        self.assertEqual(os.listdir(self.folder), ["out"])

    def test_closed_streams_change_no_file(self):
        self.convert(self.path("out"))
        expected = read(self.path("out"), "model.safetensors")
        for closed in ("2>&-", "1>&-", "0<&-", "0<&- 1>&- 2>&-", "2>/dev/full", ">/dev/full 2>/dev/full"):
            with self.subTest(closed=closed):
                out = self.path("other")
                command = " ".join([PROGRAM, "convert", self.model, "--out", out, *QUICK, "--overwrite", closed])
                done = subprocess.run(command, shell=True, capture_output=True, check=False)
                self.assertIn(done.returncode, (0, 5), done.stderr)
                self.assertEqual(read(out, "model.safetensors"), expected)
                self.zebra("inspect", out)

    def test_inputs_are_regular_files(self):
        for name in ("config.json", "model.safetensors", "tokenizer.json"):
            for kind in ("pipe", "folder", "socket", "device"):
                with self.subTest(name=name, kind=kind):
                    model = self.copy_model(f"{name}-{kind}")
                    path = os.path.join(model, name)
                    os.remove(path)
                    put_special(path, kind)
                    words = ["inspect", model] if name != "tokenizer.json" else ["generate", model, "--prompt", "a"]
                    self.refused(*words, code=3, says=[name])
        for suffix in ("", ".gz", ".zst"):
            os.mkfifo(self.path("pipe.jsonl" + suffix))
            self.refused("eval", self.model, "--text", self.path("pipe.jsonl" + suffix), code=3, says=["regular file"])

    def test_threads_are_bounded(self):
        for count in ("1025", "1000000", "-1", "99999999999999999999"):
            self.refused("convert", self.model, "--out", "x", "--threads", count, code=2, says=["--threads"])
        out = ["distill", "--teacher", self.model, "--student", self.model, "--out", self.path("out"), "--data", "sample"]
        self.refused(*out, "--tokens", 64, "--threads", 1000000, code=2, says=["threads", "1024"])


def put_special(path, kind):
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        os.mkdir(path)
    elif kind == "device":
        os.symlink("/dev/null", path)
    else:
        here = os.getcwd()
        os.chdir(os.path.dirname(path))  # names of sockets are short
        with socket.socket(socket.AF_UNIX) as end:
            end.bind(os.path.basename(path))
        os.chdir(here)


def snapshot(folder):
    found = {}
    for here, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            path = os.path.join(here, name)
            plain = os.path.isfile(path) and not os.path.islink(path)
            found[path] = read(path) if plain else os.lstat(path).st_mode
    return found
