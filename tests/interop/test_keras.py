#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Keras' files and zips of archives.  Keras' variables beside what h5py, and Keras itself where it is installed, read from
the member's bytes; archives within a zip beside what they show alone, which their own tests hold to their libraries."""
import importlib.util
import io
import json
import os
import pathlib
import random
import sys
import zipfile
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import arrayfs, check, done, folder, listed, need, sampled  # noqa: E402

h5py, np, safetensors, pyarrow, parquet = need("h5py", "numpy", "safetensors.numpy", "pyarrow", "pyarrow.parquet")

DATA = pathlib.Path(os.environ["TEST_DATA"])
BFLOAT16 = np.dtype("V2")


def variables(file):
    """{path: array} of an HDF5 file's datasets, by h5py."""
    found = {}
    file.visititems(lambda name, o: found.update({name: o}) if isinstance(o, h5py.Dataset) else None)
    return found


def compare_model(path):
    """Each variable's bytes, type, shape and its group's name; the other members as zipfile reads them."""
    shown = {o["path"]: o for o in listed(path, inner=True)}
    assert shown[""]["format"] == "keras", shown[""]
    with zipfile.ZipFile(path) as z:
        for name in z.namelist():
            if not name.endswith((".h5", ".npz")):
                assert arrayfs("--cat", path, name).stdout == z.read(name), name
        weights = z.read("model.weights.h5")
    assert shown["model.weights.h5"]["format"] == "hdf5"
    with h5py.File(io.BytesIO(weights)) as f:
        datasets, groups = variables(f), []
        f.visititems(lambda name, o: groups.append(name) if isinstance(o, h5py.Group) and o.attrs else None)
        for name, dataset in datasets.items():
            at, array = f"model.weights.h5/{name}", dataset[()]
            want = {"shape": list(dataset.shape), "size": array.nbytes, "dtype": "V2" if array.dtype == BFLOAT16 else str(array.dtype)}
            got = {k: shown[at][k] for k in want}
            assert got == want, (at, got, want)
            assert arrayfs("--cat", path, at).stdout == array.tobytes(), at
        for name in groups:
            assert shown[f"model.weights.h5/{name}"]["attributes"] == {k: str(v) for k, v in f[name].attrs.items()}, name
        files = {p for p, o in shown.items() if p.startswith("model.weights.h5/") and o["kind"] == "file"}
        assert files == {f"model.weights.h5/{name}" for name in datasets}, files
    return datasets


def keras_own(path):
    """Every variable that Keras loads is a file of its bytes."""
    os.environ.setdefault("KERAS_BACKEND", "jax")
    import keras
    model = keras.saving.load_model(path)
    files = [arrayfs("--cat", path, o["path"]).stdout for o in listed(path) if o["path"].startswith("model.weights.h5/") and o["kind"] == "file"]
    for v in model.variables:
        if "seed_generator" not in v.path:  # of a layer that is not trained, without a place in the file
            assert np.asarray(v).tobytes() in files, v.path


# --- archives within a zip ------------------------------------------------------------------------


def make_hdf5(path, rng):
    with h5py.File(path, "w", libver=rng.choice([("earliest", "v110"), ("latest", "latest")])) as f:
        for i in range(rng.randrange(1, 8)):
            shape = tuple(rng.randrange(0, 30) for _ in range(rng.randrange(0, 4)))
            array = np.frombuffer(rng.randbytes(int(np.prod(shape)) * 8), rng.choice(["<f8", ">i8", "<u8"])).reshape(shape)
            more = {"compression": rng.choice(["gzip", "lzf"]), "shuffle": True, "fletcher32": rng.random() < .5} if all(shape) and shape else {}
            d = f.create_dataset(f"{rng.choice(['a', 'b/c', 'é'])}/{i}", data=array, **more)
            d.attrs["unit"] = rng.choice(["m", "s"])
        f["soft"] = h5py.SoftLink(d.name)
        f["hard"] = d
        f["group"] = d.parent
        f.create_dataset("refs", data=np.array([d.ref, f["/"].ref], dtype=object), dtype=h5py.ref_dtype)
        f.create_dataset("rec", data=np.array([(1, 2.5)] * rng.randrange(4, 9), [("i", "<i4"), ("x", "<f8")]), chunks=(4,), compression="gzip")
        f.create_dataset("words", data=["x" * rng.randrange(9) for _ in range(5)], dtype=h5py.string_dtype())
        f.attrs["root"] = rng.randrange(9)


def make_others(where, rng):
    n = rng.randrange(1, 50)
    safetensors.save_file({f"t.{i}": np.frombuffer(rng.randbytes(4 * n), "<f4") for i in range(rng.randrange(1, 40))}, where / "x.safetensors")
    table = pyarrow.table({"i": list(range(n)), "s": [rng.choice([None, "a", "bcd"]) for _ in range(n)], "l": [[1] * (i % 3) for i in range(n)]})
    parquet.write_table(table, where / "x.parquet", row_group_size=rng.randrange(1, 20), compression=rng.choice(["snappy", "zstd", "none"]))
    with pyarrow.ipc.new_file(where / "x.arrow", table.schema, options=pyarrow.ipc.IpcWriteOptions(compression=rng.choice([None, "lz4", "zstd"]))) as w:
        w.write_table(table)


def told(source, below):
    """What is told of each node below an archive in the source.  That one array of a zip has several names is told in other
    words: they are hard links."""
    out = []
    for o in listed(source, below, inner=True):
        o["path"] = o["path"].removeprefix(below)
        o.pop("stored", None)  # another file, or another place in it
        if o["kind"] != "directory":
            o.pop("same_as", None)
        elif "same_as" in o:
            o["same_as"] = o["same_as"].removeprefix(below)
        out.append(o)
    return out


def extracted(source, to, path):
    arrayfs("--extract", source, to, path, code=None)
    top = to / path
    found = {}
    for p in sorted(top.rglob("*")):
        if p.is_file():
            found[str(p.relative_to(top))] = p.read_bytes()
        elif p.is_symlink():
            found[str(p.relative_to(top))] = os.readlink(p)
    return found


def compare_within(where, files, name="x.zip"):
    """All files in one stored zip, each beside itself in a directory."""
    z = where / name
    with zipfile.ZipFile(z, "w") as w:
        for path in files:
            w.write(path, path.name)
        w.writestr("notes.txt", "beside them\n")
        w.writestr("config.json", "{}")
    for number, path in enumerate(files):
        alone, inner = told(path.parent, path.name), told(z, path.name)
        assert len(alone) == len(inner), f"{path}: {len(alone)} nodes alone, {len(inner)} in the zip"
        for a, b in zip(alone, inner):
            assert a == b, f"{path}: {a} alone, {b} in the zip"
        assert extracted(path.parent, where / f"a{number}", path.name) == extracted(z, where / f"b{number}", path.name), path
        for view in ("npy", "text"):
            for o in [o for o in alone if o["kind"] == "file" and "dtype" in o][:5]:
                at, suffix = o["path"].lstrip("/"), {"npy": ".npy", "text": ".txt"}[view]
                a = arrayfs("--cat", path, f".arrayfs/{view}/{at}{suffix}", code=None)
                b = arrayfs("--cat", z, f".arrayfs/{view}/{path.name}/{at}{suffix}", code=None)
                assert (a.returncode, a.stdout) == (b.returncode, b.stdout), (path, at, view)
    arrayfs("verify", z)
    return z


def test_random(seed, where):
    rng = random.Random(seed)
    beside = where / "beside"
    beside.mkdir()
    make_hdf5(beside / "x.h5", rng)
    make_hdf5(beside / "y.h5", rng)
    make_others(beside, rng)
    files = [beside / n for n in ("x.h5", "y.h5", "x.safetensors", "x.parquet", "x.arrow")]
    rng.shuffle(files)
    compare_within(where, files)


# Those that bring in files are another matter within a zip.
ALONE = {"external.h5", "virtual.h5"}


def test_fixtures(where):
    kinds = {"hdf5": (".h5", ".nc"), "pickle": (".pkl", ".pickle"), "safetensors": (".safetensors",), "parquet": (".parquet",), "torch": (".pt", ".pt2", ".ptl"),
             "joblib": (".joblib",), "arrow": (".arrow", ".arrows", ".feather")}
    for kind, ends in kinds.items():
        files = [p for p in sorted((DATA / kind).iterdir()) if p.suffix in ends and p.name not in ALONE]
        sound = [p for p in files if arrayfs("--list", p, code=None).returncode == 0]
        assert sound, kind
        here = where / kind
        here.mkdir()
        for path in sampled(sound):
            below = here / path.name
            below.mkdir()
            z = below / "x.keras"
            with zipfile.ZipFile(z, "w") as w:
                w.write(path, path.name)
            assert told(path.parent, path.name) == told(z, path.name), path
            assert extracted(path.parent, below / "a", path.name) == extracted(z, below / "b", path.name), path


# --- faults -------------------------------------------------------------------------------------------


def test_verify(where):
    with h5py.File(where / "model.weights.h5", "w") as f:
        f["plain"] = np.arange(100)
        f.create_dataset("packed", data=np.arange(10000) % 7, chunks=(1000,), compression="gzip", fletcher32=True)
        plain, chunk = f["plain"].id.get_offset(), f["packed"].id.get_chunk_info(3).byte_offset
    whole = bytearray((where / "model.weights.h5").read_bytes())

    def write(bytes_, crc_of=None):
        z = where / "x.keras"
        with zipfile.ZipFile(z, "w") as w:
            w.writestr("config.json", "{}")
            w.writestr("metadata.json", "{}")
            w.writestr("model.weights.h5", bytes(bytes_))
        if crc_of is not None:
            raw = z.read_bytes().replace(zlib.crc32(bytes_).to_bytes(4, "little"), zlib.crc32(crc_of).to_bytes(4, "little"))
            z.write_bytes(raw)
        return z

    arrayfs("verify", write(whole))
    bent = bytearray(whole)
    bent[plain + 5] ^= 1        # only the zip's own checksum knows
    out = arrayfs("verify", write(bent, whole), code=1).stdout.decode()
    assert "model.weights.h5: a CRC-32" in out and out.count("\n") == 1, out
    bent = bytearray(whole)
    bent[chunk + 5] ^= 1        # the zip's is right, the chunk's is not
    out = arrayfs("verify", write(bent), code=1).stdout.decode()
    assert out.startswith("model.weights.h5/packed: ") and out.count("\n") == 1, out
    out = arrayfs("verify", write(whole[:1000]), code=1).stdout.decode()
    assert out.startswith("model.weights.h5: ") and out.count("\n") == 1, out


def test_diff(where):
    for name, bias in (("a", 0), ("b", 1)):
        data = io.BytesIO()
        with h5py.File(data, "w") as f:
            f["kernel"] = np.arange(6.0).reshape(2, 3)
            f.create_dataset("bias", data=np.arange(3.0) + bias, chunks=(2,), compression="gzip")
        with zipfile.ZipFile(where / f"{name}.keras", "w") as w:
            for member, content in (("config.json", "{}"), ("metadata.json", "{}"), ("model.weights.h5", data.getvalue())):
                w.writestr(member, content)
    arrayfs("--diff", where / "a.keras", where / "a.keras")
    out = arrayfs("--diff", where / "a.keras", where / "b.keras", code=1).stdout.decode()
    assert "model.weights.h5/bias" in out and "kernel" not in out, out


def test_others(where):
    """Zips that are to stay files, and one that is one too large."""
    def passes(path):
        p = arrayfs("--list", path, code=1)
        assert b"not an archive of a format that arrayfs reads" in p.stderr, (path, p.stderr)
    for path in sorted((DATA / "archives/not").iterdir()):
        passes(path)
    tensors = safetensors.save({"x": np.arange(3)})
    for count, fine in ((999, True), (1000, False)):
        with zipfile.ZipFile(where / "many.zip", "w") as z:
            z.writestr("x", tensors)
            for i in range(count):
                z.writestr(str(i), b"")
        assert len(listed(where / "many.zip")) == count + 1 if fine else passes(where / "many.zip") is None


def test_many_assets(where):
    """Packed again in the order of names, assets come before what tells that it is Keras'."""
    with zipfile.ZipFile(DATA / "keras/compiled.keras") as of, zipfile.ZipFile(where / "model", "w") as z:
        for i in range(5000):
            z.writestr(f"assets/{i}", b"")
        for name in sorted(of.namelist()):
            z.writestr(name, of.read(name))
    assert json.loads(arrayfs("--list", "--json", where / "model").stdout.splitlines()[0])["format"] == "keras"


def test_precedence(where):
    """Weights that lie where HDF5's signature may stand behind a user block, and an asset that is an array."""
    data = io.BytesIO()
    with h5py.File(data, "w") as f:
        f["kernel"] = np.arange(6.0)
    array = io.BytesIO()
    np.save(array, np.arange(3))
    for at in (512, 1024, 4096, 16384):
        for name, files in (("x.keras", ("metadata.json", "model.weights.h5")), ("x.zip", ("weights.h5",))):
            with zipfile.ZipFile(where / name, "w") as z:
                for member in files[:-1]:
                    z.writestr(member, "{}")
                z.writestr("config.json", " " * (at - z.fp.tell() - 30 - len("config.json") - 30 - len(files[-1])))
                z.writestr(files[-1], data.getvalue())
                if name == "x.keras":
                    z.writestr("assets/vocabulary.npy", array.getvalue())
            with h5py.File(where / name) as f:
                assert f.userblock_size == at, (name, at)
            shown = {o["path"]: o for o in listed(where / name, inner=True)}
            assert shown[""]["format"] == name[2:], shown[""]
            assert arrayfs("--cat", where / name, files[-1] + "/kernel").stdout == np.arange(6.0).tobytes(), (name, at)
            if name == "x.keras":
                assert arrayfs("--cat", where / name, "assets/vocabulary.npy/data").stdout == np.arange(3).tobytes()


def main():
    for path in sorted((DATA / "keras").glob("*.keras")):
        if path.stem in ("compiled", "nested", "int8", "int4", "float8", "stored-again"):
            with check(f"{path.name} is what h5py reads"):
                assert compare_model(path), path
            if importlib.util.find_spec("keras") and path.stem in ("compiled", "nested"):
                with check(f"{path.name} is what Keras loads"):
                    keras_own(path)
    with check("shards of weights are HDF5 files, and what names them a file"):
        for path in sorted((DATA / "keras").glob("*.weights.h5")):
            with h5py.File(path) as f:
                assert {o["path"] for o in listed(path) if o["kind"] == "file"} == set(variables(f)), path
        shards = json.loads((DATA / "keras/sharded.weights.json").read_text())["weight_map"]
        assert set(sum(shards.values(), [])) == {p.name for p in (DATA / "keras").glob("sharded_*")}, shards
        arrayfs("--list", DATA / "keras/sharded.weights.json", code=1)
    for seed in sampled([1, 2, 3, 4]):
        with folder() as where, check(f"archives in a zip are what they are alone, seed {seed}"):
            test_random(seed, where)
    for test in (test_fixtures, test_verify, test_diff, test_others, test_many_assets, test_precedence):
        with folder() as where, check(test.__name__):
            test(where)
    done()


main()
