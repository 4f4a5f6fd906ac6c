"""flags.py: every verb of the program that $ZEBRA names with its places and flags, as its help has them, a line each.

`python3 tests/e2e/flags.py > tests/e2e/flags.txt` renews the list that the suite holds the program to: a flag that goes
away or takes another kind of value breaks somebody's script, so that shall not happen unnoticed.
"""

import re
import subprocess
import sys

from program import PROGRAM


def help_of(words):
    return subprocess.run([PROGRAM, *words, "--help"], check=True, capture_output=True, text=True).stdout


def section(text, name):
    """The entries of a section of a help text, [first words of each line]."""
    found = re.search(rf"(?m)^{name}:\n((?:  .*\n|\n)*)", text + "\n")
    return re.findall(r"(?m)^  (\S.*?)(?:  |$)", found[1]) if found else []


def lines(words=()):
    text = help_of(words)
    below = section(text, "Subcommands") if words else re.findall(r"(?m)^(?:[a-z]+(?: [a-z]+)*)? +([a-z]+)  ", text)
    if below:
        return [line for name in below for line in lines((*words, name))]
    entries = section(text, "Positionals") + section(text, "Options")
    return [" ".join((*words, each)) for each in entries if each != "-h,--help"]


if __name__ == "__main__":
    sys.stdout.write("".join(line + "\n" for line in lines()))
