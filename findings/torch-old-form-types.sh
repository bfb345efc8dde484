#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Of PyTorch's two forms of a checkpoint, the older takes tensors that it cannot give back.
#
# torch 2.13.0.  torch.save(..., _use_new_zipfile_serialization=False) writes uint16, uint32, uint64 and all float8
# types without a word: complete, with their bytes, as untyped storages and a type beside them, as the zip form does.
# torch.load of that file then looks for a type at the storage's class, which has none.  It does so with weights_only
# and without.  The zip of the same tensors loads.  Seen:
#
#   uint16 zip: loads, older form: AttributeError
#   float8_e4m3fn zip: loads, older form: AttributeError
#   bfloat16 zip: loads, older form: loads
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
venv/bin/python - <<'PY'
import io
import sys

import torch


def outcome(tensor, zipped):
    told = set()
    for weights_only in (True, False):
        file = io.BytesIO()
        torch.save({"w": tensor}, file, _use_new_zipfile_serialization=zipped)
        file.seek(0)
        try:
            back = torch.load(file, weights_only=weights_only)["w"]
            assert back.view(torch.uint8).equal(tensor.view(torch.uint8))
            told.add("loads")
        except AttributeError as e:
            assert "UntypedStorage" in str(e) and "dtype" in str(e), e
            told.add("AttributeError")
    return " or ".join(sorted(told))


seen = {}
for dtype in (torch.uint16, torch.float8_e4m3fn, torch.bfloat16):
    name, tensor = str(dtype).split(".")[1], torch.ones(3).to(dtype)
    seen[name] = outcome(tensor, True), outcome(tensor, False)
    print(f"{name} zip: {seen[name][0]}, older form: {seen[name][1]}")
if seen != {"uint16": ("loads", "AttributeError"), "float8_e4m3fn": ("loads", "AttributeError"), "bfloat16": ("loads", "loads")}:
    sys.exit("torch no longer refuses its own files as stated")
PY
