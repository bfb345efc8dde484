#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""GGUF, compared with gguf.GGUFReader: names, types, shapes, every byte, and the metadata; of the
fixtures, of files made at random, and of broken ones.

What it takes and we refuse: more than four dimensions, offsets off the alignment, empty keys.
What it refuses and we show: names that are not UTF-8; a tensor of a type that is not known is listed.
"""
import contextlib
import glob
import json
import os
import random
import re
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import arrayfs, check, done, folder, listed, need, sampled  # noqa: E402

np, gguf = need("numpy", "gguf")
Type, Value = gguf.GGMLQuantizationType, gguf.GGUFValueType
DATA = os.environ["TEST_DATA"] + "/gguf"
PLAIN = {Type.F32: "float32", Type.F16: "float16", Type.F64: "float64", Type.BF16: "bfloat16", Type.I8: "int8", Type.I16: "int16",
         Type.I32: "int32", Type.I64: "int64"}
OURS = ("off the alignment of", "dimensions, more than 4", "is empty", "its shape overflows")
THEIRS = ("is not a valid GGMLQuantizationType", "codec can't decode")


def same(ours, theirs, what):
    assert ours == theirs, f"{what}: {ours!r}, not {theirs!r}"


def shape_of(t):
    """As the reader's, but that it takes bfloat16 for bytes."""
    shape = list(t.data.shape)
    return [*shape[:-1], shape[-1] // 2] if t.tensor_type == Type.BF16 and shape else shape


def check_tensor(out, t, o, big):
    """`out`: where all of it was extracted to."""
    shape = shape_of(t)
    blocks = t.tensor_type not in PLAIN
    same(o["type"], t.tensor_type.name, t.name)
    same(o["dtype"], "uint8" if blocks else PLAIN[t.tensor_type], t.name)
    same((o["shape"], o["size"]), (shape, t.n_bytes), t.name)
    same(o.get("logical_shape"), [int(n) for n in reversed(t.shape)] if blocks else None, t.name)
    same(o.get("byteorder"), None if blocks or t.tensor_type == Type.I8 else "big" if big else "little", t.name)
    same((out / o["path"]).read_bytes(), t.data.tobytes(), t.name)


def number(value):
    """As our JSON has it."""
    if isinstance(value, list):
        return [number(v) for v in value]
    if isinstance(value, float) and value != value:
        return "NaN"
    if isinstance(value, float) and value in (float("inf"), -float("inf")):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def rounded(value, kind):
    """What our JSON has, as a number of its type."""
    if isinstance(value, list):
        return [rounded(v, kind) for v in value]
    return float(np.float32(value)) if kind == Value.FLOAT32 and isinstance(value, (int, float)) else value


def check_array(out, key, field, o, big):
    kind, raw = field.types[-1], b"".join(field.parts[i].tobytes() for i in field.data)
    if kind != Value.STRING:
        same((o[key]["size"], o[key]["type"], o[key]["shape"]), (len(raw), kind.name, [len(field.data)]), key)
        same(o[key].get("byteorder"), None if kind in (Value.UINT8, Value.INT8, Value.BOOL) else "big" if big else "little", key)
        same((out / "metadata" / key).read_bytes(), raw, key)
        return
    offsets = np.cumsum([0, *(len(field.parts[i]) for i in field.data)]).astype("<i8")
    same((out / "metadata" / key / "values").read_bytes(), raw, key)
    same((out / "metadata" / key / "offsets").read_bytes(), offsets.tobytes(), key)


def check_metadata(out, reader, told, big):
    attributes = told[""]["attributes"]
    arrays = {p.removeprefix("metadata/"): o for p, o in told.items() if p.startswith("metadata/")}
    fields = {k: f for k, f in reader.fields.items() if k not in ("GGUF.tensor_count", "GGUF.kv_count")}
    same(sorted(attributes), sorted(fields), "keys")
    for key, field in fields.items():
        nested = field.types[:2] == [Value.ARRAY, Value.ARRAY]
        if not nested: # the reader flattens these
            same(rounded(attributes[key], field.types[-1]), number(field.contents()), key)
        if field.types[0] == Value.ARRAY and not nested:
            check_array(out, key, field, arrays, big)


def shown(name):
    """The name as a path."""
    parts = [re.sub("[\x00-\x1f\x7f]", lambda c: f"%{ord(c[0]):02X}", part) for part in name.split("/") if part]
    return "/".join(p.replace(".", "%2E") if p in (".", "..") else p for p in parts) or "_"


@contextlib.contextmanager
def extracted(source):
    with folder() as top:
        arrayfs("--extract", source, top / "out")
        yield top / "out"


def compare(path):
    reader = gguf.GGUFReader(path)
    told = {o["path"]: o for o in listed(path, inner=True)}
    big = reader.byte_order == "S"
    with extracted(path) as out:
        for t in reader.tensors:
            name = shown(t.name)
            alone = told[name]["kind"] == "file"
            check_tensor(out, t, told[name if alone else name + "~2"], big)
        if "metadata~2" not in told:
            check_metadata(out, reader, told, big)
    files = [p for p, o in told.items() if o["kind"] == "file" and not re.match(r"metadata(~2)?/", p)]
    same(len(files), len(reader.tensors), "tensors")


# --- at random ------------------------------------------------------------------

def random_value(rng, kind):
    if kind == Value.STRING:
        return rng.choice(["", "a", "h\u00e9", "\u4e2d\n\"", "w" * rng.randrange(200)])
    if kind == Value.BOOL:
        return rng.random() < 0.5
    if kind in (Value.FLOAT32, Value.FLOAT64):
        return rng.choice([0.1, -1.5, 1e30, float("inf"), float("nan"), rng.random()])
    bits = int(re.sub(r"\D", "", kind.name))
    return rng.getrandbits(bits) - (0 if kind.name[0] == "U" else 1 << (bits - 1))


def random_pairs(rng, w):
    kinds = [k for k in Value if k != Value.ARRAY]
    for i in range(rng.randrange(12)):
        kind = rng.choice(kinds)
        key = rng.choice(["general.k", "llama.\u00e9", "x/y", "tokenizer.ggml"]) + str(i)
        if rng.random() < 0.5:
            w.add_key_value(key, random_value(rng, kind), kind)
        else:
            n = rng.choice([1, 2, 7, 300, 1024, 2500])
            w.add_key_value(key, [random_value(rng, kind) for _ in range(n)], Value.ARRAY, kind)


def random_file(rng, path, **how):
    order = rng.choice([gguf.GGUFEndian.LITTLE, gguf.GGUFEndian.BIG])
    w = gguf.GGUFWriter(path, "llama", endianess=order, **how)
    if rng.random() < 0.3 and not how: # of a set it aligns all parts, and says so in the first only: no reader finds the others' tensors
        w.add_custom_alignment(rng.choice([8, 16, 64, 256]))
    random_pairs(rng, w)
    for i in range(rng.randrange(1, 12)):
        kind = rng.choice(list(Type))
        elements, size = gguf.GGML_QUANT_SIZES[kind]
        shape = [rng.randrange(0, 4) for _ in range(rng.randrange(0, 3))] + [rng.randrange(1, 3) * size]
        data = np.frombuffer(rng.randbytes(int(np.prod(shape))), np.uint8).reshape(shape)
        w.add_tensor(rng.choice(["blk.%d.w", "v/blk%d", "a.%d", "\u00e9%d"]) % i, data, raw_dtype=kind)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def reads(path):
    """What the reader says of it: None, or why not."""
    try:
        gguf.GGUFReader(path)
    except Exception as fault:  # whatever numpy makes of broken numbers
        return f"{type(fault).__name__}: {fault}"
    return None


def broken(rng, whole, infos):
    """One byte of the tensors' descriptions is another, or the end is missing."""
    if rng.random() < 0.3:
        return whole[:rng.randrange(8, len(whole))]
    at = rng.randrange(infos, min(len(whole), infos + 300))
    return whole[:at] + bytes([rng.choice([0, 1, 2, 8, 0x7f, 0x80, 0xff, rng.randrange(256)])]) + whole[at + 1:]


def test_broken(rng, path):
    whole = path.read_bytes()
    infos = gguf.GGUFReader(path).tensors[0].field.offset
    for _ in sampled(range(25)):
        bad = path.with_name("broken.gguf")
        bad.write_bytes(broken(rng, whole, infos))
        theirs, p = reads(bad), arrayfs("--list", bad, code=None)
        assert p.returncode in (0, 1), p
        why = p.stderr.decode()
        if p.returncode == 0 and theirs is None:
            compare(bad)
        elif p.returncode == 0:
            assert any(s in theirs for s in THEIRS), f"shown, but {theirs}"
        elif theirs is None:
            assert any(s in why for s in OURS), f"read, but {why}"


def joined(folder, stem):
    """All parts' tensors in order, and the reader of the first."""
    readers = [gguf.GGUFReader(p) for p in sorted(folder.glob(stem + "-*-of-*.gguf"))]
    return [t for r in readers for t in r.tensors], readers[0]


with folder() as where:
    with check("every fixture is what the reader reads"):
        for path in sorted(glob.glob(DATA + "/*.gguf")):
            if not re.search("unknown|fugg|split-00001|empty-arrays", path):
                compare(path)

    with check("the set is all parts' tensors"):
        path = DATA + "/split-00001-of-00003.gguf"
        tensors = [t for p in sorted(glob.glob(DATA + "/split-*.gguf")) for t in gguf.GGUFReader(p).tensors]
        told = [o for o in listed(path) if not o["path"].startswith("metadata/") and o["path"]]
        same([o["path"] for o in told], [t.name for t in tensors], "names")
        with extracted(path) as out:
            for t, o in zip(tensors, told):
                check_tensor(out, t, o, False)

    with check("what is refused, the reader refuses"):
        for path in sorted(glob.glob(DATA + "/bad/*.gguf")):
            why = arrayfs("--list", path, code=1).stderr.decode()
            if re.search("/(array-2e|nested-deep|beyond-wrap)", path): # 2^60 values one by one; arrays of arrays are flattened; sums wrap
                continue
            theirs = reads(path)
            # it has its own idea of what follows the end of a file
            assert theirs or any(s in why for s in OURS) or "cut short" in why or re.search("[0-9] (tensors|pairs)", why), f"{path}: {why}"

    for seed in (1, 2):
        with check(f"files at random, seed {seed}"):
            rng = random.Random(seed)
            for i in sampled(range(30)):
                path = where / f"{seed}-{i}.gguf"
                random_file(rng, path)
                compare(path)
                path.unlink()
        with check(f"broken at random, seed {seed}"):
            rng = random.Random(seed + 100)
            path = where / "whole.gguf"
            for i in range(3):
                random_file(rng, path)
                test_broken(rng, path)
        with check(f"sets at random, seed {seed}"):
            rng = random.Random(seed + 200)
            for i in sampled(range(6)):
                stem = f"set{seed}{i}"
                random_file(rng, where / f"{stem}.gguf", split_max_tensors=rng.randrange(1, 4))
                tensors, first = joined(where, stem) if list(where.glob(stem + "-*")) else ([], None)
                if first is None:
                    compare(where / f"{stem}.gguf")
                    continue
                path = sorted(where.glob(stem + "-*"))[0]
                told = {o["path"]: o for o in listed(path)}
                with extracted(path) as out:
                    for t in tensors:
                        check_tensor(out, t, told[t.name], first.byte_order == "S")
                for part in where.glob(stem + "-*"):
                    part.unlink()

    with check("a part that is missing, and one of another set"):
        for name in os.listdir(DATA):
            if name.startswith("split-"):
                (where / name).write_bytes(open(f"{DATA}/{name}", "rb").read())
        first, second = where / "split-00001-of-00003.gguf", where / "split-00002-of-00003.gguf"
        data = second.read_bytes()
        second.unlink()
        assert b"split-00002-of-00003.gguf: No such file" in arrayfs("--list", first, code=1).stderr
        second.write_bytes((where / "split-00003-of-00003.gguf").read_bytes())
        assert b"split-00002-of-00003.gguf: split.no is 2, not 1" in arrayfs("--list", first, code=1).stderr
        second.write_bytes(data)
        arrayfs("--list", first)
        same([o["path"] for o in listed(where, "split-00001-of-00003.gguf") if "/t" in o["path"] and "metadata" not in o["path"]],
             ["split-00001-of-00003.gguf/t0", "split-00001-of-00003.gguf/t1"], "a part in a folder")

    with check("a vocabulary of 128,000 words"):
        w = gguf.GGUFWriter(where / "words.gguf", "llama")
        words = [f"word{i * 7919 % 128000}" + "x" * (i % 11) for i in range(128_000)]
        w.add_array("tokenizer.ggml.tokens", words)
        w.add_tensor("t", np.arange(3, dtype="f4"))
        w.write_header_to_file()
        w.write_kv_data_to_file()
        w.write_tensors_to_file()
        w.close()
        root = listed(where / "words.gguf", inner=True)[0]
        same(root["attributes"]["tokenizer.ggml.tokens"], words, "the attribute")
        values, offsets = "".join(words).encode(), np.cumsum([0, *map(len, words)]).astype("<i8").tobytes()
        at = "metadata/tokenizer.ggml.tokens/"
        same(arrayfs("--cat", where / "words.gguf", at + "values").stdout, values, "values")
        same(arrayfs("--cat", where / "words.gguf", at + "offsets").stdout, offsets, "offsets")
        for first, last in ((0, 1), (1023, 1026), (70_000, 70_001), (127_999, 128_001)):
            rows = arrayfs("--cat", "--rows", f"{first}:{last}", where / "words.gguf", at + "offsets").stdout
            same(rows, offsets[8 * first:8 * last], "rows of offsets")
            rows = arrayfs("--cat", "--rows", f"{first}:{last}", where / "words.gguf", at + "values").stdout
            same(rows, values[first:last], "rows of values")

done()
