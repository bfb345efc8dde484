#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""--diff of arrays of every type, within formats and across them, compared with what
numpy counts and measures."""
import itertools
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import arrayfs, done, folder, need, run_all  # noqa: E402

np, ml_dtypes, safetensors, h5py, pa, pq = need("numpy", "ml_dtypes", "safetensors.numpy", "h5py", "pyarrow", "pyarrow.parquet")
SMALL = ("bfloat16", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu")
IN_SAFETENSORS = {"bfloat16": "BF16", "float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2", "float8_e8m0fnu": "F8_E8M0", "float8_e4m3fnuz": "F8_E4M3FNUZ",
                  "float8_e5m2fnuz": "F8_E5M2FNUZ", "float16": "F16", "float32": "F32", "float64": "F64", "complex64": "C64", "bool": "BOOL",
                  **{f"int{n}": f"I{n}" for n in (8, 16, 32, 64)}, **{f"uint{n}": f"U{n}" for n in (8, 16, 32, 64)}}
NUMBERS = [t for t in IN_SAFETENSORS if t not in SMALL and t != "bool"] + ["complex128"]
SHAPE = (3, 700, 2)
np.seterr(all="ignore")


def own(name):
    return np.dtype(getattr(ml_dtypes, name) if name in SMALL else name)


def random_bits(dtype, rng):
    """Any bits: NaN, infinities, subnormals, and both zeros are among them."""
    a = np.frombuffer(rng.bytes(int(np.prod(SHAPE)) * dtype.itemsize), np.uint8)
    return (a % 2 if dtype == bool else a).view(dtype).reshape(SHAPE)


def ordinary(dtype, rng):
    if dtype.kind == "c":
        return (rng.standard_normal(SHAPE) + 1j * rng.standard_normal(SHAPE)).astype(dtype)
    if dtype.kind in "iu":
        return rng.integers(0, 100, SHAPE).astype(dtype)
    return (rng.random(SHAPE) + 0.5).astype(dtype)


def changed(a, make, rng, share):
    b = a.copy()
    where = rng.random(SHAPE) < share
    b[where] = make(a.dtype, rng)[where]
    return b


def write_safetensors(path, arrays):
    header, at = {}, 0
    for name, (dtype, a) in arrays.items():
        header[name] = {"dtype": IN_SAFETENSORS[dtype], "shape": list(a.shape), "data_offsets": [at, at + a.nbytes]}
        at += a.nbytes
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(a.tobytes() for _, a in arrays.values()))
    return path


def write_hdf5(path, arrays, **how):
    with h5py.File(path, "w") as f:
        for name, (_, a) in arrays.items():
            f.create_dataset(name, data=a, **how)
    return path


def diff(*args, code=1):
    whole = json.loads(arrayfs("--diff", "--json", *args, code=code).stdout)
    assert whole["complete"] and whole["same"] == (code == 0)
    return {d["path"]: d for d in whole["differences"]}


def as_double(a):
    return a if a.dtype.kind in "ciu" else a.astype(np.float64)


def distance(a, b):
    if a.dtype.kind in "iu":
        high, low = np.maximum(a, b).astype(object), np.minimum(a, b).astype(object)
        return high - low   # of any size
    if a.dtype.kind == "c":
        a, b = a.astype(np.complex128), b.astype(np.complex128)
        return np.hypot(np.where(a.real == b.real, 0, a.real - b.real), np.where(a.imag == b.imag, 0, a.imag - b.imag))
    return np.abs(a - b)


def expected(a, b, close):
    """What numpy has for the "values" of a difference, or None."""
    bits = [np.frombuffer(x.tobytes(), np.dtype((np.void, x.dtype.itemsize))).reshape(SHAPE) for x in (a, b)]
    if close:
        differ = ~np.isclose(as_double(a), as_double(b), equal_nan=True, **close)
    else:
        differ = bits[0] != bits[1]
    if not differ.any():
        return None
    want = {"what": "values", "unit": "element", "count": a.size, "differ": int(differ.sum()),
            "first": [int(i) for i in np.argwhere(differ)[0]]}
    if a.dtype == bool:
        return want
    x, y = as_double(a), as_double(b)
    nan = np.isnan(x) ^ np.isnan(y) if x.dtype.kind in "fc" else np.zeros(SHAPE, bool)
    d = distance(x, y)
    known = differ & ~(np.isnan(x) | np.isnan(y)) if x.dtype.kind in "fc" else differ
    if known.any():
        measured = np.where(known, d, -1)
        at = np.unravel_index(int(np.argmax(measured)), SHAPE)
        want["at"] = [int(i) for i in at]
        want["largest"] = measured[at] if a.dtype.kind in "iu" else "Infinity" if np.isinf(measured[at]) else float(measured[at])
    if (differ & nan).any():
        want["nan"] = int((differ & nan).sum())
    return want


def check_all(told, a, b, close=None):
    for name in a:
        want, got = expected(a[name][1], b[name][1], close), told.get(name)
        if got and want:
            got = {k: v for k, v in got.items() if k != "path"}
        assert got == want, f"{name}{' close' if close else ''}: {got} instead of {want}"


def pairs(types, make, share=0.01):
    rng = np.random.default_rng(1)
    a = {t: (t, make(own(t), rng)) for t in types}
    return a, {t: (t, changed(x, make, rng, share)) for t, (_, x) in a.items()}


def test_every_type_of_safetensors_with_any_bits():
    with folder() as d:
        for share in (0.002, 0.9):
            a, b = pairs(IN_SAFETENSORS, random_bits, share)
            p, q = write_safetensors(d / "a.safetensors", a), write_safetensors(d / "b.safetensors", b)
            check_all(diff(p, q), a, b)
            arrayfs("--diff", p, p)


def test_tolerances_are_those_of_isclose():
    types = [t for t in IN_SAFETENSORS if t != "bool"]
    closes = ({"atol": 0.1, "rtol": 0}, {"atol": 0, "rtol": 0.2}, {"atol": 1.0, "rtol": 0.01})
    with folder() as d:
        for make, share in itertools.product((ordinary, random_bits), (0.01, 0.9)):
            if make == random_bits:     # numpy rounds 64 bits to double before it subtracts
                types = [t for t in types if t not in ("int64", "uint64")]
            a, b = pairs(types, make, share)
            p, q = write_safetensors(d / "a.safetensors", a), write_safetensors(d / "b.safetensors", b)
            for close in closes:
                told = diff("--atol", str(close["atol"]), f"--rtol={close['rtol']}", p, q)
                check_all(told, a, b, close)


def test_formats_against_each_other():
    a, b = pairs([t for t in NUMBERS if t in IN_SAFETENSORS], ordinary)
    with folder() as d:
        p, q = write_safetensors(d / "a.safetensors", a), write_safetensors(d / "b.safetensors", b)
        for n, how in enumerate(({}, {"chunks": (1, 128, 2), "compression": "gzip", "shuffle": True}, {"chunks": (2, 100, 1), "compression": "lzf"})):
            same, other = write_hdf5(d / f"a{n}.h5", a, **how), write_hdf5(d / f"b{n}.h5", b, **how)
            assert diff(p, same, code=0) == diff(same, p, code=0) == {}
            for x, y in ((p, other), (same, q), (same, other)):
                check_all(diff(x, y), a, b)
            check_all(diff("-o", "cache=1M,threads=3", same, other), a, b)


def test_byte_orders_against_each_other():
    a, b = pairs(NUMBERS, random_bits, 0.5)
    big_a, big_b = ({t: (t, x.byteswap().view(x.dtype.newbyteorder(">"))) for t, (_, x) in c.items()} for c in (a, b))
    with folder() as d:
        p, q = write_hdf5(d / "a.h5", a), write_hdf5(d / "b.h5", b)
        r, s = write_hdf5(d / "big-a.h5", big_a), write_hdf5(d / "big-b.h5", big_b)
        assert diff(p, r, code=0) == {}
        told = diff(p, q)
        check_all(told, a, b)
        assert diff(r, q) == told
        assert diff(r, s) == told


def test_tables():
    rng = np.random.default_rng(1)
    n = 300_000
    x, s = rng.standard_normal(n), [f"s{i % 1000}" for i in range(n)]
    y, t = x.copy(), list(s)
    y[123_456] += 4
    t[7] = "S7"
    nulls = [None if i == 11 else i for i in range(n)]
    with folder() as d:
        pq.write_table(pa.table({"x": x, "s": s, "n": list(range(n))}), d / "a.parquet", compression="zstd", row_group_size=70_000)
        pq.write_table(pa.table({"x": x, "s": s, "n": list(range(n))}), d / "c.parquet", compression="snappy", use_dictionary=False, version="1.0")
        pq.write_table(pa.table({"x": y, "s": t, "n": nulls}), d / "b.parquet", compression="gzip", data_page_size=5000)
        for cache in ("1M", "64M"):
            assert diff("-o", f"cache={cache}", d / "a.parquet", d / "c.parquet", code=0) == {}
            told = diff("-o", f"cache={cache}", "--atol=0.5", d / "a.parquet", d / "b.parquet")
            assert (told["x"]["differ"], told["x"]["at"]) == (1, [123_456]) and abs(told["x"]["largest"] - 4) < 1e-9, told["x"]
            assert (told["s/values"]["differ"], told["s/values"]["largest"]) == (1, 32), told["s/values"]
            assert (told["n.validity"]["differ"], told["n.validity"]["first"]) == (1, [11]), told
            assert (told["n"]["differ"], told["n"]["first"]) == (1, [11])


def test_a_table_is_the_same_as_arrow_and_as_parquet():
    n = 100
    some = lambda make: [None if i % 5 == 0 else make(i) for i in range(n)]
    t = pa.table({
        **{str(k): pa.array(some(int), k) for k in (pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64())},
        **{str(k): pa.array(some(lambda i: i / 2), k) for k in (pa.float16(), pa.float32(), pa.float64())},
        "bool": pa.array(some(lambda i: i % 2 == 0)), "s": pa.array(some(str)), "large": pa.array(some(str), pa.large_string()), "view": pa.array(some(str), pa.string_view()),
        "bytes": pa.array(some(lambda i: b"\0%d" % i)), "fixed": pa.array(some(lambda i: b"abcd"), pa.binary(4)), "date": pa.array(some(int), pa.int32()).cast(pa.date32()),
        "ms": pa.array(some(int), pa.timestamp("ms")), "us": pa.array(some(int), pa.timestamp("us", "UTC")), "ns": pa.array(some(int), pa.timestamp("ns")),
        "t32": pa.array(some(int), pa.time32("ms")), "t64": pa.array(some(int), pa.time64("us")), "dec": pa.array(some(int), pa.decimal128(30, 2)),
        "l": pa.array(some(lambda i: [i, None])), "st": pa.array(some(lambda i: {"x": i, "y": str(i)})), "m": pa.array(some(lambda i: [(str(i), i)]), pa.map_(pa.string(), pa.int32())),
        "all": list(range(n)), "deep": [[{"a": i}] for i in range(n)]})
    required = t.cast(pa.schema([t.schema.field(k).with_nullable(t[str(t.schema.names[k])].null_count > 0) for k in range(t.num_columns)]))
    kinds = {"x": pa.field("x", pa.int64()), "y": pa.field("y", pa.int64(), False), "y.validity": pa.field("y.validity", pa.bool_(), False)}
    needed = lambda *others: pa.schema([kinds[k] for k in kinds if k == "y" or k in others])
    with folder() as d:
        for name, table in (("t", t), ("r", required)):
            pq.write_table(table, d / f"{name}.parquet", store_schema=False)
            for codec in (None, "zstd"):
                with pa.ipc.new_file(str(d / f"{name}{codec}.arrow"), table.schema, options=pa.ipc.IpcWriteOptions(compression=codec)) as w:
                    w.write_table(table, 30)
        assert diff(d / "tNone.arrow", d / "tzstd.arrow", code=0) == diff(d / "tNone.arrow", d / "rzstd.arrow", code=0) == {}
        for x, y in (("t", "None"), ("t", "zstd"), ("r", "None")):
            assert diff(d / f"{x}.parquet", d / f"{x}{y}.arrow", code=0) == diff(d / f"{x}{y}.arrow", d / f"{x}.parquet", code=0) == {}
        # y.validity is a column of its own
        pq.write_table(pa.table({"x": [1, None], "y": [1, 2], "y.validity": [True, True]}, needed("x", "y.validity")), d / "one.parquet", store_schema=False)
        for path, table in (("two.arrow", pa.table({"x": [1, 0], "y": [1, 2]}, needed("x"))), ("three.arrow", pa.table({"y": [1, 2]}, needed()))):
            with pa.ipc.new_file(str(d / path), table.schema) as w:
                w.write_table(table)
        told = diff(d / "one.parquet", d / "two.arrow")
        assert sorted(told) == ["x.validity", "y.validity"] and told["x.validity"]["first"] == [1] and told["y.validity"]["what"] == "only", told
        told = diff(d / "one.parquet", d / "three.arrow")
        assert {p: o["what"] for p, o in told.items()} == {"x": "only", "x.validity": "only", "y.validity": "only"}, told
        r = arrayfs("--diff", d / "two.arrow", d / "one.parquet", code=1)
        assert r.stdout.decode().splitlines() == ["x.validity: 1 of 2 elements differ, first at [1]", "only in B: y.validity"], r.stdout


def test_what_the_values_of_a_bool_are_called_is_no_difference():
    with folder() as d:
        with h5py.File(d / "a.h5", "w") as f:
            f["b"] = np.array([True, False])
        np.savez(d / "b.npz", b=np.array([True, False]))
        assert diff(d / "a.h5", d / "b.npz", code=0) == {}


def test_enums_strings_and_compounds_are_exact():
    with folder() as d:
        for name, k in (("a", 0), ("b", 1)):
            with h5py.File(d / f"{name}.h5", "w") as f:
                f.create_dataset("enum", data=np.array([k], "i2"), dtype=h5py.enum_dtype({"RED": 0, "GREEN": 1}, basetype="i2"))
                f.create_dataset("int", data=np.array([k], "i2"))
                f.create_dataset("fixed", data=np.array([b"ab%d" % k], "S3"))
                f.create_dataset("string", data=["x%d" % k], dtype=h5py.string_dtype())
                f.create_dataset("compound", data=np.array([(1.0, k)], [("f", "f4"), ("i", "i4")]))
                f.create_dataset("vlen", data=np.array([np.array([k, 1], "i4")] + [np.array([1], "i4")], object), dtype=h5py.vlen_dtype("i4"))
                f["int"].attrs["unit"] = "m" if k else "s"
        p, q = d / "a.h5", d / "b.h5"
        assert sorted(diff(p, q)) == ["compound/i", "enum", "fixed", "int", "string/values", "vlen/values"]
        lines = arrayfs("--diff", "--atol=1", p, q, code=1).stdout.decode().splitlines()
        assert [line.split(":")[0] for line in lines] == ["enum", "fixed", "int", "string/values"], lines
        assert lines[2] == "int: attribute user.attr.unit differs", lines


def test_a_broken_chunk_is_trouble_and_the_rest_is_compared():
    with folder() as d:
        a = {f"d{i}": ("float32", np.random.default_rng(i).standard_normal((1000, 100)).astype("f4")) for i in range(3)}
        p, q = (write_hdf5(d / f"{n}.h5", a, chunks=(100, 100), compression="gzip") for n in "ab")
        with h5py.File(q, "r") as f:
            where = f["d1"].id.get_chunk_info(5).byte_offset
        with h5py.File(q, "r+") as f:
            f["d2"][7, 8] = 100
        bytes_ = bytearray(q.read_bytes())
        bytes_[where:where + 64] = b"\xff" * 64
        q.write_bytes(bytes_)
        r = arrayfs("--diff", p, q, code=2)
        assert r.stdout.startswith(b"d2: 1 of 100000 elements differ, ") and r.stdout.count(b"\n") == 1, r.stdout
        assert r.stderr.startswith(f"arrayfs: {q}: d1: ".encode()) and r.stderr.count(b"\n") == 1, r.stderr
        whole = json.loads(arrayfs("--diff", "--json", p, q, code=2).stdout)
        assert not whole["complete"] and not whole["same"] and len(whole["differences"]) == 1


run_all([v for k, v in list(globals().items()) if k.startswith("test_")])
done()
