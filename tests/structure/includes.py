"""Includes point down only: a folder of src/ uses those that its zebra_module() line in CMakeLists.txt names, directly or
through others. The linker sees a missing library, but not a header that needs none; this does.
"""

import os
import re
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
OPTIONS = {"TORCH", "LIBRARY", "LIBS", "OPTIONS", "PCH"}


def declared():
    """Folder -> the folders whose headers it may use."""
    with open(os.path.join(ROOT, "CMakeLists.txt"), encoding="utf-8") as file:
        modules = re.findall(r"(?m)^zebra_module\((\w+)([^)]*)\)", file.read())
    allowed = {}
    for name, rest in modules:  # in the order of the file, lowest first
        words, direct, reading = rest.split(), set(), False
        for word in words:
            if word in OPTIONS or word == "DEPS":
                reading = word == "DEPS"
            elif reading:
                direct.add(word)
        missing = direct - set(allowed)
        if missing:
            sys.exit(f"CMakeLists.txt: {name} depends on {sorted(missing)}, which stand below it in the list")
        allowed[name] = {name}.union(direct, *(allowed[other] for other in direct))
    return allowed


def includes(path):
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            found = re.match(r'\s*#\s*include\s+"(\w+)/', line)
            if found:
                yield number, found[1]


def main():
    allowed, wrong, seen = declared(), [], 0
    for name in sorted(os.listdir(os.path.join(ROOT, "src"))):
        if name not in allowed:
            sys.exit(f"src/{name}: no zebra_module() line in CMakeLists.txt names this folder")
        for folder, _, files in os.walk(os.path.join(ROOT, "src", name)):
            for file in files:
                if not file.endswith((".h", ".cpp", ".cu", ".cuh")):
                    continue
                path = os.path.join(folder, file)
                for number, used in includes(path):
                    seen += 1
                    if used in allowed and used not in allowed[name]:
                        wrong.append(f"{os.path.relpath(path, ROOT)}:{number}: {name} may not use {used}")
    print("\n".join(wrong) or f"{seen} includes point down")
    return 1 if wrong or seen < 100 else 0


if __name__ == "__main__":
    sys.exit(main())
