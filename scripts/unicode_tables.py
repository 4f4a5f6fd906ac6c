#!/usr/bin/env python3
"""Writes src/tokenizer/unicode_tables.cpp: the Unicode properties that Hugging Face tokenizers 0.23 goes by.

usage: python3 -m venv v && v/bin/pip install unicodedata2==16.0.0 && v/bin/python scripts/unicode_tables.py

Its parts do not follow one Unicode version, and neither may we, if every id is to be the same:
  regular expressions (\\p{L} \\p{N} \\s, and \\w around added tokens)   16.0
  Digits (Rust's char::is_numeric) and Lowercase (char::to_lowercase)     17.0
  NFC, NFD, NFKC, NFKD (crate unicode-normalization-alignments)            9.0
unicodedata2 gives 16.0; what differs from it is listed below by code point.
"""
import pathlib

import unicodedata2 as ucd

assert ucd.unidata_version == "16.0.0", "the tables are made from unicodedata2==16.0.0"
CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]


def code_points(text):
    out = set()
    for part in text.split():
        first, _, last = part.partition("-")
        out |= set(range(int(first, 16), int(last or first, 16) + 1))
    return out


NUMERIC_17 = code_points("11DE0-11DE9 16FF4-16FF6")
LOWER_17 = {0x1C89: 0x1C8A, 0xA7CB: 0x264, 0xA7CC: 0xA7CD, 0xA7CE: 0xA7CF, 0xA7D2: 0xA7D3, 0xA7D4: 0xA7D5,
            0xA7DA: 0xA7DB, 0xA7DC: 0x19B, **{c: c + 0x20 for c in range(0x10D50, 0x10D66)},
            **{c: c + 0x1B for c in range(0x16EA0, 0x16EB9)}}
# Circled and squared letters are Alphabetic without being letters; ZWNJ and ZWJ are Join_Control.
WORD_EXTRA = code_points("200C-200D 24B6-24E9 1F130-1F149 1F150-1F169 1F170-1F189")
# Combining classes and decompositions that came after Unicode 9.0.
AFTER_9 = code_points("""
    7FD 897-89F 8CA-8D3 9FE C3C D3B-D3C EBA 1715 1ABF-1ADD 1AE0-1AEB 1DF6-1DFA A82C 105C9 105E4 10D24-10D27 10D69-10D6D
    10EAB-10EAC 10EFA-10EFB 10EFD-10EFF 10F46-10F50 10F82-10F85 11070 1133B 11383 11385 1138E 11391 113C5 113C7-113C8
    113CE-113D0 1145E 11839-1183A 11938 1193D-1193E 11943 119E0 11A34 11A47 11A99 11D42 11D44-11D45 11D97 11F41-11F42
    16121-16128 1612F 16D68-16D6A 16FF0-16FF1 1E08F 1E130-1E136 1E2AE 1E2EC-1E2EF 1E4EC-1E4EF 1E5EE-1E5EF
    32FF A7F1-A7F4 AB69 10781-10785 10787-107B0 107B2-107BA 1CCD6-1CCF9 1E030-1E06D 1F16C 1FBF0-1FBF9""")
LETTER, NUMBER, SPACE, NUMERIC, WORD = 1, 2, 4, 8, 16


def properties(c):
    category = ucd.category(chr(c))
    flags = 0
    if category[0] == "L":
        flags |= LETTER
    if category[0] == "N":
        flags |= NUMBER | NUMERIC
    if c in NUMERIC_17:
        flags |= NUMERIC
    if chr(c).isspace() and not 0x1C <= c <= 0x1F:
        flags |= SPACE
    if category[0] in "LM" or category in ("Nd", "Nl", "Pc") or c in WORD_EXTRA:
        flags |= WORD
    return flags


def ranges(value_of):
    """[first, last, value] of every run of code points with one value that is not 0."""
    out = []
    for c in CODE_POINTS:
        value = value_of(c)
        if not value:
            continue
        if out and out[-1][1] == c - 1 and out[-1][2] == value:
            out[-1][1] = c
        else:
            out.append([c, c, value])
    return out


def lower_ranges():
    """[first, last, step, delta]: first, first + step .. last become lower case by adding delta."""
    out = []
    for c in CODE_POINTS:
        low = chr(LOWER_17[c]) if c in LOWER_17 else chr(c).lower()
        if low == chr(c) or len(low) > 1:  # only U+0130 gives two characters; lower_case() knows it
            continue
        delta = ord(low) - c
        run = out[-1] if out else None
        if run and run[3] == delta and run[0] == run[1] and c - run[1] <= 2:
            run[1], run[2] = c, c - run[0]
        elif run and run[3] == delta and c - run[1] == run[2]:
            run[1] = c
        else:
            out.append([c, c, 1, delta])
    return out


def decompositions():
    """Code point, offset and length in the pool, for canonical mappings and for compatibility ones that differ."""
    pool, canonical, compatible = [], [], []
    for c in CODE_POINTS:
        if c in AFTER_9 or 0xAC00 <= c <= 0xD7A3:  # Hangul syllables decompose by arithmetic
            continue
        nfd, nfkd = (ucd.normalize(form, chr(c)) for form in ("NFD", "NFKD"))
        for table, text in ((canonical, nfd), (compatible, nfkd)):
            if text == chr(c) or (table is compatible and nfkd == nfd):
                continue
            table.append([c, len(pool), len(text)])
            pool += [ord(x) for x in text]
    return pool, canonical, compatible


def compositions():
    out = []
    for c in CODE_POINTS:
        mapping = ucd.decomposition(chr(c)).split()
        if c in AFTER_9 or len(mapping) != 2 or mapping[0].startswith("<"):
            continue
        first, second = (int(x, 16) for x in mapping)
        if ucd.normalize("NFC", chr(first) + chr(second)) == chr(c):
            out.append([first, second, c])
    return sorted(out)


def array(kind, name, rows):
    cells = ["{" + ",".join(f"{x:#x}" if x > 9 else str(x) for x in row) + "}" if isinstance(row, list) else f"{row:#x}" for row in rows]
    lines, line = [], ""
    for cell in cells:
        if len(line) + len(cell) > 117:
            lines.append(line)
            line = ""
        line += cell + ","
    lines.append(line)
    return f"const {kind} {name}[] = {{\n" + "\n".join(lines) + "\n};\n" + f"const size_t {name}Count = std::size({name});\n"


pool, canonical, compatible = decompositions()
text = f"""// Generated by scripts/unicode_tables.py (categories: Unicode {ucd.unidata_version}); do not edit.
#include "tokenizer/unicode_tables.h"

#include <iterator>

// clang-format off
namespace zebra::unicode {{

"""
text += array("PropertyRange", "kProperties", ranges(properties))
text += array("LowerRange", "kLower", lower_ranges())
text += array("PropertyRange", "kCombiningClasses", ranges(lambda c: 0 if c in AFTER_9 else ucd.combining(chr(c))))
text += array("Decomposition", "kCanonical", canonical)
text += array("Decomposition", "kCompatible", compatible)
text += array("char32_t", "kDecompositionPool", pool)
text += array("Composition", "kCompositions", compositions())
text += "\n}  // namespace zebra::unicode\n"
target = pathlib.Path(__file__).resolve().parent.parent / "src/tokenizer/unicode_tables.cpp"
target.write_text(text)
print(target, len(text), "bytes")
