# SPDX-License-Identifier: MIT
"""The Python package (scripts/packaging/python): every array of the fixtures is what the
reference libraries say, and docs/python.md is true."""
import doctest
import importlib
import json
import os
import pathlib
import pickle
import shutil
import subprocess
import sys
import warnings

from tap import ARRAYFS, LIBRARIES, WORK, Skip, comment, done, folder, need, need_mounts, run_all, sampled

np, ml_dtypes = need("numpy", "ml_dtypes")
TOP = pathlib.Path(__file__).resolve().parents[2]
DATA = pathlib.Path(os.environ["TEST_DATA"])
PACKAGE = TOP / "scripts/packaging/python"
os.environ["ARRAYFS"] = ARRAYFS
sys.path.insert(0, str(PACKAGE))
import arrayfs  # noqa: E402
from python_reference import of_arrow, of_package, rows, same  # noqa: E402


def library(name):
    try:
        return importlib.import_module(name)
    except ImportError:
        raise Skip(LIBRARIES) from None


def raises(kind, does, *words):
    try:
        does()
    except kind as fault:
        assert all(word in str(fault) for word in words), fault
        return fault
    raise AssertionError(f"no {kind.__name__}")


def as_stored(array):
    return np.ascontiguousarray(array).tobytes()


def safetensors_file(path, tensors, metadata=None):
    """Without the library: arrays by names."""
    header, at = {"__metadata__": metadata} if metadata else {}, 0
    words = {"float32": "F32", "bfloat16": "BF16", "float8_e4m3fn": "F8_E4M3", "int64": "I64"}
    for name, array in tensors.items():
        header[name] = {"dtype": words[array.dtype.name], "shape": list(array.shape), "data_offsets": [at, at + array.nbytes]}
        at += array.nbytes
    text = json.dumps(header, ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(a.tobytes() for a in tensors.values()))


# --- against the references ----------------------------------------------------

def test_safetensors():
    safetensors, torch = library("safetensors"), library("torch")
    looked = 0
    for file in sampled(sorted(DATA.glob("safetensors/*.safetensors"))):
        archive = arrayfs.open(file)
        paths = {archive.info(p).get("name", p): p for p in archive}
        with safetensors.safe_open(file, "pt") as f:
            assert set(f.keys()) == set(paths), file
            for name in f.keys():
                told = archive.info(paths[name])["dtype"]
                if told.startswith(("float4", "float6")):
                    continue  # packed
                theirs, ours = f.get_tensor(name), archive[paths[name]]
                assert ours.dtype.name == told and ours.shape == tuple(theirs.shape), (file, name, ours.dtype)
                tensor = ours.torch()
                assert tensor.dtype == theirs.dtype, (file, name, tensor.dtype)
                if ours.size:
                    assert as_stored(ours) == as_stored(theirs.reshape(-1).view(torch.uint8).numpy()), (file, name)
                    assert torch.equal(tensor.reshape(-1).view(torch.uint8), theirs.reshape(-1).view(torch.uint8)), (file, name)
                looked += 1
    assert looked > 20 * min(WORK, 1), looked


def test_npy_and_npz():
    looked = 0
    for file in sampled(sorted(DATA.glob("npy/*.npy"))):
        archive = arrayfs.open(file)
        if "objects" in file.name:
            raises(arrayfs.Error, lambda a=archive: a["data"], "Python objects, which are pickled")
            continue
        try:
            theirs = np.load(file)
        except ValueError:  # float8, for example
            assert archive["data"].dtype.name.startswith("float8"), file
            continue
        if theirs.dtype.names:
            for name, ours in archive["data"].items():
                if name in theirs.dtype.names and not theirs[name].dtype.names and "object" not in str(theirs[name].dtype):
                    assert as_stored(ours) == as_stored(theirs[name]), (file, name)
                    looked += 1
            continue
        ours = archive["data"]
        assert ours.dtype == theirs.dtype and ours.shape == theirs.shape, (file, ours.dtype, theirs.dtype)
        assert as_stored(ours) == as_stored(theirs), file
        assert not ours.size or ours.filename == str(file), file
        assert ours.flags.f_contiguous == theirs.flags.f_contiguous, file
        looked += 1
    for file in (DATA / "npz/stored.npz", DATA / "npz/deflated.npz"):
        archive = arrayfs.open(file)
        with np.load(file) as theirs:
            for name in theirs.files:
                try:
                    want = theirs[name]
                except ValueError:
                    continue
                if name in archive and not want.dtype.names:
                    assert archive[name].dtype == want.dtype and as_stored(archive[name]) == as_stored(want), (file, name)
                    looked += 1
    assert looked > 20 * min(WORK, 1), looked


def tables(file):
    pa, feather, parquet = library("pyarrow"), library("pyarrow.ipc"), library("pyarrow.parquet")
    if file.suffix == ".parquet":
        return parquet.ParquetFile(file).read()
    with pa.memory_map(str(file)) as source:
        return (feather.open_file(source) if file.suffix == ".arrow" else feather.open_stream(source)).read_all()


def compare_table(file):
    pa = library("pyarrow")
    try:
        table = tables(file)
    except (pa.ArrowException, OSError, NotImplementedError):
        return 0
    archive, looked = arrayfs.open(file), 0
    paths = {archive.info(p).get("name", p): p for p in archive}
    for name in table.column_names:
        if table.column_names.count(name) > 1 or name not in paths:
            continue
        kind = str(table[name].type)
        if "union" in kind or "run_end" in kind or "struct<>" in kind or "interval" in kind or "dictionary<values=struct" in kind or kind.startswith("fixed_size_list<element: struct") or kind.startswith("fixed_size_list<item: struct"):
            continue  # a dict of their parts
        try:
            ours = archive[paths[name]]
        except arrayfs.Error as fault:
            assert "not built in" in str(fault) or "does not read" in str(fault) or "encrypted" in str(fault), (file, name, fault)
            continue
        try:
            theirs = [of_arrow(x) for chunk in table[name].chunks for x in chunk]
        except (pa.ArrowException, NotImplementedError, ValueError, UnicodeDecodeError, AttributeError):
            continue
        assert same(rows(ours), theirs), f"{file.name}: {name}: {rows(ours)} is not {theirs}"[:2000]
        looked += 1
    return looked


def test_parquet():
    looked = sum(compare_table(file) for file in sampled(sorted(DATA.glob("parquet/*.parquet"))))
    comment(f"{looked} columns")
    assert looked > 10 * min(WORK, 1), looked


def test_arrow():
    looked = sum(compare_table(file) for file in sampled(sorted(DATA.glob("arrow/*.arrow*"))))
    comment(f"{looked} columns")
    assert looked > 10 * min(WORK, 1), looked


def compare_dataset(archive, path, dataset):
    h5py = library("h5py")
    try:
        theirs = dataset[()]
    except (OSError, TypeError):
        return 0
    string = h5py.check_string_dtype(dataset.dtype)
    if isinstance(theirs, h5py.Empty) or (dataset.dtype.kind in "OV" and not string):
        return 0
    ours = archive[path]
    if string and string.length is None:
        want = [x.decode("utf-8", "surrogateescape") for x in np.ravel(theirs)]
        assert ours.shape == dataset.shape and ours.ravel().tolist() == want, (path, ours, want)
    elif ours.dtype.kind != "V":  # numbers that NumPy lacks
        assert ours.dtype == dataset.dtype and ours.shape == dataset.shape, (path, ours.dtype, dataset.dtype)
        assert as_stored(ours) == as_stored(theirs), path
    return 1


def test_hdf5():
    h5py = library("h5py")
    looked = 0
    for file in sampled(sorted(DATA.glob("hdf5/*.h5"))):
        archive = arrayfs.open(file)
        with h5py.File(file) as f:
            for path in archive:
                item = f.get(path) if "error" not in archive.info(path) and "%" not in path else None
                if isinstance(item, h5py.Dataset):
                    looked += compare_dataset(archive, path, item)
    comment(f"{looked} datasets")
    assert looked > 10 * min(WORK, 1), looked


def test_compounds_are_a_dict_of_their_fields():
    h5py = library("h5py")
    with folder() as top:
        with h5py.File(top / "a.h5", "w") as f:
            f["points"] = np.array([(1, 2.5, b"x"), (3, 4.5, b"yz")], dtype=[("i", "<i2"), ("f", ">f8"), ("s", "S2")])
        ours = arrayfs.open(top / "a.h5")["points"]
        with h5py.File(top / "a.h5") as f:
            assert list(ours) == ["i", "f", "s"] and all(np.array_equal(ours[k], f["points"][k]) for k in ours)


def test_what_is_narrow_or_in_blocks_as_float32():
    gguf = library("gguf")
    reader = gguf.GGUFReader(DATA / "gguf/types.gguf")
    archive, looked = arrayfs.open(DATA / "gguf/types.gguf"), 0
    for tensor in reader.tensors:
        if tensor.name in archive and "error" not in archive.info(tensor.name):
            try:
                theirs = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
                ours = archive.float32(tensor.name)
            except (NotImplementedError, arrayfs.Error):
                continue
            assert ours.size == theirs.size and as_stored(ours) == as_stored(theirs.astype("f4")), tensor.name
            looked += 1
    assert looked > 5 * min(WORK, 1), looked


def test_torch_reads_them_too():
    torch = library("torch")
    with folder() as top:
        tensors = {"w": torch.arange(6, dtype=torch.bfloat16).reshape(2, 3), "t": torch.arange(6.).reshape(2, 3).t(), "s": torch.tensor(5)}
        torch.save(tensors, top / "m.pt")
        archive = arrayfs.open(top / "m.pt")
        for name, theirs in tensors.items():
            assert torch.equal(archive.torch(name), theirs) and archive.torch(name).dtype == theirs.dtype, name


def test_bytes_in_the_other_order():
    torch = library("torch")
    with folder() as top:
        np.save(top / "a.npy", np.arange(4, dtype=">f4"))
        array = arrayfs.open(top / "a.npy")["data"]
        assert array.dtype == ">f4" and array.torch().tolist() == [0, 1, 2, 3] and array.torch().dtype == torch.float32


# --- what an archive is ----------------------------------------------------------

def model(top, name="m.safetensors"):
    safetensors_file(top / name, {
        "a/w": np.arange(6, dtype="f4").reshape(2, 3), "a/b": np.arange(3, dtype="f4").astype(ml_dtypes.bfloat16),
        "scalar": np.array(7, "i8"), "none": np.zeros((0, 3), "f4")}, {"who": "me"})
    return arrayfs.open(top / name)


def test_it_is_a_mapping():
    with folder() as top:
        m = model(top)
        assert list(m) == list(m.keys()) == ["a/w", "a/b", "scalar", "none"] and len(m) == 4
        assert "a/w" in m and "a" not in m and "nothing" not in m and 3 not in m
        assert {k: v.shape for k, v in m.items()} == {"a/w": (2, 3), "a/b": (3,), "scalar": (), "none": (0, 3)}
        assert m.get("nothing") is None and int(m["scalar"]) == 7
        assert m.format == "safetensors" and m.attributes == {"who": "me"}
        fault = raises(KeyError, lambda: m["a/v"], "m.safetensors: a/v: no such array; did you mean 'a/w'?")
        assert isinstance(fault, arrayfs.Error)
        raises(KeyError, lambda: m["a"], "a is a directory of arrays")
        raises(KeyError, lambda: m[0], "a path is a str")
        assert m.glob("a/*") == ["a/w", "a/b"] and m.glob("**/[wx]") == ["a/w"] and m.glob("*") == ["scalar", "none"]
        assert m.glob("**") == list(m) and m.glob("?calar") == ["scalar"] and m.glob("a.w") == m.glob("a?w") == m.glob("a[!x]w") == []
        assert m.glob("**/w") == ["a/w"] and m.glob("[!s]*") == ["none"] and m.glob("*a*r*") == ["scalar"] and m.glob("a*") == []
        assert m.glob("[!]") == [] and m.glob("[") == []
        raises(arrayfs.Error, lambda: m.glob("[z-a]"), "[z-a]: bad character range")
        assert m.read("a/w") == as_stored(m["a/w"]) and m.read(".arrayfs/text/scalar.txt").strip() == b"7"


def test_arrays_are_mapped_and_cannot_be_written_to():
    torch = library("torch")
    with folder() as top:
        m = model(top)
        before = (top / "m.safetensors").read_bytes()
        array = m["a/w"]
        assert isinstance(array, np.memmap) and array.filename.endswith("m.safetensors") and array.offset > 8
        raises(ValueError, lambda: array.__setitem__((0, 0), 1), "read-only")
        assert type(array + 1) is np.ndarray and type(array.sum()) is np.float32 and array[1, 2] == 5
        tensor = array.torch()
        tensor[:] = -1
        assert array[0, 1] == -1 and m["a/w"][0, 1] == 1 and (top / "m.safetensors").read_bytes() == before
        array = m["a/w"]
        assert array[:, ::2].torch().tolist() == [[0, 2], [3, 5]] and array[::-1].torch().tolist() == [[3, 4, 5], [0, 1, 2]]
        assert m["none"].torch().shape == (0, 3) and m.torch("scalar").item() == 7 and m.torch("a/b").dtype == torch.bfloat16
        assert np.array_equal(pickle.loads(pickle.dumps(array)), array)


def test_what_has_changed_is_not_mapped():
    with folder() as top:
        m = model(top)
        safetensors_file(top / "other.safetensors", {"a/w": np.zeros((2, 3), "f4")})
        os.replace(top / "other.safetensors", top / "m.safetensors")
        raises(arrayfs.Error, lambda: m["a/b"], "a/b")
        assert m["a/w"].filename is None and not m["a/w"].any()  # of today's file, and of the size that was told
        safetensors_file(top / "m.safetensors", {"a/w": np.zeros(5, "f4")})
        raises(arrayfs.Error, lambda: m["a/w"], "20 bytes, not 24")
        (top / "m.safetensors").unlink()
        raises(arrayfs.Error, lambda: m["a/w"], "m.safetensors")


def test_sources_of_any_name_and_a_folder_of_them():
    with folder() as top:
        model(top, "list")
        model(top, "-o")
        (top / "sub").mkdir()
        model(top, "sub/x.safetensors")
        here = os.getcwd()
        try:
            os.chdir(top)
            archives = [arrayfs.open("list"), arrayfs.open("-o"), arrayfs.open(pathlib.Path("sub/x.safetensors"))]
            os.chdir("/")
            assert all(int(a["scalar"]) == 7 and a["a/w"][1, 2] == 5 and a.read("scalar") for a in archives)
            assert archives[0]["a/w"].filename == str(top / "list"), archives[0]["a/w"].filename
        finally:
            os.chdir(here)
        whole = arrayfs.open(top)
        assert whole.format is None and whole["sub/x.safetensors/a/w"].filename == str(top / "sub/x.safetensors")
        assert len(whole) == 12


def test_an_index_and_its_shards():
    index = DATA / "safetensors_index/model.safetensors.index.json"
    archive = arrayfs.open(index)
    files = {archive[p].filename for p in archive if archive[p].size}
    assert len(files) > 1 and all(str(index.parent) in f for f in files), files
    whole = arrayfs.open(index.parent)
    assert len(set(whole)) == len(whole) and f"{index.name}/{next(iter(archive))}" in whole
    second = [p for p in whole._nodes if "same_as" in whole._nodes[p]]  # each array is told once, and found by all its names
    assert second and all(p in whole and p not in list(whole) for p in second if "dtype" in whole._nodes[p])


def test_trees():
    with folder() as top:
        safetensors_file(top / "m.safetensors", {"<b>\x1b[31m\u202e": np.zeros(2, "f4"), **{f"{a}{b}": np.zeros(1, "f4") for a in "abcdefghij" for b in "klmnopqrst"}})
        m = arrayfs.open(top / "m.safetensors")
        for text in (repr(m), m.tree(), m._repr_html_()):
            assert "\x1b" not in text and "\u202e" not in text, text
        assert "<b>" in repr(m) and "<b>" not in m._repr_html_() and "&lt;b&gt;" in m._repr_html_()
        assert len(repr(m).splitlines()) == 61 and "42 lines more" in repr(m) and len(m.tree().splitlines()) == 102
        assert "\x1b" not in str(raises(KeyError, lambda: m["<b>\x1b[31m"]))
        (top / "m.safetensors").unlink()
        assert "No such file" in repr(m)


def test_refusals_are_the_programs_sentences():
    with folder() as top:
        raises(arrayfs.Error, lambda: arrayfs.open(top / "nothing"), f"{top}/nothing: No such file or directory")
        raises(arrayfs.Error, lambda: arrayfs.open("a\0b"), "null byte")
        raises(arrayfs.Error, lambda: arrayfs.open(""), "an empty SOURCE")
        (top / "bad.safetensors").write_bytes(b"\xff" * 16)
        raises(arrayfs.Error, lambda: arrayfs.open(top / "bad.safetensors"), "bad.safetensors: header")
        raises(arrayfs.Error, lambda: arrayfs.open(top, others=["nonsense"]), "nonsense")
        raises(arrayfs.Error, lambda: arrayfs.open(DATA / "parquet/pyarrow-v2-zstd.parquet").torch("str"), "string")
        model(top)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            os.symlink("loop", top / "loop")
            assert len(arrayfs.open(top)) == 4, list(arrayfs.open(top))
        assert all(isinstance(w.message, RuntimeWarning) for w in told)


def test_contrived_shapes():
    with folder() as top:
        header = {"z": {"dtype": "F32", "shape": [1 << 62, 0, 4], "data_offsets": [0, 0]},
                  "deep": {"dtype": "F32", "shape": [1] * 80, "data_offsets": [0, 4]}}
        text = json.dumps(header).encode()
        (top / "m.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + bytes(4))
        m = arrayfs.open(top / "m.safetensors")
        raises(arrayfs.Error, lambda: m["z"], "z: array is too big")
        raises(arrayfs.Error, lambda: m["deep"], "deep")


def test_more_than_there_is_memory_for_is_refused():
    h5py = library("h5py")
    with folder() as top:
        with h5py.File(top / "a.h5", "w") as f:
            f.create_dataset("x", (1 << 28, 1 << 28), "u1", chunks=(1 << 10, 1 << 10))
            f["y"] = np.arange(3)
        archive = arrayfs.open(top / "a.h5")
        raises(arrayfs.Error, lambda: archive["x"], f"x: {1 << 56} bytes, where ", " of memory are available")
        raises(arrayfs.Error, lambda: archive.float32("x"), f"x: {1 << 58} bytes")
        assert archive["y"].tolist() == [0, 1, 2]


def in_python(code, *args, path=PACKAGE, **env):
    return subprocess.run([sys.executable, "-c", code, *map(str, args)], capture_output=True, text=True, check=False,
                          env={**os.environ, "PYTHONPATH": str(path), **env})


def test_without_ml_dtypes_and_without_the_program():
    with folder() as top:
        model(top)
        code = "import sys; sys.modules['ml_dtypes'] = None; import arrayfs; m = arrayfs.open(sys.argv[1]); print(m['a/w'].sum()); m['a/b']"
        p = in_python(code, top / "m.safetensors")
        assert p.stdout.strip() == "15.0" and "arrayfs.Error: bfloat16 is a type that NumPy gets from ml_dtypes: pip install ml_dtypes" in p.stderr, p
        shutil.copytree(PACKAGE / "arrayfs", top / "alone/arrayfs")
        p = in_python("import arrayfs; arrayfs.version()", path=top / "alone", ARRAYFS="", PATH="/nonexistent")
        assert "there is no program arrayfs" in p.stderr or "arrayfs" not in p.stderr, p
        p = in_python("import arrayfs; arrayfs.version()", ARRAYFS="/nonexistent/arrayfs")
        assert "Error: /nonexistent/arrayfs: No such file or directory" in p.stderr, p
        p = subprocess.run([sys.executable, "-m", "arrayfs", "--version"], capture_output=True, text=True, check=False,
                           env={**os.environ, "PYTHONPATH": str(PACKAGE)})
        assert p.stdout.strip() == f"arrayfs {arrayfs.version()}", p


# --- mounts and the page ---------------------------------------------------------------

def test_mounts():
    need_mounts()
    with folder() as top:
        m = model(top)
        with arrayfs.mount(top / "m.safetensors") as path:
            assert (path / "a/w").read_bytes() == as_stored(m["a/w"])
        assert not path.exists()
        kept = None
        with arrayfs.mount(top / "m.safetensors", top / "here", others=["cache=16M"], split=".") as path:
            assert path == top / "here"
            kept = np.memmap(path / "a/w", "f4", "r")  # it is busy at the end
        assert kept[5] == 5 and not os.path.ismount(top / "here")
        raises(ZeroDivisionError, lambda: fails_in_a_mount(top / "m.safetensors", top / "there"))
        assert not (top / "there").exists()
        raises(arrayfs.Error, lambda: arrayfs.mount(top / "nothing").__enter__(), "nothing: No such file")


def fails_in_a_mount(source, at):
    with arrayfs.mount(source, at):
        raise ZeroDivisionError


def test_the_page():
    pa, parquet = library("pyarrow"), library("pyarrow.parquet")
    library("torch")
    try:
        need_mounts()
        mounts = True
    except Skip:
        mounts = False
    test = doctest.DocTestParser().get_doctest((TOP / "docs/python.md").read_text(encoding="utf-8"), {}, "python.md", None, 0)
    for example in test.examples:
        example.options.update({doctest.SKIP: True} if "arrayfs.mount(" in example.source and not mounts else {})
    with folder() as top:
        safetensors_file(top / "model.safetensors", {
            "layers/0/bias": np.zeros(4, "f4"), "layers/0/weight": np.arange(16, dtype="f4").reshape(4, 4),
            "norm": (np.arange(12) / 2).astype(ml_dtypes.bfloat16)}, {"step": "7"})
        parquet.write_table(pa.table({
            "day": pa.array(np.array(["2024-01-15", "2024-01-16", "2024-01-17"], "M8[D]")), "price": pa.array([0.5, None, 1.5]),
            "city": ["Bergen", None, "Cádiz"], "tags": [["c"], [], ["a", "b"]]}), top / "trades.parquet")
        here, said = os.getcwd(), []
        os.chdir(top)
        try:
            result = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test, out=said.append)
        finally:
            os.chdir(here)
        assert result.attempted > 15 and not result.failed, "".join(said)


def test_every_fixture_opens_or_is_refused():
    looked = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for file in sampled(sorted(p for p in DATA.glob("*/*") if p.is_file() and p.name != "README"))[::3]:
            try:
                archive = arrayfs.open(file)
            except arrayfs.Error:
                continue
            assert repr(archive)
            for path in archive:
                try:
                    of_package(archive[path])
                    looked += 1
                except arrayfs.Error:
                    pass
    comment(f"{looked} arrays")


run_all([f for name, f in sorted(globals().items()) if name.startswith("test_")])
done()
