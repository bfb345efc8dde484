#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Arrays in pickles and in joblib's files, compared with what pickle.load() and joblib.load() give:
names, types, shapes and every byte, in every protocol, order and compression."""
import io
import os
import pickle
import random
import sys
import warnings

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import arrayfs, check, done, folder, listed, need  # noqa: E402

np, ml_dtypes, joblib = need("numpy", "ml_dtypes", "joblib")
from ndarrays import SOUND, compare, expected, random_array, random_dtype  # noqa: E402

warnings.simplefilter("ignore")
PROTOCOLS = range(6)


def values(dtype, shape):
    n = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    raw = bytes((i * 37 + 1) & 0xff for i in range(n)) if dtype.kind != "U" else bytes(n)
    return np.frombuffer(raw, np.uint8).view(dtype).reshape(shape).copy()


def every_kind():
    arrays = {}
    for i, dtype in enumerate(map(np.dtype, SOUND)):
        arrays[f"{i}"] = values(dtype, (2, 3))
        arrays[f"{i}-fortran"] = np.asfortranarray(values(dtype, (2, 3, 2)))
    return arrays


def all_expected(arrays):
    return [w for name, array in arrays.items() for w in expected(name, array)]


def random_arrays(seed, count):
    rng = random.Random(seed)
    return {f"{i}": random_array(rng, random_dtype(rng)) for i in range(count)}


def test_pickled(path, arrays, protocol):
    """In the byte order that they have in the file: NumPy gives simple arrays in the machine's."""
    path.write_bytes(pickle.dumps(arrays, protocol))
    for name, back in pickle.loads(path.read_bytes()).items():
        array = arrays[name]
        assert back.shape == array.shape and (array.dtype.names or back.astype(array.dtype).tobytes() == array.tobytes()), name
    compare(path, all_expected(arrays))


def test_named(path, arrays, protocol):
    """ml_dtypes: what the descr of .npy does not say."""
    path.write_bytes(pickle.dumps(arrays, protocol))
    told = {o["path"]: o for o in listed(path)}
    for name, array in arrays.items():
        known = name in ("bfloat16", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu")
        assert told[name]["type"] == f"ml_dtypes.{name}", told[name]
        assert told[name]["dtype"] == (name if known else f"V{array.dtype.itemsize}"), told[name]
        assert arrayfs("--cat", path, name).stdout == array.tobytes(), name


def scalars():
    told = {"bool": np.bool_(True), "i1": np.int8(-3), "u8": np.uint64(2**64 - 1), "i8": np.int64(-2**63), "f2": np.float16(0.1),
            "f4": np.float32(0.1), "f8": np.float64(0.1), "big": np.float64(1e300), "nan": np.float64("nan"), "inf": np.float32("-inf"),
            "swapped": np.array([1.5], ">f8")[0], "text": np.str_("h\u00e9 \U0001f600"), "empty": np.str_("")}
    files = {"c": np.complex64(1 + 2j), "when": np.datetime64("2026-11-28T12:00"), "bytes": np.bytes_(b"a\xff"), "void": np.void(b"abc"),
             "record": np.zeros(2, "i4,f8")[0]}
    return told, files


with folder() as where:
    arrays = every_kind()
    for protocol in PROTOCOLS:
        with check(f"every kind of array, in protocol {protocol}"):
            path = where / f"kinds{protocol}.pkl"
            test_pickled(path, arrays, protocol)

        with check(f"arrays at random, in protocol {protocol}"):
            path = where / f"random{protocol}.pkl"
            test_pickled(path, random_arrays(protocol, 30), protocol)

        with check(f"types of ml_dtypes, in protocol {protocol}"):
            names = [n for n in ("bfloat16", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu", "float8_e3m4",
                                 "int4", "uint2", "float4_e2m1fn") if hasattr(ml_dtypes, n)]
            test_named(where / f"named{protocol}.pkl", {n: np.ones(3, getattr(ml_dtypes, n)) for n in names}, protocol)

        with check(f"scalars, in protocol {protocol}"):
            told, files = scalars()
            path = where / f"scalars{protocol}.pkl"
            path.write_bytes(pickle.dumps({**told, **files, "array": np.arange(2)}, protocol))
            attributes = next(o for o in listed(path, inner=True) if o["path"] == "").get("attributes")
            for name, value in told.items():
                got, wanted = attributes[name], value.item()
                if isinstance(wanted, float) and (wanted != wanted or wanted in (float("inf"), float("-inf"))):
                    wanted = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(wanted)]
                elif isinstance(wanted, float):
                    got = type(value)(got).item()
                assert got == wanted and isinstance(got, type(wanted)), f"{name}: {got!r} for {wanted!r}"
            assert set(told) == set(attributes), attributes
            compare(path, all_expected({n: np.array(v) for n, v in files.items()}))

        with check(f"large arrays, in protocol {protocol}"):
            count = 3_000_000 if protocol else 500_000 # beyond what is kept in memory
            large = {"a": np.random.default_rng(1).integers(0, 256, count, dtype="u1"), "b": np.arange(count // 2, dtype="<i8")}
            path = where / f"large{protocol}.pkl"
            path.write_bytes(pickle.dumps(large, protocol))
            compare(path, all_expected(large))

    variants = [({"compress": c} if c else {}) for c in (0, 1, 9, True, ("zlib", 3), ("gzip", 3))] + [{"protocol": p} for p in PROTOCOLS]
    for i, how in enumerate(variants):
        with check(f"joblib.dump with {how}"):
            path = where / f"{i}.joblib"
            joblib.dump({**arrays, "again": arrays["0"], "objects": np.array([np.arange(3), "x"], dtype=object)}, path, **how)
            back = joblib.load(path)
            objects = back.pop("objects")
            raw = {**{n: a for n, a in arrays.items()}, "again": arrays["0"]}
            assert all(back[n].tolist() == a.tolist() or a.dtype.kind in "fcmMV" for n, a in raw.items())
            compare(path, all_expected({**raw, "objects/0": objects[0]}))
            assert {o["path"]: o for o in listed(path, inner=True)}[""]["format"] == "joblib"

        with check(f"large arrays, by joblib.dump with {how}"):
            joblib.dump(large, path, **how)
            compare(path, all_expected(large))

    for method, sentence in (("bz2", "a bzip2 file"), ("xz", "an xz file"), ("lzma", "compressed with lzma, which arrayfs does not read")):
        with check(f"joblib.dump with {method} is refused by name"):
            path = where / f"{method}.joblib"
            joblib.dump(large["b"][:100], path, compress=method)
            assert sentence.encode() in arrayfs("--list", path, code=1).stderr

    with check("a folder of pickles without arrays shows them as they are"):
        places = where / "mirror"
        places.mkdir()
        for name, data in (("a.pkl", pickle.dumps({"lr": 0.1})), ("b.pkl", b"\x80\x04broken"), ("c.joblib", pickle.dumps([1])), ("d.joblib", b"\x80\x04broken")):
            (places / name).write_bytes(data)
        told = {o["path"]: o for o in listed(places, inner=True)}
        for name in ("a.pkl", "b.pkl", "c.joblib", "d.joblib"):
            assert told[name]["kind"] == "file" and ("error" in told[name]) == (name == "d.joblib"), told[name]
            assert arrayfs("--cat", places, name).stdout == (places / name).read_bytes()
        assert b"a pickle that holds no array" in arrayfs("--list", places / "a.pkl", code=1).stderr

    with check("scikit-learn's estimators are objects"):
        sklearn, = need("sklearn.ensemble")
        x, y = np.arange(40.0).reshape(20, 2), np.arange(20) % 3
        forest = sklearn.RandomForestClassifier(3, random_state=0).fit(x, y)
        for name, data in (("forest.pkl", None), ("forest.joblib", 0), ("forest-zlib.joblib", 3)):
            path = where / name
            path.write_bytes(pickle.dumps(forest)) if data is None else joblib.dump(forest, path, compress=data)
            nodes = forest.estimators_[1].tree_.__getstate__()["nodes"]
            compare(path, [*expected("classes_", forest.classes_), *expected("estimators_/1/tree_/nodes", nodes)])
done()
