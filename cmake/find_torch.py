"""Prints folder;version;CUDA version ("none") of the torch package that this python would import, or of a named folder.

Read from the package's files, not by importing it: that takes seconds. Fails with a sentence where the build cannot
use what it finds.
"""

import importlib.util
import os
import re
import sys

OLDEST = (2, 11)

if len(sys.argv) > 1:
    folder = os.path.abspath(sys.argv[1])
else:
    spec = importlib.util.find_spec("torch")
    if spec is None or not spec.submodule_search_locations:
        sys.exit(f"{sys.executable} has no torch package")
    folder = spec.submodule_search_locations[0]
try:
    with open(os.path.join(folder, "version.py"), encoding="utf-8") as file:
        text = file.read()
except OSError as error:
    sys.exit(f"{folder} is not a whole torch package: {error}")
version = re.search(r"^__version__\s*=\s*['\"]([^'\"]+)", text, re.MULTILINE)
cuda = re.search(r"^cuda\b[^=]*=\s*['\"]([^'\"]+)", text, re.MULTILINE)
if not version or tuple(int(part) for part in re.findall(r"\d+", version[1])[:2]) < OLDEST:
    sys.exit(f"{folder}: expected torch {'.'.join(map(str, OLDEST))} or newer, found {version and version[1]}")
for part in ("include/ATen/ATen.h", "lib/libtorch_cpu.so", "lib/libc10.so"):
    if not os.path.exists(os.path.join(folder, part)):
        sys.exit(f"{folder}: expected the file {part}, found none")
print(folder, version[1], cuda[1] if cuda else "none", sep=";")
