#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""NumPy's .npy and .npz, compared with numpy.load(allow_pickle=False): names, types, shapes
and every byte, read whole and in pieces."""
import glob
import io
import os
import random
import sys
import warnings
import zipfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import arrayfs, check, done, folder, listed, need  # noqa: E402

np, ml_dtypes = need("numpy", "ml_dtypes")
warnings.simplefilter("ignore")

SOUND = ["<i1", "<i2", ">i4", "<i8", "<u1", ">u2", "<u4", "<u8", "?", "<f2", ">f4", "<f8", "<c8", ">c16", "S1", "S7", "<U1", ">U5",
         "V1", "V2", "V9", "<M8[D]", "<M8[ns]", ">M8[s]", "<m8[h]", "<m8[us]", "<M8[25s]", "<M8", "<f16"]
ORDERS = {"<": "little", ">": "big", "=": sys.byteorder}


def dtype_of(dtype):
    """Our name for it."""
    if dtype.kind in "SV":
        return f"{dtype.kind}{dtype.itemsize}"
    if dtype.kind == "U":
        return f"U{dtype.itemsize // 4}"
    if dtype.itemsize == 16 and dtype.kind == "f":
        return "V16"
    if dtype.kind in "Mm":
        unit, step = np.datetime_data(dtype)
        if unit in ("s", "ms", "us", "ns") and step == 1:
            return {"M": "timestamp", "m": "duration"}[dtype.kind] + f"[{unit}]"
        name = {"M": "datetime64", "m": "timedelta64"}[dtype.kind]
        return name if unit == "generic" else f"{name}[{unit}]" if step == 1 else f"{name}[{step}{unit}]"
    return dtype.newbyteorder("=").name


def leaves(path, array, fortran, own=False):
    """What is to be shown of it: (path, dtype, byteorder, shape, order, bytes)."""
    if array.dtype.names is not None:
        for name in array.dtype.names:
            field = array.dtype.fields[name][0]
            yield from leaves(f"{path}/{name}", array[name], fortran, own or field.shape != ())
        return
    as_f = fortran and not own
    order = array.dtype.byteorder if array.dtype.kind in "iufcMmU" else "|"
    yield (path, dtype_of(array.dtype), ORDERS.get(order), list(array.shape), "F" if as_f else "C", array.tobytes("F" if as_f else "C"))


def expected(path, array):
    return leaves(path, array, array.ndim > 1 and array.flags.f_contiguous and not array.flags.c_contiguous)


def compare(source, wanted):
    told = {o["path"]: o for o in listed(source)}
    wanted = list(wanted)
    names = [w[0] for w in wanted]
    assert sorted(n for n in told if n in names) == sorted(names), f"{list(told)} for {names}"
    for path, dtype, order, shape, by, data in wanted:
        o = told[path]
        assert (o.get("dtype"), o.get("shape"), o.get("size")) == (dtype, shape, len(data)), f"{path}: {o} for {dtype} {shape} {len(data)}"
        assert o.get("byteorder") == order, f"{path}: {o.get('byteorder')} for {order}"
        assert (o.get("order") or "C") == by, f"{path}: {o.get('order')} for {by}"
        assert arrayfs("--cat", source, path).stdout == data, f"{path}: bytes differ"


def random_dtype(rng, depth=0):
    if depth < 3 and rng.random() < 0.35:
        fields = []
        for i in range(rng.randrange(1, 5)):
            shape = tuple(rng.randrange(0, 4) for _ in range(rng.randrange(0, 3))) if rng.random() < 0.3 else ()
            fields.append((f"f{i}", random_dtype(rng, depth + 1), shape))
        return np.dtype(fields, align=rng.random() < 0.3)
    return np.dtype(rng.choice(SOUND))


def random_array(rng, dtype):
    shape = tuple(rng.choice([0, 1, 1, 2, 3, 5, 17]) for _ in range(rng.randrange(0, 4)))
    n = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    raw = rng.randbytes(n) if dtype.kind not in "U" else bytes(n)
    a = np.frombuffer(raw, np.uint8).view(dtype).reshape(shape) if n else np.zeros(shape, dtype)
    return np.asfortranarray(a) if rng.random() < 0.4 and a.ndim > 1 else a


def save(path, array, behind=b""):
    with open(path, "wb") as f:
        np.lib.format.write_array(f, array, allow_pickle=False)
        f.write(behind)


def test_random(seed, where):
    rng = random.Random(seed)
    for i in range(60):
        array = random_array(rng, random_dtype(rng))
        path = where / f"{seed}-{i}.npy"
        save(path, array, rng.randbytes(rng.choice([0, 0, 3])))
        compare(path, expected("data", np.load(path)))
        path.unlink()


def test_random_npz(seed, where):
    rng = random.Random(seed)
    for i in range(12):
        arrays = {n: random_array(rng, random_dtype(rng)) for n in rng.sample(["a", "b", "c/d", "c/e", "f.g", "h h", "\u00e9"], 4)}
        path = where / f"{seed}-{i}.npz"
        (np.savez, np.savez_compressed)[i % 2](path, **arrays)
        with np.load(path) as z:
            compare(path, [w for n in z.files for w in expected(n, z[n])])
        path.unlink()


with folder() as where:
    with check("every fixture is what numpy loads"):
        for path in sorted(glob.glob(os.environ["TEST_DATA"] + "/npy/*.npy")):
            if os.path.basename(path) not in ("objects.npy", "float8_e5m2.npy"):
                compare(path, expected("data", np.load(path)))
        for name in ("stored", "deflated", "mlx-stored", "mlx-deflated"):
            path = os.environ["TEST_DATA"] + f"/npz/{name}.npz"
            with np.load(path) as z:
                compare(path, [w for n in z.files for w in expected(n, z[n])])

    with check("words of ml_dtypes"):
        for name in ("bfloat16", "float8_e4m3fn", "int4", "float8_e5m2"):
            array = np.ones(3, getattr(ml_dtypes, name))
            path = where / f"{name}.npy"
            np.save(path, array)
            o, = listed(path)
            assert o["dtype"] == ("float8_e5m2" if name == "float8_e5m2" else f"V{array.dtype.itemsize}"), o
            assert arrayfs("--cat", path, "data").stdout == array.tobytes(), name

    for seed in (1, 2):
        with check(f"arrays at random, seed {seed}"):
            test_random(seed, where)
        with check(f"npz at random, seed {seed}"):
            test_random_npz(seed, where)

    with check("a deflated member of more than one stretch, whole and in slices"):
        big = np.random.default_rng(1).integers(0, 50, 3_000_000, dtype=np.int64)
        records = np.zeros(200_000, [("a", "<i4"), ("b", "<f8", (3,)), ("c", "S3")])
        records["a"], records["b"] = np.arange(200_000), np.arange(600_000).reshape(-1, 3)
        path = where / "big.npz"
        np.savez_compressed(path, big=big, records=records)
        compare(path, [*expected("big", big), *expected("records", records)])

    with check("members in bzip2 and LZMA of more than one stretch"):
        path = where / "methods.npz"
        with zipfile.ZipFile(path, "w") as z:
            for name, method in (("bzip2", zipfile.ZIP_BZIP2), ("lzma", zipfile.ZIP_LZMA)):
                b = io.BytesIO()
                np.save(b, np.arange(300_000) % 1009)
                z.writestr(name + ".npy", b.getvalue(), method)
        with np.load(path) as z:
            compare(path, [w for n in z.files for w in expected(n, z[n])])
            for name in z.files:
                assert arrayfs("--cat", "--rows", "200000:-10", path, name).stdout == z[name][200_000:-10].tobytes(), name

    with check("records too long to be read at once"):
        wide = np.zeros(3, [("pixels", [("r", "u1"), ("g", "<u2"), ("b", "V3")], (300, 500)), ("plain", "<f8", (100_000,))])
        raw = np.frombuffer(np.random.default_rng(2).bytes(wide.nbytes), np.uint8).view(wide.dtype)
        np.save(where / "wide.npy", raw)
        np.savez_compressed(where / "wide.npz", raw=raw)
        compare(where / "wide.npy", expected("data", raw))
        compare(where / "wide.npz", expected("raw", raw))

    with check("padding of dropped fields is not shown"):
        x = np.zeros(4, [("a", "i1"), ("b", "<f8"), ("c", "<i2")])
        np.save(where / "sub.npy", x[["a", "c"]])
        assert [o["path"] for o in listed(where / "sub.npy")] == ["data/a", "data/c"]

    with check("two that numpy.load shows as one"):
        path = where / "names.npz"
        np.savez(path, **{"a": np.arange(3), "a.npy": np.arange(4)})
        compare(path, [*expected("a", np.arange(3)), *expected("a.npy", np.arange(4))])

    with check("an empty npz is an empty directory"):
        np.savez(where / "empty.npz")
        assert listed(where / "empty.npz") == [] or [o["path"] for o in listed(where / "empty.npz")] == [""]

    with check("foreign members are files, broken ones have their error"):
        def npy(array):
            b = io.BytesIO()
            np.save(b, array)
            return b.getvalue()
        path = where / "foreign.zip"
        text = b"a text\n" * 1000
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
            z.writestr("x.npy", npy(np.arange(5)))
            z.writestr("notes.txt", text)
            z.writestr("bare", npy(np.arange(3.0)))
            z.writestr("fake.npy", b"nothing of the kind")
            z.writestr("short.npy", npy(np.arange(100))[:-1])
            z.writestr("lzma.npy", npy(np.arange(5)), zipfile.ZIP_LZMA)
        compare(path, [*expected("x", np.arange(5)), *expected("bare", np.arange(3.0)), *expected("lzma", np.arange(5))])
        assert arrayfs("--cat", path, "notes.txt").stdout == text
        for broken in ("fake", "short"):
            p = arrayfs("--cat", path, broken, code=None)
            assert p.returncode != 0 and p.stdout == b"" and p.stderr, broken
done()
