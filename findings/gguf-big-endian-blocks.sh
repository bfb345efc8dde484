#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# A big-endian GGUF file holds its quantized blocks in one of two byte orders, and nothing in the file tells which.
#
# gguf 0.19.0, which is llama.cpp's own package.  GGUFWriter(endianess=BIG) swaps float and integer tensors and leaves
# quantized blocks as they are: the float16 scale of each Q8_0 block stays little-endian.  The package's
# gguf-convert-endian, run on the little-endian file of the same tensors, swaps the scales, too.  Both files have the
# same header but for the order of its fields' bytes.  dequantize() takes any scale as little-endian, so it reads the
# first file's blocks and not the second's, and of neither the plain float32 tensor, though GGUFReader knows its order.
# Seen:
#
#   Q8_0 scale of 0.5: written b'\x008' little, b'\x008' big; converted to big: b'8\x00'
#   dequantize, of 63.5: little 63.5, written big 63.5, converted 0.0004239
#   dequantize, of float32 1.0: little 1.0, written big 4.6006e-41; the reader's own array says 1.0
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check gguf==0.19.0 numpy==2.4.6
venv/bin/python - <<'PY'
import shutil
import subprocess
import sys

import numpy as np
from gguf import GGMLQuantizationType as T
from gguf import GGUFEndian, GGUFReader, GGUFWriter
from gguf.quants import dequantize, quantize

# One block whose largest value is 127 steps of a half: its scale is 0.5 exactly.
values = np.full((1, 32), 63.5, np.float32)


def write(path, order):
    w = GGUFWriter(path, "llama", endianess=order)
    w.add_tensor("blocks", quantize(values, T.Q8_0), raw_dtype=T.Q8_0)
    w.add_tensor("plain", np.ones(32, np.float32))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


write("little.gguf", GGUFEndian.LITTLE)
write("big.gguf", GGUFEndian.BIG)
shutil.copy("little.gguf", "converted.gguf")
subprocess.run(["venv/bin/gguf-convert-endian", "converted.gguf", "big"], input="YES\n", text=True, check=True, capture_output=True)

scale, block, plain, own = {}, {}, {}, {}
for name in ("little", "big", "converted"):
    tensors = {t.name: t for t in GGUFReader(f"{name}.gguf").tensors}
    scale[name] = bytes(np.asarray(tensors["blocks"].data).reshape(-1)[:2])
    block[name] = float(dequantize(tensors["blocks"].data, T.Q8_0).flat[0])
    plain[name] = float(dequantize(tensors["plain"].data, T.F32).flat[0])
    own[name] = float(tensors["plain"].data.flat[0])
print(f"Q8_0 scale of 0.5: written {scale['little']} little, {scale['big']} big; converted to big: {scale['converted']}")
print(f"dequantize, of 63.5: little {block['little']:g}, written big {block['big']:g}, converted {block['converted']:.4g}")
print(f"dequantize, of float32 1.0: little {plain['little']}, written big {plain['big']:.5g}; the reader's own array says {own['big']}")
if scale != {"little": b"\x008", "big": b"\x008", "converted": b"8\x00"}:
    sys.exit("the writer and the converter now agree on the blocks' byte order, or it is another")
if block["big"] != 63.5 or abs(block["converted"] - 63.5) < 1 or plain["big"] == 1 or own != dict.fromkeys(own, 1.0):
    sys.exit("dequantize no longer takes big-endian tensors as stated")
PY
