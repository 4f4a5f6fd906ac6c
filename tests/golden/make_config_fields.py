#!/usr/bin/env python3
"""Writes config_fields.json beside this script: every key of config.json that the installed transformers knows for each
family of ours, with its default, and what its code of these families reads besides. Run it once with each version (two
are kept: 4.57.6 and 5.24.0); src/model/config_fields_test.cpp holds zebra's own table to the list."""
import inspect
import json
import os
import re

import transformers
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

FAMILIES = ("llama", "mistral", "qwen2", "qwen3")
SHARED = ("masking_utils.py", "cache_utils.py", "modeling_rope_utils.py")
PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "config_fields.json")
# Names of a config object that no file holds: methods, derived values, marks of the running program.
INTERNAL = {"get_text_config", "standardize_rope_params", "validate_rope", "default_theta", "json"}


def fields(family):
    cls = CONFIG_MAPPING[family]
    config = cls(num_hidden_layers=2)
    known = {name: value.default for name, value in inspect.signature(cls.__init__).parameters.items()}
    known = {name: value for name, value in known.items() if name not in ("self", "args", "kwargs")}
    known.update(config.to_dict())
    known["num_hidden_layers"] = cls().num_hidden_layers
    known.pop("transformers_version")
    return {name: known[name] if is_json(known[name]) else None for name in sorted(known)}


def is_json(value):
    return isinstance(value, (type(None), bool, int, float, str, list, dict))


def read_by_code(family):
    root = os.path.dirname(transformers.__file__)
    names = set()
    for path in (*SHARED, f"models/{family}/modeling_{family}.py"):
        with open(os.path.join(root, path)) as file:
            text = file.read()
        names.update(re.findall(r'\b(?:self\.)?config\.([a-z_]+)', text))
        names.update(re.findall(r'(?:getattr|hasattr)\((?:self\.)?config, "([a-zA-Z_]+)"', text))
    cls = CONFIG_MAPPING[family]
    return sorted(n for n in names - INTERNAL if not callable(getattr(cls, n, None)))


def main():
    known = {}
    if os.path.exists(PATH):
        with open(PATH) as file:
            known = json.load(file)
    known[transformers.__version__] = {
        family: {"fields": fields(family), "read_by_code": read_by_code(family)} for family in FAMILIES
    }
    lines = []
    for version in sorted(known):
        entries = [
            f'    "{family}": {{\n      "fields": {json.dumps(part["fields"], sort_keys=True)},\n'
            f'      "read_by_code": {json.dumps(part["read_by_code"])}\n    }}'
            for family, part in known[version].items()
        ]
        lines.append(f'  "{version}": {{\n' + ",\n".join(entries) + "\n  }")
    with open(PATH, "w") as file:
        file.write("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
