#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes the fixtures in tests/data: small sound archives, of at least two real
writers for each format.  The files are committed; this tells how they came to be.

    scripts/fixtures.py [FORMAT...]      needs tests/interop/requirements.txt

Each run writes the same bytes again.  Who wrote what stands in each folder's
README, which is made here too.
"""
import ctypes
import inspect
import json
import pathlib
import shutil
import struct
import sys

DATA = pathlib.Path(__file__).resolve().parent.parent / "tests" / "data"
LARGEST = 64 << 10

FORMATS = {}


def fixtures(name):
    """Marks the function that makes a format's fixtures, in an empty folder."""
    def mark(function):
        FORMATS[name] = function
        return function
    return mark


def pattern(n, seed=0):
    """n bytes in which neighbours, and the same place in two arrays, differ."""
    return bytes((i * 37 + seed * 101 + (i >> 8) * 11 + 1) & 0xff for i in range(n))


# --- safetensors -----------------------------------------------------------

# The reference library's words, and the bytes of one element of the shape given.
WRITTEN = {
    "bool": 1, "uint8": 1, "int8": 1, "uint16": 2, "int16": 2, "uint32": 4, "int32": 4, "uint64": 8, "int64": 8,
    "float16": 2, "bfloat16": 2, "float32": 4, "float64": 8, "complex64": 8,
    "float8_e4m3fn": 1, "float8_e5m2": 1, "float8_e8m0fnu": 1, "float8_e4m3fnuz": 1, "float8_e5m2fnuz": 1,
    "float4_e2m1fn_x2": 1,
}


def elements(shape):
    n = 1
    for extent in shape:
        n *= extent
    return n


def reference(tensors, metadata=None):
    """tensors: {name: (dtype, shape, bytes)}, written by the reference library."""
    from safetensors import TensorSpec, serialize
    kept, specs = [], {}
    for name, (dtype, shape, data) in tensors.items():
        kept.append(ctypes.create_string_buffer(data, max(len(data), 1)))
        specs[name] = TensorSpec(dtype=dtype, shape=list(shape), data_ptr=ctypes.addressof(kept[-1]),
                                 data_len=len(data))
    return bytes(serialize(specs, metadata))


def by_hand(header, data=b""):
    """Any header text before any bytes: what other writers may do and the
    reference library does not."""
    header = header if isinstance(header, bytes) else header.encode()
    return struct.pack("<Q", len(header)) + header + data


def check_by_reference(data):
    """By hand is only sound if the reference reader says so."""
    from safetensors import deserialize
    deserialize(data)
    return data


def tiny_model():
    """A language model of two layers, untrained, that scripts/try mounts."""
    import random
    rng = random.Random(1)

    def floats(code, *shape):
        scale = shape[-1] ** -0.5
        values = [rng.gauss(0, scale) if len(shape) > 1 else rng.gauss(1, 0.1) for _ in range(elements(shape))]
        if code == "float32":
            return code, list(shape), struct.pack(f"<{len(values)}f", *values)
        return code, list(shape), b"".join(struct.pack("<f", v)[2:] for v in values)  # bfloat16: the upper half

    tensors = {"model.embed_tokens.weight": floats("bfloat16", 64, 16)}
    for i in range(2):
        layer = f"model.layers.{i}."
        for part in "qkvo":
            tensors[f"{layer}self_attn.{part}_proj.weight"] = floats("bfloat16", 16, 16)
        tensors[layer + "mlp.up_proj.weight"] = floats("bfloat16", 32, 16)
        tensors[layer + "mlp.down_proj.weight"] = floats("bfloat16", 16, 32)
        tensors[layer + "input_layernorm.weight"] = floats("float32", 16)
    tensors["model.norm.weight"] = floats("float32", 16)
    tensors["lm_head.weight"] = floats("bfloat16", 64, 16)
    return reference(tensors, {"format": "pt"})


@fixtures("safetensors")
def safetensors(folder):
    """
    tiny, dtypes, shapes, names, metadata, empty: written by the safetensors library (safetensors.serialize).
    layout, sixbits, spelling: headers written by hand in scripts/fixtures.py, accepted by the library.
    """
    def put(name, data):
        (folder / (name + ".safetensors")).write_bytes(data)

    def tensor(dtype, shape, seed=0):
        n = elements(shape) * WRITTEN[dtype]
        data = pattern(n, seed)
        return dtype, shape, bytes(b & 1 for b in data) if dtype == "bool" else data

    put("dtypes", reference({dtype: tensor(dtype, [2, 3], i) for i, dtype in enumerate(WRITTEN)}))
    put("shapes", reference({
        "scalar": tensor("float32", []), "one": tensor("int16", [1]), "line": tensor("uint8", [7], 1),
        "cube": tensor("float16", [2, 3, 4], 2), "deep": tensor("int8", [1, 2, 1, 2, 1, 2], 3),
        "nothing": tensor("float64", [0]), "nowhere": tensor("int32", [3, 0, 5]),
    }))
    odd = ["a/b/c", "a/b/d", "a", "..", "x/../y", "/lead", "trail/", "two//slashes", "", "model.layers.0.mlp.weight",
           "percent%2F", "tab\there", "nul\0byte", "del\x7f", "line\nbreak", "gr\u00fc\u00dfe", "\U0001f600", "x" * 300,
           "\u00e9" * 150, ".arrayfs", "~2", "a~2", "quote\"back\\slash", " space "]
    put("names", reference({name: ("uint8", [1], bytes([i])) for i, name in enumerate(odd)}))
    put("tiny", tiny_model())
    put("metadata", reference({"w": tensor("float32", [2])}, {"format": "pt"}))
    put("empty", reference({}))
    put("layout", check_by_reference(by_hand(
        '{"later":{"dtype":"U8","shape":[3],"data_offsets":[4,7]},"first":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},'
        '"between":{"dtype":"I64","shape":[0],"data_offsets":[4,4]},'
        '"__metadata__":{"one":"1","two words":"\\u00fc\\n","":"empty"},'
        '"bool":{"dtype":"BOOL","shape":[3],"data_offsets":[7,10]}}', pattern(7) + b"\x00\x01\x02")))
    put("sixbits", check_by_reference(by_hand(
        '{"e2m3":{"dtype":"F6_E2M3","shape":[4],"data_offsets":[0,3]},"e3m2":{"dtype":"F6_E3M2","shape":[2,4],'
        '"data_offsets":[3,9]},"none":{"dtype":"F6_E3M2","shape":[0],"data_offsets":[9,9]}}', pattern(9))))
    put("spelling", check_by_reference(by_hand(
        ' \n{\t"__metadata__" : null , "\\u0061\\/b" : {"shape":[ 2 ] ,"extra":[{"deep":[1.5e3,-0,null,true,"\\ud83d\\ude00"]}],'
        '"data_offsets":[0,2],"dtype":{"U8":null}} ,"list":["I8",[1],[2,3]]}  \r\n ', pattern(3))))


@fixtures("safetensors_index")
def safetensors_index(folder):
    """
    model-0000N-of-00002.safetensors, parts/tail.safetensors: written by the safetensors library.
    model.safetensors.index.json: as transformers' save_pretrained() writes it (json.dumps(indent=2, sort_keys=True)).
    other.safetensors.index.json: by hand, in another order, of some of the tensors.
    """
    shards = {
        "model-00001-of-00002.safetensors": {"embed.weight": [4, 3], "layers.0.weight": [3, 3]},
        "model-00002-of-00002.safetensors": {"layers.1.weight": [3, 3], "head.weight": [2]},
        "parts/tail.safetensors": {"tail": [5], "unnamed": [1]},
    }
    (folder / "parts").mkdir()
    where, seed, total = {}, 0, 0
    for path, tensors in shards.items():
        made = {}
        for name, shape in tensors.items():
            seed += 1
            made[name] = ("float32", shape, pattern(elements(shape) * 4, seed))
            if path.startswith("model"):
                where[name] = path
                total += elements(shape) * 4
        (folder / path).write_bytes(reference(made, {"format": "pt"}))
    index = {"metadata": {"total_size": total}, "weight_map": where}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2, sort_keys=True) + "\n")
    (folder / "other.safetensors.index.json").write_text(
        '{"weight_map":{"tail":"parts/tail.safetensors","head.weight":"model-00002-of-00002.safetensors",'
        '"embed.weight":"./model-00001-of-00002.safetensors"},"metadata":{"by":"hand","n":[1,2.5,null],"t":true},"version":1}')


# --- all -------------------------------------------------------------------

def make(name):
    folder = DATA / name
    bad = folder / "bad"                  # kept: what once broke us
    for old in folder.iterdir() if folder.exists() else []:
        if old != bad:
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    folder.mkdir(parents=True, exist_ok=True)
    FORMATS[name](folder)
    said = inspect.getdoc(FORMATS[name])
    (folder / "README").write_text("Made by scripts/fixtures.py.\n\n" + said + "\n")
    for path in folder.rglob("*"):
        if path.is_file() and path.stat().st_size > LARGEST:
            sys.exit(f"{path} is larger than {LARGEST} bytes")
    print(name, sum(1 for path in folder.rglob("*") if path.is_file()), "files")


if __name__ == "__main__":
    for wanted in sys.argv[1:] or FORMATS:
        if wanted not in FORMATS:
            sys.exit(f"no fixtures for {wanted}; there are {', '.join(FORMATS)}")
        make(wanted)
