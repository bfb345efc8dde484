#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""NumPy's .npy and .npz, compared with numpy.load(allow_pickle=False): names, types, shapes
and every byte, read whole and in pieces."""
import glob
import io
import os
import random
import resource
import struct
import sys
import warnings
import zipfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import arrayfs, check, done, folder, listed, need  # noqa: E402

np, ml_dtypes, safetensors = need("numpy", "ml_dtypes", "safetensors.numpy")
from ndarrays import SOUND, compare, expected, random_array, random_dtype  # noqa: E402
warnings.simplefilter("ignore")

def save(path, array, behind=b""):
    with open(path, "wb") as f:
        np.lib.format.write_array(f, array, allow_pickle=False)
        f.write(behind)


def loaded(path):
    """Its arrays by name; np.load() itself wants a zip to begin as one."""
    with zipfile.ZipFile(path) as z:
        return {n.removesuffix(".npy"): np.load(io.BytesIO(z.read(n))) for n in z.namelist()}


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
        for name in ("stored", "deflated", "zip64", "mlx-stored", "mlx-deflated"):
            path = os.environ["TEST_DATA"] + f"/npz/{name}.npz"
            compare(path, [w for n, array in loaded(path).items() for w in expected(n, array)])

    with check("words of ml_dtypes"):
        def number(t):
            return getattr(ml_dtypes, t, None) and isinstance(getattr(ml_dtypes, t), type) and t not in ("finfo", "iinfo")
        words = [t for t in ml_dtypes.__all__ if number(t)]
        assert len(words) >= 20, words
        for name, array in [(t, np.ones(3, getattr(ml_dtypes, t))) for t in words] + [
                ("swapped", np.ones(3, ml_dtypes.bfloat16).astype(np.dtype(ml_dtypes.bfloat16).newbyteorder(">")))]:
            path = where / f"{name}.npy"
            np.save(path, array)
            o, = listed(path)
            assert o["dtype"] == ("float8_e5m2" if name == "float8_e5m2" else f"V{array.dtype.itemsize}"), o
            assert o.get("byteorder") == ("big" if name == "swapped" else "little" if array.dtype.itemsize > 1 else None), o
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

    with check("headers of a hundred thousand bytes"):
        many = np.zeros(2, [(f"a_rather_long_name_of_field_{i}", "<i4") for i in range(3000)])
        for field in range(3000):
            many[f"a_rather_long_name_of_field_{field}"] = [field, -field]
        np.save(where / "many.npy", many)
        assert [o["path"] for o in listed(where / "many.npy")] == [f"data/{n}" for n in many.dtype.names]
        assert arrayfs("--cat", where / "many.npy", "data/a_rather_long_name_of_field_2999").stdout == np.array([2999, -2999], "<i4").tobytes()
        np.savez_compressed(where / "many.npz", many=many, empty=many[:0])
        assert len(listed(where / "many.npz")) == 6000

    with check("what zipfile writes in other ways"):
        class Pipe(io.RawIOBase):
            """Cannot seek: sizes follow their members."""
            def __init__(self):
                self.bytes = bytearray()
            def writable(self):
                return True
            def write(self, data):
                self.bytes += bytes(data)
                return len(data)
        arrays = {n: np.arange(7, dtype=t) for n, t in (("a", "<i4"), ("b/c", ">f8"), ("d.e", "|u1"))}
        for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            for large in (False, True):
                for to in (Pipe(), io.BytesIO(), io.BytesIO(b"#!/bin/sh of some bytes\n")):
                    to.seekable() and to.seek(0, 2)
                    with zipfile.ZipFile(to, "w", method) as z:
                        z.comment = b"a comment " * 90
                        for name, array in arrays.items():
                            with z.open(name + ".npy", "w", force_zip64=large) as f:
                                np.save(f, array)
                    path = where / "written.zip"
                    path.write_bytes(to.bytes if isinstance(to, Pipe) else to.getvalue())
                    compare(path, [w for n, array in loaded(path).items() for w in expected(n, array)])

    with check("what is an npz, and what passes through"):
        places = where / "mirror"
        places.mkdir()
        def zipped(name, members):
            with zipfile.ZipFile(places / name, "w") as z:
                for member, data in members:
                    z.writestr(member, data)
        b = io.BytesIO()
        np.save(b, np.arange(5))
        zipped("by-content.zip", [("text" * 20 + str(i), b"no") for i in range(3000)] + [("x.npy", b.getvalue())])
        zipped("by-name.npz", [("x.txt", b"bytes")])
        zipped("by-content.jar", [("x.npy", b.getvalue())])
        zipped("not.zip", [("x.npy", b"no magic"), ("x.txt", b.getvalue())])
        zipped("empty.zip", [])
        zipped("empty.npz", [])
        (places / "no.npz").write_bytes(bytes(100))
        (places / "no.npy").write_bytes(bytes(100))
        (places / "text.npy").write_bytes(b"a text\n")
        told = {o["path"]: o for o in listed(places, inner=True)}
        for name, kind in (("by-content.zip", 1), ("by-name.npz", 1), ("by-content.jar", 1), ("empty.npz", 1), ("not.zip", 0), ("empty.zip", 0),
                           ("no.npz", 0), ("no.npy", 0), ("text.npy", 0)):
            assert told[name]["kind"] == ("directory" if kind else "file"), told[name]
            if not kind:
                assert arrayfs("--cat", places, name).stdout == (places / name).read_bytes(), name
            assert ("error" in told[name]) == name.startswith("no.np"), told[name]

    with check("a million members of one name, in one place, or of no name, are refused at once"):
        def entry(name, at):
            return struct.pack("<4sHHHHIIIIHHHHHII", b"PK\1\2", 45, 45, 0, 0, 0, 0, 0, 0, len(name), 0, 0, 0, 0, 0, at) + name
        def end(directory, count, at):
            return directory + struct.pack("<4sQHHIIQQQQ4sIQI", b"PK\6\6", 44, 45, 45, 0, 0, count, count, len(directory), at, b"PK\6\7", 0,
                                           at + len(directory), 1) + struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 65535, 65535, 2**32 - 1, 2**32 - 1, 0)
        n, local = 1_000_000, b"PK\3\4" + bytes(26)
        for name, directory, count, sentence in (
                ("same", entry(b"a", 0) * n, n, "two members are called a"),
                ("place", b"".join(entry(b"%d" % i, 0) for i in range(n)), n, "members 0 and 1 overlap"),
                ("many", entry(b"", 0) * 10_000_001, 10_000_001, "10000001 members, over the limit of 10000000"),
                ("most", entry(b"", 0), 2**64 - 1, f"of 46 bytes with {2**64 - 1} members, which does not fit before it")):
            path = where / f"{name}.npz"
            path.write_bytes(local + end(directory, count, len(local)))
            used = resource.getrusage(resource.RUSAGE_CHILDREN)
            p = arrayfs("--list", path, code=1)
            took = resource.getrusage(resource.RUSAGE_CHILDREN)
            assert p.stderr.decode().rstrip().endswith(sentence), p.stderr
            assert took.ru_utime - used.ru_utime < 10, took
            path.unlink()

    with check("diff finds the arrays of a safetensors file the same, and views are those of numpy"):
        rng = np.random.default_rng(5)
        arrays = {t: rng.integers(0, 2, (3, 5)).astype(t) for t in ("bool", "u1", "i2", "u4", "i8", "f2", "f4", "f8", "c8", "u8")}
        arrays.update(scalar=np.array(2.5), none=np.zeros((0, 2), "f4"), f8=np.ones(3, ml_dtypes.float8_e5m2), **{"layers.0.w": np.ones((2, 2))})
        safetensors.save_file(arrays, where / "same.safetensors")
        for save_all in (np.savez, np.savez_compressed):
            save_all(where / "same.npz", **arrays)
            assert arrayfs("--diff", where / "same.npz", where / "same.safetensors").stdout == b""
            assert "layers/0/w" in [o["path"] for o in listed(where / "same.npz", "-o", "split=.")]
            for name, array in arrays.items():
                shown = arrayfs("--cat", where / "same.npz", f".arrayfs/npy/{name}.npy").stdout
                if array.dtype != ml_dtypes.float8_e5m2:
                    back = np.load(io.BytesIO(shown))
                    assert back.dtype == array.dtype and back.shape == array.shape and back.tobytes() == array.tobytes(), name
        arrays["i8"][1, 2] += 1
        np.savez(where / "same.npz", **arrays)
        assert b"i8: 1 of 15 elements differ" in arrayfs("--diff", where / "same.npz", where / "same.safetensors", code=1).stdout

    with check("two that numpy.load shows as one"):
        path = where / "names.npz"
        np.savez(path, **{"a": np.arange(3), "a.npy": np.arange(4)})
        compare(path, [*expected("a", np.arange(3)), *expected("a.npy", np.arange(4))])

    with check("a structured array and what lies below its name stay apart: the later gives way"):
        records = np.ones(3, [("x", "<i4"), ("y", [("z", "<f8")]), ("y/z", "<i2")])
        path = where / "kinds.npz"
        for names, fields, below in ((["a", "a/b", "a/x"], "a", "a~2"), (["a/b", "a", "a/x"], "a~2", "a")):
            np.savez(path, **{n: records if n == "a" else np.arange(5) for n in names})
            compare(path, [(f"{fields}/x", "int32", "little", [3], "C", records["x"].tobytes()),
                           (f"{fields}/y/z", "float64", "little", [3], "C", records["y"]["z"].tobytes()),
                           (f"{fields}/y~2/z", "int16", "little", [3], "C", records["y/z"].tobytes()),
                           *expected(f"{below}/b", np.arange(5)), *expected(f"{below}/x", np.arange(5))])
            assert len(listed(path)) == 5

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
