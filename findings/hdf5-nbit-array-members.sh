#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# HDF5's n-bit filter loses what a compound has after an array of compounds or of arrays.
#
# HDF5 2.0.0 (h5py 3.16.0) and 1.14.6 (h5py 3.14.0), which write the same bytes.  The filter's
# parameters in the file are right: they describe the array's items, then the member after it.  But
# the writer goes back to the description of the items even after the last of them, and packs the
# next member by that.  After an array of compounds it packs nothing here, and the library's own
# reader, which goes back likewise, raises an error.  After an array of arrays it packs the first
# number of the second inner array once more, and the member is read as 0, with no error.  Writing
# raises none either way.  The array's values can be had from the chunk, the member's cannot: the
# bytes are the same whatever they are.  All is well if the array comes last, has two dimensions
# instead of nesting, or has numbers as items, and if all numbers have full precision, where the
# filter leaves the chunk alone.  Two elements whose numbers have 11 bits (y is one of them, and x,
# the member after the array a or before it), seen:
#
#   type                   bytes  x written  x read
#   {x, a: 2 of {y}}           9  300 600    300 600
#   {a: 2 of {y}, x}           6  300 600    OSError, filter returned failure during read
#   {a: 2 of {y}, x}, full    12  300 600    300 600
#   {x, a: 2 of 2}            14  300 600    300 600
#   {a: 2 of 2, x}            14  300 600    0 0
#   {a: 2 by 2, x}            14  300 600    300 600
#   {a: 4, x}                 14  300 600    300 600
#
#   {a: 2 of {y}, x}: parameters 24 0 2, 3 6 2, 0 2 4, 3 2 1, 0 1 2 0 11 0, 4 1 2 0 11 0
#   {a: 2 of {y}, x}: packed 100 200, 100 200
#   {a: 2 of 2, x}: packed 100 200 300 400 300, 100 200 300 400 300
#
# In the parameters 3 is a compound (size, number of members), 2 an array (size, item), 1 a number
# (size, byte order, precision, offset); before each member stands where it is.
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
for h5py in 3.14.0 3.16.0; do
	python3 -m venv $h5py
	$h5py/bin/pip install --quiet --disable-pip-version-check h5py==$h5py numpy==2.4.6
done
cat >show.py <<'PY'
import sys

import h5py
import numpy as np
from h5py.h5t import COMPOUND, STD_U16LE, array_create, create


def compound(*members):
    kind = create(COMPOUND, sum(member.get_size() for _, member in members))
    at = 0
    for name, member in members:
        kind.insert(name, at, member)
        at += member.get_size()
    return kind


def look(kind, first, x):
    """Two elements, the other numbers of which are 100, 200 and so on: chunk, x as read, parameters."""
    others = [100 * (i + 1) for i in range(kind.get_size() // 2 - 1)]
    elements = [([v] + others if first else others + [v]) for v in x]
    written = np.array(elements, "<u2").reshape(-1).view(f"V{kind.get_size()}")
    how = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    how.set_chunk((2,))
    how.set_filter(h5py.h5z.FILTER_NBIT, h5py.h5z.FLAG_MANDATORY, ())
    with h5py.File("x.h5", "w") as f:
        d = h5py.h5d.create(f.id, b"x", kind, h5py.h5s.create_simple((2,)), how)
        d.write(h5py.h5s.ALL, h5py.h5s.ALL, written, kind)
    with h5py.File("x.h5") as f:
        d = f["x"].id
        chunk = d.read_direct_chunk((0,))[1]
        parameters = d.get_create_plist().get_filter(0)[2]
        read = np.zeros_like(written)
        try:
            d.read(h5py.h5s.ALL, h5py.h5s.ALL, read, kind)
        except OSError as e:
            return chunk, f"OSError, {str(e).split('(')[-1].rstrip(')')}", parameters
        read = read.view("<u2").reshape(2, -1)
        others_read = read[:, 1:] if first else read[:, :-1]
        assert (others_read == others).all()
        return chunk, " ".join(map(str, read[:, 0 if first else -1])), parameters


number = STD_U16LE.copy()
number.set_precision(11)
item = array_create(compound((b"y", number)), (2,))
full = array_create(compound((b"y", STD_U16LE)), (2,))
nested = array_create(array_create(number, (2,)), (2,))
failure = "OSError, filter returned failure during read"
cases = [  # what, type, is x first, what is read
    ("{x, a: 2 of {y}}", compound((b"x", number), (b"a", item)), True, "300 600"),
    ("{a: 2 of {y}, x}", compound((b"a", item), (b"x", number)), False, failure),
    ("{a: 2 of {y}, x}, full", compound((b"a", full), (b"x", STD_U16LE)), False, "300 600"),
    ("{x, a: 2 of 2}", compound((b"x", number), (b"a", nested)), True, "300 600"),
    ("{a: 2 of 2, x}", compound((b"a", nested), (b"x", number)), False, "0 0"),
    ("{a: 2 by 2, x}", compound((b"a", array_create(number, (2, 2))), (b"x", number)), False, "300 600"),
    ("{a: 4, x}", compound((b"a", array_create(number, (4,))), (b"x", number)), False, "300 600"),
]
packed = {  # in either of the two elements, where x is lost
    "{a: 2 of {y}, x}": [100, 200],
    "{a: 2 of 2, x}": [100, 200, 300, 400, 300],
}
print("HDF5", h5py.version.hdf5_version)
print(f"{'type':22} bytes  x written  x read")
chunks = {}
for name, kind, first, expected in cases:
    chunks[name], read, parameters = look(kind, first, (300, 600))
    print(f"{name:22} {len(chunks[name]):5}  300 600    {read}")
    if read != expected:
        sys.exit(f"{name} is no longer read back as stated")
    if name not in packed:
        continue
    if look(kind, first, (301, 605))[0] != chunks[name]:
        sys.exit(f"the chunk of {name} now depends on x")
    bits = "".join(f"{byte:08b}" for byte in chunks[name])
    values = [int(bits[i:i + 11], 2) for i in range(0, 11 * 2 * len(packed[name]), 11)]
    print(f"{name}: packed", *values)
    if values != packed[name] * 2:
        sys.exit(f"{name} is no longer packed as stated")
    # h5py 3.14.0 hands out no more than 16 of the parameters.
    if name == "{a: 2 of {y}, x}" and h5py.__version__ == "3.16.0":
        print(f"{name}: parameters", *parameters)
        if parameters != (24, 0, 2, 3, 6, 2, 0, 2, 4, 3, 2, 1, 0, 1, 2, 0, 11, 0, 4, 1, 2, 0, 11, 0):
            sys.exit("the filter's parameters no longer describe the type as stated")
with open("chunks-" + h5py.__version__, "w") as out:
    out.write(repr(chunks))
PY
for h5py in 3.14.0 3.16.0; do
	$h5py/bin/python show.py
done
cmp chunks-3.14.0 chunks-3.16.0 || { echo "the two versions no longer write the same chunks" >&2; exit 1; }
