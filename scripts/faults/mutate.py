# SPDX-License-Identifier: MIT
"""Files of the reference writers and what becomes of them: flipped, cut, spliced."""
import pathlib
import random
import struct
import tempfile

DATA = pathlib.Path(__file__).resolve().parents[2] / "tests" / "data"
ENDS = {"safetensors": ".safetensors", "safetensors_index": ".index.json", "parquet": ".parquet", "hdf5": ".h5"}
NUMBERS = [0, 1, 2, 7, 8, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 1 << 40,
           0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff]


def seeds(fmt):
    """Small sound archives: the fixtures, and some of writers.py where its libraries are."""
    found = [p.read_bytes() for p in sorted((DATA / fmt).iterdir()) if p.is_file() and p.suffix not in ("", ".md")
             and (fmt != "safetensors_index" or p.suffix == ".json")]
    try:
        import writers
    except SystemExit:
        return found
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(1, 13) if fmt in writers.WRITERS and fmt != "safetensors_index" else ():
            path = pathlib.Path(folder) / f"x{ENDS[fmt]}"
            writers.WRITERS[fmt](str(path), seed, 40)
            found.append(path.read_bytes())
    return found


def mutate(rng, data, others, fmt):
    out = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 1, 2, 5])):
        if not out:
            break
        at = place(rng, len(out), fmt)
        what = rng.randrange(9)
        if what <= 2:
            out[at] ^= 1 << rng.randrange(8)
        elif what == 3:
            out[at] = rng.randrange(256)
        elif what == 4:
            width = rng.choice([1, 2, 4, 8])
            out[at:at + width] = struct.pack("<Q", rng.choice(NUMBERS))[:width]
        elif what == 5:  # a little more, or less, of a number
            out[at] = (out[at] + rng.choice([-1, 1, 2, -2, 16])) & 0xff
        elif what == 6:
            n, source = rng.randrange(1, 64), place(rng, len(out), fmt)
            out[at:at + n] = out[source:source + n]
        elif what == 7:
            other = rng.choice(others)
            n, source = rng.randrange(1, 200), rng.randrange(len(other) or 1)
            out[at:at + n] = other[source:source + n]
        elif rng.random() < 0.2:
            del out[at:at + rng.choice([1, 4, 8, len(out)])]
    return bytes(out)


def place(rng, n, fmt):
    """Where the metadata is, mostly."""
    if rng.random() < 0.4:
        return rng.randrange(n)
    if fmt == "parquet" and rng.random() < 0.7:  # the footer lies at the end
        return max(0, n - 1 - int(rng.random() ** 2 * min(n, 3000)))
    return min(n - 1, int(rng.random() ** 2 * min(n, 4000)))
