#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
""".arrayfs/f32, compared bit by bit with what gguf.quants, NumPy and ml_dtypes make of the same
bytes, which are random: scales of every kind, infinities, NaNs and subnormals are among them.
Then --diff of numbers by their values, compared with numpy.isclose()."""
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import ARRAYFS, arrayfs, done, folder, listed, need, need_mounts, need_tool, run_all  # noqa: E402

np, ml_dtypes, gguf = need("numpy", "ml_dtypes", "gguf")
Type = gguf.GGMLQuantizationType
np.seterr(all="ignore")
BLOCKS = [t for t in Type if t in gguf.quants._type_traits and t != Type.BF16]
# safetensors' name, ml_dtypes' or NumPy's, bits
FLOATS = [("F16", "float16", 16), ("BF16", "bfloat16", 16), ("F8_E4M3", "float8_e4m3fn", 8), ("F8_E5M2", "float8_e5m2", 8),
          ("F8_E4M3FNUZ", "float8_e4m3fnuz", 8), ("F8_E5M2FNUZ", "float8_e5m2fnuz", 8), ("F8_E8M0", "float8_e8m0fnu", 8),
          ("F6_E2M3", "float6_e2m3fn", 6), ("F6_E3M2", "float6_e3m2fn", 6), ("F4", "float4_e2m1fn", 4)]
WITHOUT = [("F32", 4), ("F64", 8), ("I8", 1), ("I32", 4), ("BOOL", 1), ("C64", 8)]


def write_safetensors(path, tensors):
    header, data = {}, b""
    for name, (dtype, shape, raw) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def write_gguf(path, tensors, **how):
    w = gguf.GGUFWriter(path, "x", **how)
    for name, (kind, array) in tensors.items():
        w.add_tensor(name, array, raw_dtype=kind)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    return path


def unpacked(raw, bits, count):
    """One element a byte, as ml_dtypes has them; the lowest bits come first."""
    every = np.unpackbits(np.frombuffer(raw, np.uint8), bitorder="little")[:count * bits].reshape(count, bits)
    return (every << np.arange(bits, dtype=np.uint8)).sum(axis=1).astype(np.uint8)


def widened(raw, dtype, bits, count):
    own = np.dtype(getattr(ml_dtypes, dtype, dtype))
    stored = np.frombuffer(raw, own) if bits == 16 else unpacked(raw, bits, count).view(own)
    return stored.astype(np.float32)


def f32(path, name, code=0):
    return arrayfs("--cat", path, f".arrayfs/f32/{name}", code=code).stdout


def same(ours, theirs, what):
    theirs = np.ascontiguousarray(theirs, "<f4")
    assert len(ours) == theirs.nbytes, f"{what}: {len(ours)} bytes, not {theirs.nbytes}"
    a, b = np.frombuffer(ours, "<u4"), theirs.view("<u4").ravel()
    if not (a == b).all():
        i = int(np.argmax(a != b))
        raise AssertionError(f"{what}: element {i} is {a[i]:#x}, not {b[i]:#x}")


def random_blocks(kind, rows, blocks, rng):
    return np.frombuffer(rng.bytes(rows * blocks * gguf.constants.GGML_QUANT_SIZES[kind][1]), np.uint8).reshape(rows, -1)


def every_type_of_block_is_ggufs():
    with folder() as top:
        for seed in (1, 2):
            rng = np.random.default_rng(seed)
            tensors = {t.name: (t, random_blocks(t, 30, 37, rng)) for t in BLOCKS}
            path = write_gguf(top / "a.gguf", tensors)
            for t in gguf.GGUFReader(path).tensors:
                same(f32(path, t.name), gguf.quants.dequantize(t.data, t.tensor_type), t.name)
            shown = {o["path"]: o for o in listed(path)}
            assert all(shown[t.name]["dtype"] == "uint8" for t in BLOCKS)


def of_other_byte_order_only_single_bytes_are_certain():
    with folder() as top:
        rng = np.random.default_rng(3)
        tensors = {t.name: (t, random_blocks(t, 2, 2, rng)) for t in BLOCKS}
        path = write_gguf(top / "b.gguf", {**tensors, "half": (None, np.arange(7, dtype="f2"))}, endianess=gguf.GGUFEndian.BIG)
        for t in BLOCKS:
            certain = t in (Type.MXFP4, Type.NVFP4)
            ours = f32(path, t.name, code=0 if certain else 1)
            if certain:
                same(ours, gguf.quants.dequantize(tensors[t.name][1], t), t.name)
        same(f32(path, "half"), np.arange(7), "half")


def every_narrow_float_is_its_librarys():
    rng = np.random.default_rng(4)
    with folder() as top:
        tensors, values = {}, {}
        for dtype, own, bits in FLOATS:
            for shape in ([65536], [8, 3], [0, 4], []):
                count = int(np.prod(shape))
                if count * bits % 8:
                    continue
                raw = np.arange(65536, dtype="<u2").tobytes() if shape == [65536] and bits == 16 else rng.bytes(count * bits // 8)
                name = f"{dtype}/{len(shape)}{count}"
                tensors[name] = (dtype, shape, raw)
                values[name] = widened(raw, own, bits, count)
        for dtype, size in WITHOUT:
            tensors[dtype] = (dtype, [3], bytes(3 * size))
        path = write_safetensors(top / "a.safetensors", tensors)
        shown = {o["path"]: o for o in listed(path)}
        assert len([n for n in values if n in shown]) == len(values)
        for name, theirs in values.items():
            same(f32(path, name), theirs, name)
        for dtype, _ in WITHOUT:
            assert f32(path, dtype, code=1) == b""


def a_mount_decodes_every_range_alone():
    need_mounts()
    need_tool("getfattr")
    rng, order = np.random.default_rng(5), random.Random(5)
    tensors = {t.name: (t, random_blocks(t, 3, 50, rng)) for t in (Type.Q4_K, Type.Q6_K, Type.Q5_0, Type.IQ2_S, Type.NVFP4)}
    with folder() as top, tempfile.TemporaryDirectory(prefix="arrayfs-test-") as point:
        path = write_gguf(top / "a.gguf", {**tensors, "n.half": (None, np.arange(9999).astype("f2")), "n.full": (None, np.ones(3, "f4"))})
        subprocess.run([ARRAYFS, path, point], check=True)
        try:
            view = pathlib.Path(point) / ".arrayfs/f32"
            assert sorted(os.listdir(view)) == sorted([*tensors, "n.half"])
            for name in [*tensors, "n.half"]:
                whole = np.arange(9999).astype("f2").astype("<f4") if name == "n.half" else \
                    gguf.quants.dequantize(tensors[name][1], tensors[name][0]).astype("<f4")
                expected, fd = whole.tobytes(), os.open(view / name, os.O_RDONLY)
                assert os.fstat(fd).st_size == len(expected)
                for _ in range(300):
                    at, n = order.randrange(len(expected)), order.choice((1, 3, 4, 100, 5000, 70000))
                    assert os.pread(fd, n, at) == expected[at:at + n], f"{name}: {n} bytes at {at}"
                os.close(fd)
                same((view / name).read_bytes(), whole, name)
            told = subprocess.run(["getfattr", "-d", view / "Q4_K"], capture_output=True, text=True, check=True).stdout
            for line in ('dtype="float32"', 'shape="[3,12800]"', 'byteorder="little"', 'type="Q4_K"'):
                assert f"user.array.{line}" in told, told
            assert "logical_shape" not in told
            try:
                (view / "n.full").stat()
                raise AssertionError("a float32 has a file there")
            except FileNotFoundError:
                pass
        finally:
            subprocess.run([ARRAYFS, "-u", point], check=True)


# --- --diff by value ------------------------------------------------------

def diff(*args, code=1):
    whole = json.loads(arrayfs("--diff", "--json", *args, code=code).stdout)
    assert whole["complete"]
    return {d["path"]: {k: v for k, v in d.items() if k != "path"} for d in whole["differences"] if d["what"] != "attribute"}


def expected(a, b, rtol, atol):
    a, b = a.astype(np.float64), b.astype(np.float64)
    differ = ~np.isclose(a, b, rtol=rtol, atol=atol, equal_nan=True)
    if not differ.any():
        return None
    want = {"what": "values", "unit": "element", "count": a.size, "differ": int(differ.sum()),
            "first": [int(i) for i in np.argwhere(differ)[0]]}
    distance = np.where(differ & ~(np.isnan(a) | np.isnan(b)), np.abs(a - b), -1)
    if (distance >= 0).any():
        at = np.unravel_index(int(np.argmax(distance)), a.shape)
        want |= {"largest": "Infinity" if np.isinf(distance[at]) else float(distance[at]), "at": [int(i) for i in at]}
    if nan := int((differ & (np.isnan(a) ^ np.isnan(b))).sum()):
        want["nan"] = nan
    return want


def a_gguf_is_compared_with_what_it_was_made_of():
    rng = np.random.default_rng(6)
    made = [t for t in BLOCKS if t.name in ("Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "TQ1_0", "TQ2_0", "MXFP4")]
    with folder() as top:
        weights = {t.name: rng.standard_normal((40, 512)).astype("f4") for t in made}
        quantized = {n: (Type[n], gguf.quants.quantize(w, Type[n])) for n, w in weights.items()}
        values = {n: gguf.quants.dequantize(q, kind) for n, (kind, q) in quantized.items()}
        a = write_gguf(top / "a.gguf", quantized)
        b = write_safetensors(top / "b.safetensors", {n: ("F32", [40, 512], w.tobytes()) for n, w in weights.items()})
        c = write_safetensors(top / "c.safetensors", {n: ("BF16", [40, 512], w.astype(ml_dtypes.bfloat16).tobytes()) for n, w in weights.items()})
        other = write_gguf(top / "d.gguf", {n: (Type.Q8_0, gguf.quants.quantize(w, Type.Q8_0)) for n, w in weights.items()})
        for rtol, atol in ((0, 0), (0.1, 0), (0, 0.25), (0.01, 0.1), (0, 10)):
            how = ("--rtol", str(rtol), "--atol", str(atol))
            told = [diff(*how, a, path, code=None) for path in (b, c, other)]
            for n in weights:
                eight = gguf.quants.dequantize(gguf.quants.quantize(weights[n], Type.Q8_0), Type.Q8_0)
                for got, right in zip(told, (weights[n], weights[n].astype(ml_dtypes.bfloat16), eight)):
                    want = expected(values[n], right, rtol, atol)
                    assert got.get(n) == want, f"{n} {how}: {got.get(n)}, not {want}"
        for name, d in diff(a, b).items():      # without a tolerance
            assert d["what"] in ("dtype", "shape"), (name, d)
            assert d["what"] != "dtype" or (d["a"], d["b"]) == ("uint8", "float32")


def numbers_of_any_type_are_compared_by_value():
    rng = np.random.default_rng(7)
    kinds = {"F32": "f4", "F64": "f8", "F16": "f2", "I8": "i1", "U8": "u1", "I16": "i2", "U16": "u2", "I32": "i4", "U32": "u4", "I64": "i8", "U64": "u8"}
    with folder() as top:
        a, b, wanted = {}, {}, {}
        for x, one in kinds.items():
            for y, two in kinds.items():
                p, q = rng.integers(0, 50, (6, 200)).astype(one), rng.integers(0, 50, (6, 200)).astype(two)
                q[0] = p[0].astype(two)
                name = f"{x}.{y}"
                a[name], b[name] = (x, [6, 200], p.tobytes()), (y, [6, 200], q.tobytes())
                if x != y:
                    wanted[name] = expected(p, q, 0.1, 1)
        told = diff("--rtol", "0.1", "--atol", "1", write_safetensors(top / "a.safetensors", a), write_safetensors(top / "b.safetensors", b))
        for name, want in wanted.items():
            assert told.get(name) == want, f"{name}: {told.get(name)}, not {want}"


def what_is_no_number_differs_in_type():
    with folder() as top:
        a = write_safetensors(top / "a.safetensors", {"b": ("BOOL", [1], b"\1"), "c": ("C64", [1], bytes(8)), "s": ("F16", [2], bytes(4)), "f": ("F16", [4], bytes(8))})
        b = write_safetensors(top / "b.safetensors", {"b": ("U8", [1], b"\1"), "c": ("F64", [1], bytes(8)), "s": ("F32", [1, 2], bytes(8)), "f": ("F32", [4], bytes(16))})
        told = diff("--atol", "9", a, b)
        assert told["b"]["what"] == told["c"]["what"] == "dtype" and told["s"]["what"] in ("dtype", "shape") and "f" not in told, told
        one = write_gguf(top / "one.gguf", {"w": (Type.Q4_0, np.zeros((2, 18), np.uint8))})
        two = write_gguf(top / "two.gguf", {"w": (Type.IQ4_NL, np.zeros((2, 18), np.uint8))})
        assert diff(one, two) == {"w": {"what": "type", "a": "Q4_0", "b": "IQ4_NL"}}
        assert diff("--atol", "0", one, two, code=0) == {}


run_all([every_type_of_block_is_ggufs, of_other_byte_order_only_single_bytes_are_certain, every_narrow_float_is_its_librarys,
         a_mount_decodes_every_range_alone, a_gguf_is_compared_with_what_it_was_made_of, numbers_of_any_type_are_compared_by_value,
         what_is_no_number_differs_in_type])
done()
