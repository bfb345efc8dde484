#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""stats, compared with what numpy makes of the same values in float64: arrays at random of every
type, of lengths around those of vectors, blocks and pieces, with infinities, NaNs, nulls and both
byte orders, stored and compressed."""
import json
import math
import os
import pathlib
import pty
import re
import resource
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import ARRAYFS, arrayfs, done, folder, need, run_all, sampled  # noqa: E402

np, ml_dtypes = need("numpy", "ml_dtypes")
RNG = np.random.default_rng(7)
np.seterr(all="ignore")
KEYS = ["path", "count", "min", "max", "mean", "std", "zeros", "nan", "inf"]
# safetensors' name, numpy's or ml_dtypes'
TYPES = [("BOOL", "bool"), ("U8", "uint8"), ("I8", "int8"), ("U16", "uint16"), ("I16", "int16"), ("U32", "uint32"), ("I32", "int32"),
         ("U64", "uint64"), ("I64", "int64"), ("F16", "float16"), ("BF16", "bfloat16"), ("F32", "float32"), ("F64", "float64"),
         ("C64", "complex64"), ("F8_E4M3", "float8_e4m3fn"), ("F8_E5M2", "float8_e5m2"), ("F8_E4M3FNUZ", "float8_e4m3fnuz"),
         ("F8_E5M2FNUZ", "float8_e5m2fnuz"), ("F8_E8M0", "float8_e8m0fnu")]
LENGTHS = [0, 1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 100, 2047, 2048, 2049, 4111]


def told(source, *args, code=0):
    """What --json tells, by path."""
    lines = [json.loads(line) for line in arrayfs("stats", "--json", *args, source, code=code).stdout.splitlines()]
    for o in lines:
        assert list(o)[:len(KEYS)] == KEYS or list(o) == ["path", "same_as"], o
    assert len({o["path"] for o in lines}) == len(lines)
    return {o["path"]: o for o in lines}


def near(ours, theirs, scale=0.0):
    """Equal to 1e-9, of the number or of what its terms are."""
    return abs(ours - theirs) <= 1e-9 * max(abs(theirs), scale) or (math.isinf(theirs) and not math.isinf(ours))


def same(o, a, what, nulls=0):
    """`o` is what numpy says of the array's values."""
    wide = a.astype(np.complex128) if a.dtype.kind == "c" else a.astype(np.float64)
    finite = wide[np.isfinite(wide)]
    assert o["count"] == a.size, f"{what}: {o}"
    assert o["zeros"] == int((wide == 0).sum()) and o["nan"] == int(np.isnan(wide).sum()), f"{what}: {o}"
    assert o["inf"] == int((np.isinf(wide) & ~np.isnan(wide)).sum()), f"{what}: {o}"
    if finite.size == 0:
        assert o["min"] is o["max"] is o["mean"] is o["std"] is None, f"{what}: {o}"
        return
    size = float(np.abs(finite).max())
    if a.dtype.kind == "c":
        assert o["min"] is o["max"] is None and abs(complex(o["mean"]) - finite.mean()) <= 1e-9 * size, f"{what}: {o} {finite.mean()}"
        assert near(o["std"], finite.std()), f"{what}: {o} {finite.std()}"
        return
    least, most = (a.min(), a.max()) if a.dtype.kind in "iub" else (finite.min(), finite.max())
    exact = int if a.dtype.kind in "iub" else float
    assert o["min"] == exact(least) and o["max"] == exact(most), f"{what}: {o} {least} {most}"
    assert near(o["mean"], float(finite.mean()), size * 1e-4), f"{what}: {o} {finite.mean()}"
    assert near(o["std"], float(finite.std()), 1e-3 * float(np.ptp(finite))), f"{what}: {o} {finite.std()}"


def numbers(dtype, n, special):
    """Random bits, or values as they usually are, with some that are special."""
    dtype = np.dtype(getattr(ml_dtypes, dtype, dtype))
    if dtype.kind == "b":
        return RNG.random(n) < 0.5
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        a = RNG.integers(info.min, info.max, n, dtype, endpoint=True) if special else RNG.integers(0, 100, n).astype(dtype)
        if special and n > 1:
            a[0], a[n // 2] = info.min, info.max
        return a
    if special and dtype.itemsize > 1:
        return np.frombuffer(RNG.bytes(n * dtype.itemsize), dtype)
    if special:
        return np.arange(n, dtype=np.uint8).view(dtype)
    a = RNG.standard_normal(n) * 0.02 + 1 if dtype.kind != "c" else RNG.standard_normal(n) + 1j * RNG.standard_normal(n)
    return a.astype(dtype)


def write_safetensors(path, arrays):
    header, data = {}, []
    for name, (dtype, shape, raw) in arrays.items():
        begin = sum(map(len, data))
        data.append(raw)
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, begin + len(raw)]}
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(data))
    return path


def numbers_of_every_type_and_length():
    with folder() as f:
        arrays = {f"{name} {n} {special}": (name, numbers(dtype, n, special))
                  for name, dtype in TYPES for n in sampled(LENGTHS) for special in (False, True)}
        write_safetensors(f / "t.safetensors", {k: (t, a.shape, a.tobytes()) for k, (t, a) in arrays.items()})
        o = told(f / "t.safetensors")
        assert list(o) == list(arrays)
        for k, (_, a) in arrays.items():
            same(o[k], a, k)


def floats_of_less_than_a_byte():
    with folder() as f:
        for name, dtype, bits in (("F4", "float4_e2m1fn", 4), ("F6_E2M3", "float6_e2m3fn", 6), ("F6_E3M2", "float6_e3m2fn", 6)):
            codes = RNG.integers(0, 1 << bits, 3000, np.uint8)
            packed = np.packbits((codes[:, None] >> np.arange(bits) & 1).astype(np.uint8).ravel(), bitorder="little").tobytes()
            o = told(write_safetensors(f / f"{name}.safetensors", {"x": (name, (3000,), packed)}))
            same(o["x"], codes.view(getattr(ml_dtypes, dtype)).astype(np.float32), name)


def arrays_longer_than_a_piece():
    """With one thread and with several: the same text."""
    with folder() as f:
        arrays = {}
        for name, dtype in (("BF16", "bfloat16"), ("F32", "float32"), ("I64", "int64"), ("U8", "uint8")):
            a = numbers(dtype, 5_000_017, False)
            arrays[name] = (name, a)
        path = write_safetensors(f / "t.safetensors", {k: (t, a.shape, a.tobytes()) for k, (t, a) in arrays.items()})
        o = told(path, "--hist", "13")
        for k, (_, a) in arrays.items():
            same(o[k], a, k)
            assert o[k]["hist"]["counts"] == np.histogram(a.astype(np.float64), bins=13)[0].tolist()
        for n in (1, 3, 8):
            assert told(path, "--hist", "13", "-o", f"threads={n}") == o


def histograms_are_numpys():
    with folder() as f:
        arrays = {f"{name} {n}": (name, numbers(dtype, n, special)) for name, dtype in TYPES if dtype != "complex64"
                  for n, special in ((1000, False), (300, True), (1, False))}
        path = write_safetensors(f / "t.safetensors", {k: (t, a.shape, a.tobytes()) for k, (t, a) in arrays.items()})
        for bins in (1, 10, 64):
            for k, o in told(path, "--hist", str(bins)).items():
                a = arrays[k][1].astype(np.float64)
                a = a[np.isfinite(a)]
                try:
                    counts, edges = np.histogram(a, bins=bins)
                except ValueError:
                    assert o["hist"] is None, k
                    continue
                if a.size == 0 or not np.isfinite(edges).all():
                    assert o["hist"] is None, k
                    continue
                assert o["hist"]["counts"] == counts.tolist(), (k, bins, o["hist"], counts)
                assert o["hist"]["edges"] == edges.tolist(), (k, bins)


def either_byte_order_and_any_layout():
    with folder() as f:
        for kind in ("i2", "u4", "i8", "f2", "f4", "f8", "c8", "c16"):
            a = (RNG.standard_normal((37, 59)) * 50).astype(kind)
            for order in "<>":
                for fortran in (False, True):
                    stored = np.asarray(a.astype(order + kind), order="F" if fortran else "C")
                    np.save(f / "a.npy", stored)
                    same(told(f / "a.npy")["data"], a, f"{order}{kind}")
        np.save(f / "0.npy", np.float32(2.5))
        same(told(f / "0.npy")["data"], np.array([2.5]), "a scalar")


def dates_are_told_as_dates():
    with folder() as f:
        np.save(f / "t.npy", np.array(["2024-01-01", "NaT", "2024-01-03"], "M8[s]"))
        np.save(f / "d.npy", np.array([1, 5, "NaT"], "m8[ms]"))
        o, d = told(f / "t.npy", "--hist", "2")["data"], told(f / "d.npy")["data"]
        assert (o["min"], o["mean"], o["max"]) == ("2024-01-01T00:00:00", "2024-01-02T00:00:00", "2024-01-03T00:00:00"), o
        assert o["std"] is None and o["nan"] == 1 and o["count"] == 3 and o["hist"]["counts"] == [1, 1], o
        assert (d["min"], d["max"], d["mean"], d["std"], d["nan"]) == (1, 5, 3, 2, 1), d


def columns_with_nulls():
    pa, pq, feather = need("pyarrow", "pyarrow.parquet", "pyarrow.feather")
    import decimal
    n = 30_000
    null = RNG.random(n) < 0.3
    values = {t: numbers(t, n, False) for t in ("int8", "uint16", "int32", "int64", "float32", "float64", "bool", "float16")}
    columns = {t: pa.array(a, mask=null) for t, a in values.items()}
    columns["none"] = pa.nulls(n, pa.float64())
    columns["text"] = pa.array(["a", "bc"] * (n // 2))
    columns["day"] = pa.array(RNG.integers(0, 20000, n).astype(np.int32), pa.int32(), mask=null).cast(pa.date32())
    columns["price"] = pa.array([decimal.Decimal(int(i)) / 100 for i in RNG.integers(-10**9, 10**9, n)], pa.decimal128(20, 2), mask=null)
    columns["list"] = pa.array([None if i % 5 == 0 else [i, None, 1] for i in range(n)], pa.list_(pa.int32()))
    record = pa.struct([pa.field("must", pa.int32(), nullable=False), pa.field("inner", pa.struct([
        pa.field("must", pa.float64(), nullable=False), pa.field("may", pa.int8())]), nullable=False)])
    columns["record"] = pa.array([None if no else {"must": i + 5, "inner": {"must": i / 2, "may": None if i % 3 else 7}}
                                  for i, no in enumerate(null)], record)
    columns["records"] = pa.array([[{"must": i, "inner": {"must": 1.0, "may": 1}}, None] if i % 3 else None for i in range(n)],
                                  pa.list_(record))
    columns["pair"] = pa.FixedSizeListArray.from_arrays(pa.array(np.arange(2 * n, dtype=np.int32)), 2, mask=pa.array(null))
    table = pa.table(columns)
    with folder() as f:
        writers = {"zstd.parquet": lambda p: pq.write_table(table, p, compression="zstd", row_group_size=7000),
                   "plain.parquet": lambda p: pq.write_table(table, p, compression="none", use_dictionary=False),
                   "lz4.arrow": lambda p: feather.write_feather(table, p, compression="lz4", chunksize=7000),
                   "plain.arrow": lambda p: feather.write_feather(table, p, compression="uncompressed")}
        for name, write in writers.items():
            write(f / name)
            o = told(f / name)
            for t, a in values.items():
                same(o[t], a[~null], f"{name} {t}")
            assert o["none"]["count"] == 0 and o["none"]["mean"] is None
            days, prices = ([v for v in table[c].to_pylist() if v is not None] for c in ("day", "price"))
            assert (o["day"]["min"], o["day"]["max"], o["day"]["std"]) == (str(min(days)), str(max(days)), None), o["day"]
            assert o["price"]["count"] == len(prices) and decimal.Decimal(str(o["price"]["min"])) == min(prices), o["price"]
            assert near(o["price"]["mean"], float(sum(prices) / len(prices)), 1e4) and near(o["price"]["std"], float(np.std(np.array(prices, float))))
            same(o["list/values"], np.array([i for v in table["list"].to_pylist() if v for i in v if i is not None]), name)
            kept = np.arange(n)[~null] # what is null in a struct is told by the struct alone
            same(o["record/must"], kept.astype(np.int32) + 5, name)
            same(o["record/inner/must"], kept / 2, name)
            same(o["record/inner/may"], np.full((kept % 3 == 0).sum(), 7, np.int8), name)
            same(o["records/values/must"], np.array([i for i in range(n) if i % 3], np.int32), name)
            pair = [k for k in o if k.startswith("pair")]
            same(o[pair[0]], np.arange(2 * n, dtype=np.int32).reshape(n, 2)[~null], name)
            assert not [k for k in o if "text" in k or "validity" in k or "offsets" in k], list(o)
            named = json.loads(arrayfs("stats", "--json", f / name, "int8.validity").stdout)
            assert named["count"] == n and named["zeros"] == int(null.sum())


def compressed_arrays():
    (h5py,) = need("h5py")
    a, b = RNG.standard_normal((700, 900)), RNG.integers(-5, 5, (1000, 1000)).astype(">i4")
    with folder() as f:
        with h5py.File(f / "a.h5", "w") as h:
            h.create_dataset("g/a", data=a, chunks=(64, 100), compression="gzip", shuffle=True)
            h.create_dataset("b", data=b, chunks=(128, 1000), compression="lzf")
            h.create_dataset("plain", data=a.astype(np.float32))
            h.create_dataset("text", data=[b"x", b"y"])
            h["again"] = h["b"]
            h["soft"] = h5py.SoftLink("/b")
            h["lost"] = h5py.SoftLink("/nowhere")
        o = told(f / "a.h5")
        first, second = sorted(("again", "b"))
        same(o["g/a"], a, "gzip")
        same(o[first], b, "lzf")
        same(o["plain"], a.astype(np.float32), "contiguous")
        assert o[second] == {"path": second, "same_as": first} and set(o) == {"g/a", "b", "again", "plain"}, list(o)
        one = json.loads(arrayfs("stats", "--json", f / "a.h5", "soft").stdout)
        assert one["path"] == "soft" and one["count"] == b.size
        np.savez_compressed(f / "z.npz", a=a, b=b, s=np.array(["x"]))
        o = told(f / "z.npz", "--hist", "4")
        same(o["a"], a, "deflate")
        same(o["b"], b, "deflate")
        assert o["a"]["hist"]["counts"] == np.histogram(a, bins=4)[0].tolist() and "s" not in o


def quantized_tensors():
    (gguf,) = need("gguf")
    kinds = [gguf.GGMLQuantizationType[k] for k in ("Q4_0", "Q8_0", "Q6_K", "Q4_K", "BF16", "F16")]
    with folder() as f:
        w = gguf.GGUFWriter(f / "m.gguf", "x")
        expected = {}
        for k in kinds:
            block, size = gguf.GGML_QUANT_SIZES[k]
            raw = RNG.integers(0, 255, (6, 1024 // block * size), np.uint8)
            if block > 1:
                raw.reshape(-1, size)[:, [i for i in (1, 3, 209) if i < size]] = 0x30  # scales that are numbers
            w.add_tensor(k.name, raw, raw_dtype=k)
            expected[k.name] = gguf.quants.dequantize(raw, k) if block > 1 else raw.view(ml_dtypes.bfloat16 if k.name == "BF16" else np.float16)
        w.write_header_to_file()
        w.write_kv_data_to_file()
        w.write_tensors_to_file()
        w.close()
        o = told(f / "m.gguf")
        for k, a in expected.items():
            same(o[k], a.ravel(), k)


def nan_is_a_failure_where_that_is_asked_for():
    with folder() as f:
        good, bad = np.ones(10, np.float32), np.ones(10, np.float32)
        bad[3] = np.nan
        inf = np.full(4, -np.inf, np.float32)
        path = write_safetensors(f / "t.safetensors", {k: ("F32", a.shape, a.tobytes()) for k, a in
                                                       (("good", good), ("bad", bad), ("mask", inf), ("worse", bad))})
        r = arrayfs("stats", "--fail-nan", path, code=1)
        assert r.stderr.decode() == f"arrayfs: {path}: NaN in 2 of 4 arrays, first in bad: 1 of 10 elements\n", r.stderr
        assert len(r.stdout.splitlines()) == 5
        r = arrayfs("stats", "--fail-nan", path, "worse", code=1)
        assert r.stderr.decode() == f"arrayfs: {path}: worse: NaN in 1 of 10 elements\n", r.stderr
        arrayfs("stats", path)
        arrayfs("stats", "--fail-nan", path, "good", "mask")


def paths_and_patterns():
    with folder() as f:
        x = ("F32", (2,), np.float32([1, 2]).tobytes())
        path = write_safetensors(f / "t.safetensors", {k: x for k in ("a/x", "a/y", "b/x", "c")})
        assert list(told(path, "-o", "threads=1")) == ["a/x", "a/y", "b/x", "c"]
        lines = [json.loads(line)["path"] for line in arrayfs("stats", "--json", path, "c", "a", "*/x").stdout.splitlines()]
        assert lines == ["c", "a/x", "a/y", "a/x", "b/x"], lines
        r = arrayfs("stats", path, ".arrayfs/npy/c.npy", code=1)
        assert b"c.npy: is a view; name the array itself" in r.stderr, r.stderr
        r = arrayfs("stats", path, "nowhere", "c", code=1)
        assert b"nowhere" in r.stderr and len(r.stdout.splitlines()) == 2
        # a folder: an array that an index shows, too, is told once
        (f / "m.safetensors.index.json").write_text(json.dumps({"weight_map": {k: "t.safetensors" for k in ("a/x", "c")}}))
        o = told(f)
        assert len([v for v in o.values() if "same_as" not in v]) == 4 and len(o) == 6, o
        np.save(f / "text.npy", np.array(["a"]))
        r = arrayfs("stats", f / "text.npy")
        assert r.stderr.decode().endswith("text.npy: no arrays of numbers\n") and not r.stdout
        r = arrayfs("stats", f / "text.npy", "data", code=1)
        assert b"data: has no numbers" in r.stderr


def what_cannot_be_read_is_told_and_the_rest_goes_on():
    pa, pq = need("pyarrow", "pyarrow.parquet")
    with folder() as f:
        n = 20_000
        table = pa.table({"a": RNG.standard_normal(n), "b": RNG.standard_normal(n), "c": RNG.standard_normal(n)})
        pq.write_table(table, f / "t.parquet", compression="zstd", use_dictionary=False)
        column = pq.ParquetFile(f / "t.parquet").metadata.row_group(0).column(1)
        data = bytearray((f / "t.parquet").read_bytes())
        at = column.data_page_offset
        data[at:at + 64] = bytes(64)
        (f / "t.parquet").write_bytes(data)
        r = arrayfs("stats", "--json", f / "t.parquet", code=1)
        lines = [json.loads(line) for line in r.stdout.splitlines()]
        assert [o["path"] for o in lines] == ["a", "c"], lines
        assert r.stderr.startswith(b"arrayfs: ") and b": b: " in r.stderr and r.stderr.count(b"\n") == 1, r.stderr
        same(lines[1], table["c"].to_numpy(), "c")
        (f / "x.safetensors").write_bytes(b"\xff" * 7 + b"\0" * 100)
        r = arrayfs("stats", f, code=1)
        assert b"x.safetensors: " in r.stderr, r.stderr


def hostile_names_and_shapes():
    with folder() as f:
        one = np.float32([1.5]).tobytes()
        name = "a\033[31m\nb"
        path = write_safetensors(f / "t.safetensors", {name: ("F32", (1,), one), "deep": ("F32", (1,) * 64, one), "none": ("F32", (3, 0, 2), b"")})
        out = arrayfs("stats", path).stdout
        assert b"\033" not in out and b"a%1B[31m%0Ab" in out and len(out.splitlines()) == 4, out
        o = told(path)
        assert o["deep"]["mean"] == 1.5 and o["none"]["count"] == 0 and o["none"]["min"] is None, o


def ten_thousand_columns():
    pa, pq = need("pyarrow", "pyarrow.parquet")
    with folder() as f:
        n = len(sampled(range(10_000)))
        pq.write_table(pa.table({f"c{i}": np.full(3, i) for i in range(n)}), f / "t.parquet")
        o = told(f / "t.parquet")
        assert len(o) == n and all(o[f"c{i}"]["mean"] == i for i in range(n))
        assert len(arrayfs("stats", f / "t.parquet").stdout.splitlines()) == n + 1


def what_never_ends_can_be_ended():
    (h5py,) = need("h5py")
    with folder() as f:
        with h5py.File(f / "a.h5", "w") as h:
            h.create_dataset("x", shape=(1 << 20, 1 << 20, 1 << 20), chunks=(64, 64, 64), dtype="f4", compression="gzip")
        p = subprocess.Popen([ARRAYFS, "stats", f / "a.h5"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        time.sleep(1)
        if p.poll() is None:
            words = pathlib.Path(f"/proc/{p.pid}/status").read_text()
            rss = int(re.search(r"RssAnon:\s+(\d+)", words).group(1))
            assert rss < 400_000, rss
            p.send_signal(signal.SIGINT)
        p.wait(10)
        assert p.returncode in (-signal.SIGINT, 1), p.returncode
        p.stdout.close()
        p.stderr.close()


def a_closed_pipe_is_quiet():
    with folder() as f:
        x = ("F32", (1,), np.float32([1]).tobytes())
        path = write_safetensors(f / "t.safetensors", {f"some/long/name/of/a/tensor/{i}": x for i in range(5000)})
        r = subprocess.run(f"'{ARRAYFS}' stats '{path}' | head -n 2", shell=True, capture_output=True, check=True)
        assert len(r.stdout.splitlines()) == 2 and not r.stderr, r.stderr


def on_a_terminal(columns, *args):
    """The lines, without colours."""
    main, side = pty.openpty()
    subprocess.run(["stty", "cols", str(columns)], stdin=side, check=True)
    p = subprocess.Popen([ARRAYFS, *map(os.fspath, args)], stdout=side, stderr=subprocess.DEVNULL, env={**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8"})
    os.close(side)
    out = b""
    while True:
        try:
            piece = os.read(main, 65536)
        except OSError:
            break
        if not piece:
            break
        out += piece
    p.wait()
    os.close(main)
    return re.sub(r"\033\[[0-9;]*m", "", out.decode()).replace("\r\n", "\n").splitlines()


def lines_fit_the_terminal():
    with folder() as f:
        arrays = {f"model.layers.{i}.self_attn.{t}.weight": (t, numbers(dtype, 100, True)) for i, (t, dtype) in enumerate(TYPES)}
        arrays["model.layers.99.mlp.down_proj.weight"] = ("F32", numbers("float32", 100, False))
        path = write_safetensors(f / "t.safetensors", {k: (t, a.shape, a.tobytes()) for k, (t, a) in arrays.items()})
        for columns in (40, 60, 80, 120, 200):
            for args in ((), ("--hist", "300")):
                for line in on_a_terminal(columns, "stats", *args, path):
                    assert len(line) <= columns, (columns, line)
        heading = ["count", "min", "max", "mean", "std", "zeros", "nan", "inf"]
        lines = on_a_terminal(120, "stats", "--hist", "8", path, "*.99.*")
        assert lines[0].split() == [*heading, "path"], lines
        assert len(lines) == 3 and lines[1].endswith("  model.layers.99.mlp.down_proj.weight"), lines
        assert set(lines[2]) <= set(" ▁▂▃▄▅▆▇█") and "█" in lines[2], lines
        lines = on_a_terminal(70, "stats", path, "*.99.*")
        assert lines[0] == "path" and lines[1].split() == heading and lines[2] == "model.layers.99.mlp.down_proj.weight", lines
        assert len(lines) == 4 and len(lines[3].split()) == 8, lines


def usage():
    for args in (("--hist", "0"), ("--hist", "x"), ("--hist", "10001"), ("--fail-nan",), ("--csv",)):
        arrayfs("stats", *args, *(() if args[0] == "--fail-nan" else ("x",)), code=2)


resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
run_all([numbers_of_every_type_and_length, floats_of_less_than_a_byte, arrays_longer_than_a_piece, histograms_are_numpys,
         either_byte_order_and_any_layout, dates_are_told_as_dates, columns_with_nulls, compressed_arrays, quantized_tensors,
         nan_is_a_failure_where_that_is_asked_for, paths_and_patterns, what_cannot_be_read_is_told_and_the_rest_goes_on,
         hostile_names_and_shapes, ten_thousand_columns, what_never_ends_can_be_ended, a_closed_pipe_is_quiet, lines_fit_the_terminal, usage])
done()
