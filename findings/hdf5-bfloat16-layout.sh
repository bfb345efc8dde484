#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# A two-byte float of HDF5 need not be IEEE's half: readers that judge by the size alone are wrong.
#
# HDF5 spells out where sign, exponent and mantissa of a float lie, so a type with bfloat16's
# layout is a plain float of 2 bytes, which the library converts.  The values 1, -2.5 and 3e38, read
# without an error or a warning: h5py 3.16.0 and netCDF4 1.7.5.1.post1 widen to float32 and are
# right; PyTables 3.11.1 has the library convert to half precision, where the last one does not
# fit; pyfive 1.3.0 takes the bits for those of a half.  Seen:
#
#   h5py      float32  [1.0, -2.5, 3.00405527047391e+38]
#   netCDF4   float32  [1.0, -2.5, 3.00405527047391e+38]
#   PyTables  float16  [1.0, -2.5, inf]
#   pyfive    float16  [1.875, -2.0625, nan]
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
	numpy==2.4.6 h5py==3.16.0 netCDF4==1.7.5.1.post1 tables==3.11.1 pyfive==1.3.0
venv/bin/python - <<'PY'
import sys

import h5py
import netCDF4
import numpy as np
import pyfive
import tables

bfloat16 = h5py.h5t.IEEE_F32LE.copy()
bfloat16.set_fields(15, 7, 8, 0, 7)         # sign, exponent at 7 of 8 bits, mantissa of 7
bfloat16.set_precision(16)
bfloat16.set_size(2)
bfloat16.set_ebias(127)
with h5py.File("x.h5", "w") as f:
    x = h5py.h5d.create(f.id, b"x", bfloat16, h5py.h5s.create_simple((3,)))
    x.write(h5py.h5s.ALL, h5py.h5s.ALL, np.array([1, -2.5, 3e38], "f4"))

with h5py.File("x.h5") as h, pyfive.File("x.h5") as p:
    arrays = {"h5py": h["x"][()], "pyfive": p["x"][()]}
with netCDF4.Dataset("x.h5") as n, tables.open_file("x.h5") as t:
    arrays |= {"netCDF4": np.asarray(n["x"][:]), "PyTables": t.root.x[:]}
seen = {name: (a.dtype.name, str(a.tolist())) for name, a in arrays.items()}
for name, value in seen.items():
    print(name, *value)

right = "float32", "[1.0, -2.5, 3.00405527047391e+38]"
if seen["h5py"] != right or seen["netCDF4"] != right:
    sys.exit("h5py and netCDF4 no longer widen the type to float32")
if seen["PyTables"] != ("float16", "[1.0, -2.5, inf]"):
    sys.exit("PyTables no longer narrows the values to half precision")
if seen["pyfive"] != ("float16", "[1.875, -2.0625, nan]"):
    sys.exit("pyfive no longer takes the bits for those of a half")
PY
