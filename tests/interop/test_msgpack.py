#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""MessagePack, compared with msgpack.unpackb(), flax.serialization.msgpack_restore() and
msgpack_numpy.decode(): names, types, shapes and every byte."""
import glob
import json
import os
import random
import shutil
import sys
import warnings

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import arrayfs, check, done, folder, listed, need, sampled  # noqa: E402

np, ml_dtypes, msgpack, msgpack_numpy, serialization = need("numpy", "ml_dtypes", "msgpack", "msgpack_numpy", "flax.serialization")
import msgpack_model as model  # noqa: E402
from ndarrays import SOUND, random_array, random_dtype  # noqa: E402
warnings.simplefilter("ignore")

DATA = os.environ["TEST_DATA"] + "/msgpack"


def texts(offsets, values):
    ends = np.frombuffer(offsets, "<i8")
    assert ends[0] == 0 and ends[-1] == len(values), (ends, len(values))
    return [values[a:b] for a, b in zip(ends, ends[1:])]


def same_text(text, value):
    wanted = model.as_json(value)
    return json.loads(text) == wanted


def compare(source, files, where):
    out = where / "out"
    shutil.rmtree(out, ignore_errors=True)
    arrayfs("--extract", source, out)
    told = {o["path"]: o for o in listed(source, inner=True)}
    bare = {p: o for p, o in told.items() if "dtype" in o and p}
    wanted = {p: f for p, f in files.items() if p}
    assert sorted(bare) == sorted(wanted), f"{source}: {sorted(bare)} for {sorted(wanted)}"
    files_told = [p for p, o in told.items() if o["kind"] == "file"]
    order = [p for p, f in files.items() if f[2] is not None and not p.endswith(".validity")]
    assert [p for p in files_told if not p.endswith(".validity")] == order, f"{source}: {files_told} for {order}"
    for path, (dtype, shape, data) in wanted.items():
        o = bare[path]
        assert o["dtype"] == dtype, f"{source}: {path}: {o} for {dtype}"
        assert shape is None or o.get("shape") == shape, f"{source}: {path}: {o} for {shape}"
        if isinstance(data, bytes):
            assert o["size"] == len(data) and (out / path).read_bytes() == data, f"{source}: {path}: {(out / path).read_bytes()} for {data}"
        elif isinstance(data, list):
            found = texts((out / path).with_name("offsets").read_bytes(), (out / path).read_bytes())
            assert len(found) == len(data), f"{source}: {path}"
            for text, value in zip(found, data):
                assert text == b"" if value is None else same_text(text, value), f"{source}: {path}: {text} for {value}"


def document(value):
    files = model.Files()
    if isinstance(value, dict):
        files.value("", value)
    elif isinstance(value, list) and value and not any(map(model.holds_array, value)) and all(isinstance(v, dict) for v in value):
        files.fields("", value)
    else:
        files.value("data", value)
    return files


with folder() as where:
    with check("documents at random are what the rules say"):
        for seed in (1, 2):
            for i in sampled(range(80)):
                rng = random.Random(f"{seed} {i}")
                value = {f"k{n}": model.value(rng) for n in range(rng.randrange(1, 6))}
                path = where / "doc.msgpack"
                path.write_bytes(model.pack(value))
                compare(path, document(value), where)

    with check("records at random, one after another and in a list"):
        for seed in (1, 2):
            for i in sampled(range(40)):
                rng = random.Random(f"{seed} {i} records")
                rows = [model.record(rng) for _ in range(rng.choice([2, 3, 50, 300]))]
                path = where / "records.msgpack"
                files = model.Files()
                files.fields("", rows)
                path.write_bytes(b"".join(map(model.pack, rows)) if i % 2 else model.pack(rows))
                compare(path, files, where)

    with check("of fields that come twice in one record the last counts, as in unpackb()"):
        def twice(rng, depth=0):
            def value():
                if depth < 3 and rng.random() < 0.3:
                    inner = [twice(rng, depth + 1) for _ in range(rng.randrange(3))]
                    return msgpack.Packer().pack_array_header(len(inner)) + b"".join(inner) if rng.random() < 0.3 else twice(rng, depth + 1)
                return model.pack(rng.choice([None, 1, 2.5, "text", b"b", True, [1, 2], []]))
            n = rng.randrange(6)
            return msgpack.Packer().pack_map_header(n) + b"".join(model.pack(rng.choice("abcdefg")) + value() for _ in range(n))

        for seed in (1, 2):
            for i in sampled(range(20)):
                rng = random.Random(f"{seed} {i} twice")
                rows = [twice(rng) for _ in range(rng.choice([2, 30, 20_000 if i == 0 else 30]))]
                once = [model.pack(msgpack.unpackb(r)) for r in rows]
                for n, (name, all_) in enumerate((("twice.msgpack", rows), ("once.msgpack", once))):
                    head = msgpack.Packer().pack_array_header(len(all_)) if i % 2 else b""
                    (where / name).write_bytes(head + b"".join(all_))
                    shutil.rmtree(where / f"out{n}", ignore_errors=True)
                    arrayfs("--extract", where / name, where / f"out{n}")
                mixed = {o["path"] for o in listed(where / "twice.msgpack", inner=True) if o.get("type") == "mixed"}
                mixed = {f"{p}/{part}" for p in mixed for part in ("offsets", "values")}       # whose text has both
                told = [[(o["path"], o.get("dtype"), o["path"] in mixed or o.get("shape")) for o in listed(where / name)]
                        for name in ("twice.msgpack", "once.msgpack")]
                assert told[0] == told[1], f"{seed} {i}: {told[0]} for {told[1]}"
                for file in sorted(p for p in (where / "out1").rglob("*") if p.is_file()):
                    path = str(file.relative_to(where / "out1"))
                    if path not in mixed:
                        assert (where / "out0" / path).read_bytes() == file.read_bytes(), f"{seed} {i}: {path}"

    with check("records of several blocks, read from the middle"):
        rng = random.Random(3)
        rows = [{"id": i, "v": [float(x) for x in range(i % 50)], "s": "word%d" % (i % 977), "m": i if i % 3 else str(i),
                 "o": None if i % 7 == 0 else i / 4, "l": [{"x": i, "y": "a" * (i % 5)}] * (i % 3)} for i in range(20_000)]
        path = where / "many.msgpack"
        path.write_bytes(b"".join(map(msgpack.packb, rows)))
        files = model.Files()
        files.fields("", rows)
        compare(path, files, where)
        assert arrayfs("--cat", "--rows", "15000:15010", path, "id").stdout == np.arange(15000, 15010, dtype="<i8").tobytes()

    with check("long lists of numbers, and of long values"):
        value = {"i": list(range(300_000)), "f": [[x / 8, -x] for x in range(100_000)], "b": [bytes([i % 256]) * (i * 1000) for i in range(200)],
                 "s": ["x" * (i % 30) for i in range(100_000)]}
        path = where / "long.msgpack"
        path.write_bytes(msgpack.packb(value))
        compare(path, document(value), where)

    def restored(path):
        return serialization.msgpack_restore(path.read_bytes())

    def flax_array(rng):
        names = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64", "complex64",
                 "complex128", "bfloat16", "float8_e4m3fn", "float8_e5m2", "float8_e8m0fnu", "datetime64[ns]", "timedelta64[25s]"]
        dtype = np.dtype(getattr(ml_dtypes, n)) if hasattr(ml_dtypes, n := rng.choice(names)) else np.dtype(n)
        shape = tuple(rng.choice([0, 1, 2, 3, 5]) for _ in range(rng.randrange(0, 4)))
        count = int(np.prod(shape, dtype=np.int64))
        return np.frombuffer(rng.randbytes(count * dtype.itemsize), np.uint8).view(dtype).reshape(shape) if count else np.zeros(shape, dtype)

    def tree(rng, depth=0):
        if depth < 4 and rng.random() < 0.5:
            return {rng.choice(["kernel", "bias", "0", "1", "layer_0", "a.b", "\u00fc"]): tree(rng, depth + 1) for _ in range(rng.randrange(1, 4))}
        return rng.choice([None, True, 3, -2**40, 0.25, "text", 1 - 2j]) if rng.random() < 0.2 else flax_array(rng)

    def flax_files(value):
        files = model.Files()

        def walk(path, v):
            if isinstance(v, dict):
                for k, inner in v.items():
                    walk(path + [k], inner)
            elif isinstance(v, (np.ndarray, np.generic)):
                from ndarrays import dtype_of
                own = v.dtype.type is not np.void and v.dtype.kind == "V"   # ml_dtypes'
                files.add("/".join(path), v.dtype.name if own else dtype_of(v.dtype), v.shape, v.tobytes())
            else:
                files.leaf("/".join(path), v)
        walk([], value)
        return files

    with check("Flax's trees at random are what msgpack_restore() gives"):
        for seed in (1, 2):
            for i in sampled(range(40)):
                rng = random.Random(f"{seed} {i} flax")
                path = where / "flax"
                path.write_bytes(serialization.msgpack_serialize({"first": flax_array(rng), "params": tree(rng), "opt": tree(rng)}))
                compare(path, flax_files(restored(path)), where)

    with check("arrays in chunks are joined in the order of their numbers"):
        most, serialization.MAX_CHUNK_SIZE = serialization.MAX_CHUNK_SIZE, 24
        path = where / "chunks"
        path.write_bytes(serialization.msgpack_serialize({"w": np.arange(200, dtype="f4").reshape(5, 40), "b": np.ones(3, "i8"),
                                                          "h": np.arange(33).astype(ml_dtypes.bfloat16)}))
        serialization.MAX_CHUNK_SIZE = most
        value = restored(path)
        assert value["w"].shape == (5, 40)
        compare(path, flax_files(value), where)
        assert arrayfs("--cat", "--rows", "2:4", path, "w").stdout == value["w"][2:4].tobytes()

    with check("msgpack-numpy's arrays at random are what decode() gives"):
        for seed in (1, 2):
            for i in sampled(range(40)):
                rng = random.Random(f"{seed} {i} numpy")

                def dtype():
                    # datetime64 has no buffer, and padding comes back as fields
                    while True:
                        d = random_dtype(rng) if rng.random() < 0.5 else np.dtype(rng.choice(SOUND))
                        if not any(k in str(d) for k in ("M8", "m8", "V", "itemsize", "datetime", "timedelta")):
                            return d
                value = {f"x{n}": random_array(rng, dtype()) for n in range(3)}
                value["deep"] = {"list": [random_array(rng, np.dtype("<f4")), 2]}
                packed = msgpack.packb(value, default=msgpack_numpy.encode, use_bin_type=i % 4 > 0)
                path = where / "numpy"
                path.write_bytes(packed)
                decoded = msgpack.unpackb(packed, object_hook=msgpack_numpy.decode) if i % 4 else value
                files = model.Files()
                files.value("", decoded)
                told = {o["path"]: o for o in listed(path)}
                shutil.rmtree(where / "out", ignore_errors=True)
                arrayfs("--extract", path, where / "out")
                for p, (dtype_, shape, data) in files.items():
                    o = told[p]
                    assert (o["dtype"], o["shape"], o["size"]) == (dtype_, shape, len(data)), f"{p}: {o} for {dtype_} {shape}"
                    assert (where / "out" / p).read_bytes() == data, f"{p}: bytes differ"

    with check("masked arrays, whose data msgpack-numpy writes as an array in turn, are their data"):
        value = {"m": np.ma.array(np.arange(6, dtype=">i4").reshape(2, 3), mask=[[0, 1, 0], [1, 0, 0]]), "one": np.ma.array(1.5),
                 "list": [np.ma.array([1, 2], dtype="<f2"), 3], "records": np.ma.array([(1, 2.5)], dtype=[("a", "<i2"), ("b", "<f8")])}
        packed = msgpack.packb(value, default=msgpack_numpy.encode)
        decoded = msgpack.unpackb(packed, object_hook=msgpack_numpy.decode)
        path = where / "masked"
        path.write_bytes(packed)
        for p, array in (("m", decoded["m"]), ("one", decoded["one"]), ("list/0", decoded["list"][0]), ("records/b", decoded["records"]["b"])):
            o = {o["path"]: o for o in listed(path)}[p]
            assert (o["dtype"], o["shape"]) == (array.dtype.name, list(array.shape)), o
            assert arrayfs("--cat", path, p).stdout == array.tobytes(), f"{p}: bytes differ"

    with check("every fixture is what its library reads"):
        for path in sorted(glob.glob(DATA + "/flax-*")):
            compare(path, flax_files(serialization.msgpack_restore(open(path, "rb").read())), where)
        named = where / "named.msgpack"
        for path in sorted(glob.glob(DATA + "/doc-*")):
            shutil.copy(path, named)
            compare(named, document(msgpack.unpackb(named.read_bytes(), strict_map_key=False)), where)
        for path in sorted(glob.glob(DATA + "/records-*")):
            shutil.copy(path, named)
            rows = list(msgpack.Unpacker(open(named, "rb"), strict_map_key=False))
            files = model.Files()
            files.fields("", rows if isinstance(rows[0], dict) else rows[0])
            compare(named, files, where)

    with check("what is broken is refused, whatever it claims"):
        good = model.pack({"a": [1, 2, 3], "b": {"c": "text", "d": 1.5}})
        flax = serialization.msgpack_serialize({"w": np.ones(3)})
        bad = {"map32": b"\xdf\xff\xff\xff\xff\xa1a\x01", "array32": b"\x81\xa1a\xdd\xff\xff\xff\xff", "bin32": b"\x81\xa1a\xc6\xff\xff\xff\xff",
               "deep": b"\x81\xa1a" + b"\x91" * 10**6 + b"\x01", "deepmaps": b"\x81\xa1a" * 10**6 + b"\x01", "behind": good + b"\x01",
               "zeros": good + bytes(9), "never": b"\x81\xa1a\xc1", "flax behind": flax + b"\x00"}
        bad.update({f"cut {i}": good[:i] for i in range(1, len(good))})
        for name, data in bad.items():
            path = where / "bad.msgpack"
            path.write_bytes(data)
            told = arrayfs("--list", path, code=1).stderr.decode()
            assert told.count("\n") == 1 and str(path) in told, (name, told)

    with check("an array that lies is listed, and alone cannot be read"):
        def ext(shape, name, data, code=1):
            return msgpack.ExtType(code, msgpack.packb((shape, name, data)))
        lies = {"size": ext([3], "float32", bytes(8)), "huge": ext([2**62, 4], "float64", bytes(8)), "dtype": ext([1], "float33", bytes(4)),
                "negative": ext([-1], "uint8", b""), "cut": msgpack.ExtType(1, b"\x93\x91\x03\xa7float"), "nothing": msgpack.ExtType(3, b""),
                "chunks": {"__msgpack_chunked_array__": True, "shape": {"0": 4}, "chunks": {"0": ext([2], "int32", bytes(8)), "2": ext([2], "int32", bytes(8))}},
                "no chunks": {"__msgpack_chunked_array__": True, "shape": {"0": 4}},
                "short": {"__msgpack_chunked_array__": True, "shape": {"0": 5}, "chunks": {"0": ext([2], "int32", bytes(8)), "1": ext([2], "int32", bytes(8))}},
                "types": {"__msgpack_chunked_array__": True, "shape": {"0": 4}, "chunks": {"0": ext([2], "int32", bytes(8)), "1": ext([2], "float32", bytes(8))}},
                "nd": {b"nd": True, b"type": "<f4", b"kind": b"", b"shape": [3], b"data": bytes(8)},
                "object": msgpack_numpy.encode(np.array([1, "a"], object))}
        path = where / "lies"
        path.write_bytes(msgpack.packb({**lies, "sound": ext([2], "int32", bytes(8))}))
        told = {o["path"]: o for o in listed(path)}
        assert list(told) == [*lies, "sound"], told
        for name in lies:
            assert told[name].get("error"), told[name]
            arrayfs("--cat", path, name, code=1)
        assert arrayfs("--cat", path, "sound").stdout == bytes(8)

    with check("of a list of floats the odd one is found wherever it is"):
        path, most = where / "lists.msgpack", 21
        for single in (False, True):
            lists = [[i + .5 for i in range(most)] for _ in range(4 * (most + 1))]
            for place in range(most):
                for k, odd in enumerate((7, None, -2**40, 0.0)):
                    lists[4 * place + k][place] = odd
            path.write_bytes(b"".join(msgpack.packb({"l": values}, use_single_float=single) for values in lists))
            flat = [x for values in lists for x in values]
            assert arrayfs("--cat", path, "l/values").stdout == np.array([x or 0 for x in flat], "<f8").tobytes(), single
            assert arrayfs("--cat", path, "l/values.validity").stdout == bytes(x is not None for x in flat), single

    with check("ordinary MessagePack is no archive without a name that says so"):
        for name, value in {"config": {"a": 1, "b": [1, 2]}, "list": [1, 2], "text": "abc"}.items():
            path = where / name
            path.write_bytes(msgpack.packb(value))
            arrayfs("--list", path, code=1)
        (where / "stream").write_bytes(msgpack.packb({"w": 1}) + flax)
        arrayfs("--list", where / "stream", code=1)

done()
