#!/usr/bin/env python3
"""Holds the reader of safetensors files to the one of the package `safetensors` on changed files.

    ninja -C build/cpu zebra_safetensors_verdicts
    python tests/oracle/safetensors_parity.py [--runs 100000] [--seed 1] [--program build/cpu/zebra --model DIR]
                                              (safetensors 0.8)

Small files are changed at random: header, data, lengths. What one reader takes and the other refuses must be one of
the differences that docs/formats.md names (NAMED below); any other fails the run. With --program the files are given to
`zebra logits --ids` instead, which must end with code 3 and one sentence, or refuse only what the file's tensors are, in
ten seconds and in no more memory than a sound file takes and MEMORY.
"""
import argparse
import collections
import json
import os
import random
import re
import struct
import subprocess
import sys
import tempfile

import safetensors

TYPES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
OTHERS = ["F8_E4M3", "F8_E5M2", "U16", "U32", "U64", "C64", "F4", "F33", ""]
WORDS = ['"', "{", "}", "[", "]", ",", ":", "0", "1", "-1", "-0", "1.0", "1e1", "null", "true", "\\u0000", "\\ud800", "\xff",
         "18446744073709551615", "9223372036854775808", " ", "\n", "\0", "dtype", "shape", "data_offsets", "__metadata__",
         '"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},', '"__metadata__":{"k":"v"},', '"more":1,', '"x"', "[]", "{}"]

# What zebra refuses and the package takes (docs/formats.md), by the words of zebra's message.
NAMED = {
    "dtypes": r'expected dtype F64|key "dtype"',
    "a key twice": r"twice",
    "63 bits": r"63 bits",
    "64 dimensions": r"at most 64 dimensions",
    "nesting": r"nested at most",
    "white space before the header": r"expected a JSON object as header",
    "null as __metadata__": r"__metadata__: expected an object of strings, found another type",
}


def made(rng):
    """A file in order, of up to four tensors."""
    header, data = {}, b""
    if rng.random() < 0.5:
        header["__metadata__"] = {rng.choice("abc"): "v" for _ in range(rng.randrange(3))}
    for i in range(rng.randrange(5)):
        shape = [rng.randrange(4) for _ in range(rng.randrange(4))]
        dtype = rng.choice(list(TYPES))
        size = TYPES[dtype]
        for dim in shape:
            size *= dim
        header[rng.choice(["w", "b.weight", "\u00e9", "x" * 40]) + str(i)] = {
            "dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + size]}
        data += bytes(size)
    return header, data


def changed(rng):
    header, data = made(rng)
    names = [n for n in header if n != "__metadata__"]
    for _ in range(rng.randrange(3) if names else 0):  # what is said of a tensor
        entry = header[rng.choice(names)]
        kind = rng.randrange(6)
        if kind == 0:
            entry["dtype"] = rng.choice(list(TYPES) + OTHERS)
        elif kind == 1:
            entry["shape"] = [rng.choice([0, 1, 2, 3, -1, 1.0, None, 2**32, 2**62, 2**64 - 1]) for _ in range(rng.choice([0, 1, 2, 70]))]
        elif kind == 2:
            entry["data_offsets"] = [rng.randrange(-1, len(data) + 2) for _ in range(rng.choice([1, 2, 2, 2, 3]))]
        elif kind == 3:
            entry.pop(rng.choice(list(entry) or [0]), None)
        elif kind == 4:
            entry[rng.choice(["more", "dtype", "shape"])] = rng.choice([None, 1, "x", [], {"a": [1]}, [[]]])
        else:
            entry["data_offsets"] = [2**63, 2**63 + 1]
    if rng.random() < 0.1:
        header["__metadata__"] = rng.choice([None, {}, {"a": 1}, {"a": None}, [], "x", {"a": "b"}])
    text = json.dumps(header, ensure_ascii=rng.random() < 0.5, separators=rng.choice([(",", ":"), (", ", ": ")])).encode()
    for _ in range(rng.choice([0, 0, 1, 1, 2, 3])):  # the header's bytes
        at = rng.randrange(len(text) + 1)
        kind = rng.randrange(5)
        word = rng.choice(WORDS).encode("latin1" if rng.random() < 0.9 else "utf-8")
        if kind == 0:
            text = text[:at] + word + text[at:]
        elif kind == 1:
            text = text[:at] + text[at + rng.randrange(4):]
        elif kind == 2:
            text = text[:at] + bytes([rng.randrange(256)]) + text[at + 1:]
        elif kind == 3:
            text = text[:at] + word + text[at + len(word):]
        else:
            text = text[:at] + text[rng.randrange(len(text) + 1):][:20] + text[at:]
    text += rng.choice([b"", b"", b" " * rng.randrange(9), b"\0", b" \n", b"x"])
    length = len(text) if rng.random() < 0.95 else rng.choice([0, 1, len(text) + 1, max(len(text) - 1, 0), 2**63, 2**64 - 1, 100_000_001])
    out = struct.pack("<Q", length) + text + data
    if rng.random() < 0.05:
        out = out[:rng.randrange(len(out) + 1)]
    return out + rng.choice([b""] * 9 + [b"z"])


def theirs(content):
    try:
        safetensors.deserialize(content)
        return "ok"
    except safetensors.SafetensorError as error:
        return str(error)
    except BaseException as error:  # a panic of the other reader is told in words, its input not kept
        return "%s: %s" % (type(error).__name__, error)


def by_tool(tool, files):
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:
        stream = b"".join(b"%d\n%s" % (len(each), each) for each in files)
        done = subprocess.run([tool, os.path.join(folder, "x")], input=stream, stdout=subprocess.PIPE, check=True)
    return done.stdout.decode(errors="replace").splitlines()


MEMORY = 64 << 20


def one_by_program(program, model, content, folder):
    """Exit code, what it said, and its peak memory in bytes."""
    path, said = os.path.join(folder, "x.safetensors"), os.path.join(folder, "said")
    with open(path, "wb") as file:
        file.write(content)
    command = [program, "logits", model, "--ids", path, "--out", os.path.join(folder, "out")]
    with open(said, "wb") as log:
        process = subprocess.Popen(["timeout", "-s", "KILL", "10", *command], stdout=log, stderr=log)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    with open(said, encoding="utf-8") as log:  # Error where a message is not UTF-8
        return process.returncode, log.read().strip(), used.ru_maxrss << 10


def by_program(program, model, files):
    """Like by_tool(); a file is in order where only its tensors are not the ids that were asked for."""
    out = []
    with tempfile.TemporaryDirectory() as folder:
        header = b'{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'
        sound = one_by_program(program, model, struct.pack("<Q", len(header)) + header, folder)
        for each in files:
            code, text, memory = one_by_program(program, model, each, folder)
            if code != 3 or text.count("\n") or not text.startswith("zebra: "):
                sys.exit("code %d, %r for %r" % (code, text, each))
            if memory > sound[2] + MEMORY:
                sys.exit("%d bytes of memory for %r" % (memory, each))
            out.append("ok" if "input_ids" in text else text)
    return out


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=100000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tool", default="build/cpu/zebra_safetensors_verdicts")
    parser.add_argument("--program")
    parser.add_argument("--model")
    options = parser.parse_args()
    rng = random.Random(options.seed)
    counts, unnamed = collections.Counter(), []
    for begin in range(0, options.runs, 2000):
        files = [changed(rng) for _ in range(min(2000, options.runs - begin))]
        ours = by_program(options.program, options.model, files) if options.program else by_tool(options.tool, files)
        for content, our, their in zip(files, ours, map(theirs, files), strict=True):
            if "Panic" in their:
                counts["the other reader panics"] += 1
                continue
            if (our == "ok") == (their == "ok"):
                counts["both take it" if our == "ok" else "both refuse it"] += 1
                continue
            name = next((n for n, words in NAMED.items() if their == "ok" and re.search(words, our)), None)
            counts["refused by zebra alone: " + name if name else "UNNAMED"] += 1
            if name is None and len(unnamed) < 20:
                unnamed.append((content, our, their))
    print("%d files, safetensors %s" % (options.runs, safetensors.__version__))
    for what, count in sorted(counts.items()):
        print("%8d %s" % (count, what))
    for content, our, their in unnamed:
        print("%r\n  zebra: %s\n  safetensors: %s" % (content[:400], our, their))
    sys.exit(1 if unnamed else 0)


if __name__ == "__main__":
    main()
