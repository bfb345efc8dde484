#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The views npy and text of every array in the fixtures of all formats, compared with
what numpy, ml_dtypes, safetensors, h5py and pyarrow make of the same archive."""
import datetime
import io
import json
import os
import pathlib
import struct
import sys
import tempfile
import zipfile
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import arrayfs, check, comment, done, listed, need  # noqa: E402

np, ml_dtypes, safetensors, h5py, pq = need("numpy", "ml_dtypes", "safetensors", "h5py", "pyarrow.parquet")
DATA = pathlib.Path(os.environ.get("TEST_DATA") or pathlib.Path(__file__).resolve().parents[1] / "data")
ARCHIVES = sorted(p for d in ("safetensors", "parquet", "hdf5", "npy", "npz") for p in (DATA / d).iterdir()
                  if p.suffix in (".safetensors", ".parquet", ".h5", ".nc", ".npy", ".npz"))
SMALL = ("bfloat16", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu")


def own(name):
    return np.dtype(getattr(ml_dtypes, name) if name in SMALL else name)


def cat(path, name, code=0):
    return arrayfs("--cat", path, name, code=code)


def arrays(path):
    return [o for o in listed(path) if o["kind"] == "file" and "dtype" in o]


def view(path, name):
    return np.load(io.BytesIO(cat(path, f".arrayfs/npy/{name}.npy").stdout))


def values(path):
    """Name as the archive has it -> array, by the reference library; what it reads as flat arrays."""
    out = {}
    if path.suffix == ".safetensors":
        with safetensors.safe_open(path, "numpy") as f:
            for name in f.keys():
                try:
                    out[name] = f.get_tensor(name)
                except Exception:
                    continue    # of a type that the library has no numpy for
    elif path.suffix in (".npy", ".npz"):
        try:
            loaded = np.load(path)
        except ValueError:
            return out          # of pickled objects, of float8_e5m2, broken on purpose
        for name in ["data"] if path.suffix == ".npy" else loaded.files:
            try:
                array = loaded if path.suffix == ".npy" else loaded[name]
            except (ValueError, RuntimeError, zipfile.BadZipFile, zlib.error, EOFError):
                continue        # likewise; encrypted, of a method that zipfile does not read
            if isinstance(array, np.ndarray) and array.dtype.names is None and name != "a.npy":  # numpy.load gives `a` for it
                out[name] = array
    elif path.suffix == ".parquet":
        for name, c in zip(pq.read_schema(path).names, pq.read_table(path).columns):
            if c.null_count == 0 and str(c.type) in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
                                                      "float", "double", "halffloat", "bool"):
                out[name] = c.to_numpy()
    else:
        with h5py.File(path) as f:
            def visit(name, d):
                if not isinstance(d, h5py.Dataset) or d.shape is None:
                    return
                try:
                    kind = d.dtype.kind
                except TypeError:
                    return              # a number that NumPy has no type for
                if kind not in "iufcS":
                    return
                t = d.id.get_type()     # h5py moves bits that are not the whole of their bytes
                if d.dtype.kind not in "iu" or t.get_class() == h5py.h5t.ENUM or t.get_precision() == 8 * t.get_size():
                    try:
                        out[name] = d[...]
                    except OSError:
                        pass
            f.visititems(visit)
    return out


def same(a, b, what):
    assert a.shape == b.shape, f"{what}: shape {a.shape} is not {b.shape}"
    if a.dtype.kind == "V" or b.dtype.kind == "V" or a.dtype != b.dtype and a.dtype.itemsize == b.dtype.itemsize and \
            b.dtype.name in SMALL:
        assert a.tobytes() == b.tobytes(), f"{what}: bytes differ"
    else:
        assert a.dtype.newbyteorder("=") == b.dtype.newbyteorder("=") or (a.dtype.kind, b.dtype.kind) == ("b", "i"), \
            f"{what}: {a.dtype} is not {b.dtype}"
        assert a.astype(a.dtype.newbyteorder("=")).tobytes() == b.astype(b.dtype.newbyteorder("=")).tobytes(), \
            f"{what}: values differ"


def npy_is_the_references():
    compared = 0
    for path in ARCHIVES:
        shown = {o.get("name", o["path"]): o["path"] for o in arrays(path)}
        for name, expected in values(path).items():
            if name in shown and "%" not in name:   # may be how another name is shown
                same(view(path, shown[name]), expected, f"{path.name} {name}")
                compared += 1
    comment(f"{compared} arrays are the references'")
    assert compared > 100, compared


def npy_is_the_file():
    """Whatever the type: what numpy loads is the bytes of the array's own file."""
    for path in ARCHIVES:
        for o in arrays(path):
            raw = cat(path, o["path"], code=None)
            if raw.returncode == 0:
                assert view(path, o["path"]).tobytes("A") == raw.stdout, f"{path.name} {o['path']}"
            else:
                cat(path, f".arrayfs/npy/{o['path']}.npy", code=1)


def save(path, tensors):
    header, data = {}, b""
    for name, (dtype, array) in tensors.items():
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [len(data), len(data) + array.nbytes]}
        data += array.tobytes()
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def headers_are_numpys(path):
    """Byte for byte what numpy.save() writes, also of a header that takes version 2.0."""
    array = np.arange(6, dtype="f4")
    shapes = [(6,), (2, 3), (1, 6, 1), (0,), ()]
    save(path, {str(i): ("F32", array[:int(np.prod(s))].reshape(s)) for i, s in enumerate(shapes)})
    for i, shape in enumerate(shapes):
        out = io.BytesIO()
        np.save(out, array[:int(np.prod(shape))].reshape(shape))
        ours = cat(path, f".arrayfs/npy/{i}.npy").stdout
        assert ours[-4 * int(np.prod(shape)) or len(ours):] == out.getvalue()[-4 * int(np.prod(shape)) or len(out.getvalue()):]
        assert np.lib.format.read_magic(io.BytesIO(ours)) == (1, 0) and np.load(io.BytesIO(ours)).shape == shape
    header = {"a": {"dtype": "U8", "shape": [1] * 30000, "data_offsets": [0, 1]}}
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"x")
    ours = cat(path, ".arrayfs/npy/a.npy").stdout
    assert np.lib.format.read_magic(io.BytesIO(ours)) == (2, 0)
    n = struct.unpack("<I", ours[8:12])[0]
    assert (12 + n) % 64 == 0 and ours[12 + n:] == b"x" and ours[12:12 + n].count(b"1,") == 29999


def lines(path, name):
    text = cat(path, f".arrayfs/text/{name}.txt").stdout
    rows = text.split(b"\n")
    assert rows.pop() == b"" and len({len(r) for r in rows}) <= 1, f"{name}: lines of several lengths"
    return [r.decode() for r in rows]


def patterns(path):
    """Every pattern of bits of the narrow floats, many of the wide ones: in its own type the text
    reads back as the same bits, and has the digits of repr()."""
    rng = np.random.default_rng(7)
    powers = np.arange(255, dtype="u4") << 23
    wide = np.arange(2047, dtype="u8") << np.uint64(52)
    tensors = {"F32": np.concatenate([rng.integers(0, 1 << 32, 200_000, dtype="u8").astype("u4"), powers, powers + 1]).view("f4"),
               "F64": np.concatenate([rng.integers(0, 1 << 64, 200_000, dtype="u8"), wide, wide + np.uint64(1),
                                      (10.0 ** np.arange(-300, 300)).view("u8")]).view("f8"),
               "F16": np.arange(65536, dtype="u2").view("f2"), "BF16": np.arange(65536, dtype="u2").view(own("bfloat16"))}
    for dtype, name in zip(("F8_E4M3", "F8_E4M3FNUZ", "F8_E5M2", "F8_E5M2FNUZ"), SMALL[1:5]):
        tensors[dtype] = np.arange(256, dtype="u1").view(own(name))
    save(path, {k: (k, v) for k, v in tensors.items()})
    for name, array in tensors.items():
        got = lines(path, name)
        assert len(got) == len(array), name
        back = np.array(got).astype(array.dtype) if name in ("F32", "F64") else np.array(got, "f8").astype(array.dtype)
        bits = f"u{array.dtype.itemsize}"
        wrong = (back.view(bits) != array.view(bits)) & ~(np.isnan(back.astype("f8")) & np.isnan(array.astype("f8")))
        assert not wrong.any(), f"{name}: {np.array(got)[wrong][:3]} of {array[wrong][:3]}"
        for text, value in zip(got, array):
            if name == "F64" and value == value:
                assert text.strip() == repr(float(value)), (text, value)
            elif name == "F32" and np.isfinite(value):
                digits = np.format_float_scientific(value, unique=True, trim="-").split("e")[0].lstrip("-").replace(".", "")
                ours = text.strip().split("e")[0].lstrip("-").replace(".", "").strip("0") or "0"
                assert ours == (digits.strip("0") or "0"), (text, value)


def text_reads_back():
    """Of every fixture: numbers by numpy, one element a line or a row a line, nulls as -."""
    compared = 0
    for path in ARCHIVES:
        for o in arrays(path):
            raw = cat(path, o["path"], code=None)
            kind = o["dtype"]
            if raw.returncode or o.get("order") == "F" or not (kind.startswith(("int", "uint", "float", "bfloat", "bool", "complex")) and
                                      not kind.startswith(("float4", "float6", "float8_e8"))):
                continue
            array = np.frombuffer(raw.stdout, own(kind).newbyteorder(">" if o.get("byteorder") == "big" else "="))
            rows = lines(path, o["path"])
            fields = " ".join(rows).split()
            assert len(fields) == array.size, f"{path.name} {o['path']}: {len(fields)} fields of {array.size}"
            if len(o.get("shape", [])) > 1 and array.size:
                assert len(rows) == array.size // o["shape"][-1], f"{path.name} {o['path']}: {len(rows)} rows"
            good = np.array([f != "-" for f in fields], bool)
            fields = np.array([f.replace("+-", "-") for f in fields if f != "-"])
            if kind == "bool":
                back = np.array([int(f) for f in fields], bool)
                array = array.view("u1") != 0
            elif kind.startswith("complex"):
                back = np.array([complex(f) for f in fields], "c16").astype(array.dtype)
            elif kind.startswith(("int", "uint")):
                back = np.array([int(f) for f in fields], array.dtype)
            else:
                back = fields.astype("f8").astype(array.dtype) if kind != "float32" else fields.astype("f4").astype(array.dtype)
            a, b = back.tobytes(), array[good].tobytes()
            assert a == b or np.array_equal(back.astype("c16"), array[good].astype("c16"), equal_nan=True), f"{path.name} {o['path']}"
            compared += 1
    comment(f"{compared} arrays read back from text")
    assert compared > 150, compared


def times_decimals_and_nulls(path):
    """By numpy's datetime64 and Python's decimal; nulls of what NAME.validity says."""
    import decimal
    import pyarrow as pa
    numbers = [0, 1, -1, 951782399, -2**40, 2**53, -62135596801, None, 1708992000]
    columns = {unit: pa.array(numbers, pa.timestamp(unit)) for unit in ("ms", "us", "ns")}
    columns["date"] = pa.array([0, -719000, 59, 19782, 2**31 - 1, -2**31, None, -1, 5], pa.date32())
    columns["time"] = pa.array([0, 86399999999, 1, None, 2, 3, 4, 5, 6], pa.time64("us"))
    decimals = [decimal.Decimal(x) for x in ("0.00", "-0.01", "12345.67", "-99999999999999999999999999999999999.99", "1.50")]
    columns["decimal"] = pa.array(decimals + [None] * 4, pa.decimal128(38, 2))
    columns["small"] = pa.array([decimal.Decimal("0.001"), decimal.Decimal("-0.999")] * 4 + [None], pa.decimal128(3, 3))
    pq.write_table(pa.table(columns), path)
    for unit in ("ms", "us", "ns"):
        expected = ["-" if n is None else str(np.datetime64(n, unit)) for n in numbers]
        assert [x.strip() for x in lines(path, unit)] == expected, unit
        same(view(path, unit), np.array([n or 0 for n in numbers], f"M8[{unit}]"), unit)
    dates = columns["date"].cast(pa.int32()).to_pylist()
    assert [x.strip() for x in lines(path, "date")] == ["-" if n is None else str(np.datetime64(n, "D")) for n in dates]
    times = [datetime.time.isoformat(t, "microseconds") if t else "-" for t in columns["time"].to_pylist()]
    times[0] = "00:00:00.000000"
    assert [x.strip() for x in lines(path, "time")] == times
    assert [x.strip() for x in lines(path, "decimal")] == [str(d) for d in decimals] + ["-"] * 4
    assert [x.strip() for x in lines(path, "small")] == ["0.001", "-0.999"] * 4 + ["-"]


def nulls_in_lists_of_fixed_length(path):
    """By pyarrow: an element's own, and all of a list that is null."""
    import pyarrow as pa
    flat, deep = [[1, None], None, [None, 4], [5, 6]], [[[1.5, None], [3.5, 4.5]], [None, [7.5, 8.5]], None]
    table = pa.table({"n": pa.array(flat, pa.list_(pa.int32(), 2))})
    whole = pa.table({"d": pa.array(deep, pa.list_(pa.list_(pa.float64(), 2), 2))})
    rows = {"n": [row or [None] * 2 for row in flat], "d": [part or [None] * 2 for row in deep for part in row or [None] * 2]}
    for name, content in (("n", table), ("d", whole)):
        with pa.OSFile(str(path), "wb") as f, pa.ipc.new_file(f, content.schema) as w:
            w.write_table(content)
        expected = [["-" if v is None else str(v) for v in row] for row in rows[name]]
        assert [line.split() for line in lines(path, name)] == expected, name


def numpys_times_and_text(path):
    """Every unit, and steps of several, as numpy writes them; U as its characters."""
    rng = np.random.default_rng(3)
    units = ["Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as", "3M", "25s", "2W"]
    arrays = {}
    for unit in units:
        near = rng.integers(-4000, 4000, 50)
        far = rng.integers(-2**62 // 10**4, 2**62 // 10**4, 50) if unit not in ("Y", "M", "W", "D", "2W", "3M", "h", "m") else rng.integers(-10**6, 10**6, 50)
        arrays["t" + unit] = np.concatenate([near, far, [0, 1, -1, np.iinfo("i8").min]]).astype("i8").view(f"M8[{unit}]")
    arrays["generic"] = np.array([5, -5], "i8").view("M8")
    arrays["d7h"] = np.array([1, -2], "m8[7h]")
    arrays["text"] = np.array(["plain", "two words", "\u00e9\U0001f600", "", "a\\b\n"])
    arrays["big"] = arrays["text"].astype(">U9")
    arrays["rows"] = np.array([["a b", "c"], ["", "d"]])
    np.savez(path, **arrays)
    for unit in units:
        got, wanted = [x.strip() for x in lines(path, "t" + unit)], [str(v) for v in arrays["t" + unit]]
        assert got == wanted, f"{unit}: {[p for p in zip(got, wanted) if p[0] != p[1]][:5]}"
    assert [x.strip() for x in lines(path, "generic")] == ["5", "-5"]
    assert [x.strip() for x in lines(path, "d7h")] == ["1", "-2"]
    for name in ("text", "big"):
        assert [x.rstrip() for x in lines(path, name)] == ["plain", "two words", "\u00e9\U0001f600", "", "a\\x5cb\\x0a"], name
    assert lines(path, "rows")[0].split() == ["a\\x20b", "c"]
    for name, array in arrays.items():
        assert view(path, name).tobytes() == array.tobytes(), name


def strings(path):
    """Fixed-length strings and opaque bytes."""
    words = [b"plain", b"two words", b"a\\b\n", b"", "\u00e4".encode()]
    with h5py.File(path, "w") as f:
        f["s"] = np.array(words, "S9")
        f["v"] = np.array([b"\x00\x01\xff", b"abc"], "V3")
        f["big"] = np.array([[1.5, -2.0], [np.inf, np.nan]], ">f8")
    same(view(path, "s"), np.array(words, "S9"), "s")
    assert [x.rstrip() for x in lines(path, "s")] == ["plain", "two words", "a\\x5cb\\x0a", "", "\u00e4"]
    assert lines(path, "v") == ["0001ff", "616263"]
    assert [r.split() for r in lines(path, "big")] == [["1.5", "-2.0"], ["inf", "nan"]]
    same(view(path, "big"), np.array([[1.5, -2.0], [np.inf, np.nan]], ">f8"), "big")


def references(path):
    """Told as the paths that h5py knows them by."""
    with h5py.File(path, "w") as f:
        f["a/b c/d"], f["x\\y"], f["\u00fc"] = np.arange(3), 1, np.arange(10)
        gone = f.create_group("gone").ref
        targets = [f["a"].ref, f["a/b c/d"].ref, f.ref, f["\u00fc"].ref]
        f["list"] = np.array(targets + [h5py.Reference(), f["x\\y"].ref, gone], h5py.ref_dtype)
        f["rows"] = np.array([targets[:2], targets[2:]], h5py.ref_dtype)
        f["regions"] = np.array([f["\u00fc"].regionref[2:4], h5py.RegionReference()], h5py.regionref_dtype)
        f.create_dataset("one", (), h5py.ref_dtype)[()] = f["a"].ref
        f.create_dataset("pair", (2,), [("n", "<i4"), ("to", h5py.ref_dtype)])[0] = (1, f["a"].ref)
        f["strings"] = np.array([b"/a"])
        del f["gone"]
        paths = [h5py.h5r.get_name(r, f.id).decode() for r in targets]
    raw = np.frombuffer(cat(path, "list").stdout, "<u8")
    got = [x.rstrip() for x in lines(path, "list")]
    assert got == paths + ["-", "/x\\x5cy", raw[6:].tobytes().hex()], (got, paths)
    assert [r.split() for r in lines(path, "rows")] == [["/a", "/a/b\\x20c/d"], ["/", "/\u00fc"]]
    assert [x.rstrip() for x in lines(path, "regions")] == ["/\u00fc", "-"]
    assert [x.rstrip() for x in lines(path, "one") + lines(path, "pair/to")] == ["/a", "/a", "-"]
    assert lines(path, "strings") == ["/a" + " " * 6]
    told = {o["path"]: o for o in listed(path, ".arrayfs/text/list.txt")}
    assert told[".arrayfs/text/list.txt"]["size"] == len(cat(path, ".arrayfs/text/list.txt").stdout)


def links_that_multiply(path):
    """Each leads twenty times to the next: what a link is to a view is told at once."""
    with h5py.File(path, "w") as f:
        f["d/x"] = np.arange(3)
        f["d/last"] = h5py.SoftLink("/d")
        f["d/l14"] = h5py.SoftLink("last")
        for i in range(14):
            f[f"d/l{i:02}"] = h5py.SoftLink("/".join([f"l{i + 1:02}"] * 20))
    found = arrayfs("--list", path, ".arrayfs/npy/d").stdout.decode().split()
    same(np.array([".arrayfs/npy/d/last" in found, ".arrayfs/npy/d/l14" in found]), np.array([True, True]), "links")
    same(view(path, "d/x"), np.arange(3), "x")


with tempfile.TemporaryDirectory() as top:
    for test, name in ((headers_are_numpys, "h.safetensors"), (patterns, "p.safetensors"),
                       (times_decimals_and_nulls, "t.parquet"), (nulls_in_lists_of_fixed_length, "n.arrow"),
                       (strings, "s.h5"), (references, "r.h5"), (numpys_times_and_text, "t.npz"),
                       (links_that_multiply, "l.h5")):
        with check(test.__name__):
            test(pathlib.Path(top) / name)
    for test in (npy_is_the_references, npy_is_the_file, text_reads_back):
        with check(test.__name__):
            test()
done()
