# SPDX-License-Identifier: MIT
"""--list --json tells every node once, with what the reference libraries know of it."""
import json
import os
import pathlib
import shutil
import tempfile

from tap import arrayfs, done, listed, need, run_all

h5py, np, pa, pq = need("h5py", "numpy", "pyarrow", "pyarrow.parquet")


def test_hdf5_groups_compounds_and_the_file_have_their_attributes():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "a.h5")
        with h5py.File(path, "w") as f:
            f.attrs["title"] = "of the file"
            f.create_group("full").attrs["rank"] = np.int16(-3)
            f.create_group("empty").attrs["list"] = [1.5, 2.0]
            f["full/points"] = np.zeros(3, dtype=[("x", "f4"), ("y", "i2")])
            f["full/points"].attrs["unit"] = "m"
            f["full/words"] = ["one", "two"]
            f["full/words"].attrs["language"] = "en"
            expected = {"": dict(f.attrs)}
            f.visititems(lambda name, item: expected.update({name: dict(item.attrs)}))
            shapes = {name: list(f[name].shape) for name in expected if isinstance(f[name or "/"], h5py.Dataset)}
        told = {o["path"]: o for o in listed(path, inner=True)}
        for name, attributes in expected.items():
            want = {k: v.tolist() if hasattr(v, "tolist") else v for k, v in attributes.items()}
            assert told[name].get("attributes", {}) == want, (name, told[name], want)
        for name, shape in shapes.items():
            assert told[name]["shape"] == shape and told[name]["kind"] == "directory", told[name]
        assert set(told) == set(expected) | {"full/points/x", "full/points/y", "full/words/offsets", "full/words/values"}, set(told)


def test_hdf5_datasets_that_may_grow():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "a.h5")
        with h5py.File(path, "w") as f:
            f.create_dataset("grows", (2, 3), "i2", maxshape=(None, 7), chunks=(2, 3))
            f.create_dataset("words", (2,), h5py.string_dtype(), maxshape=(None,), chunks=(2,))
            f.create_dataset("stays", (2, 3), "i2", maxshape=(2, 3), chunks=(2, 3))
            maxshapes = {name: list(item.maxshape) for name, item in f.items()}
        told = {o["path"]: o.get("maxshape", o.get("shape")) for o in listed(path, inner=True)}
        assert {name: told[name] for name in maxshapes} == maxshapes, (told, maxshapes)


def test_parquet_key_values_and_nested_columns():
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(os.path.join(folder, "sub"))
        path = os.path.join(folder, "sub", "t.parquet")
        table = pa.table({"s": ["a", None], "l": pa.array([[1], []], pa.list_(pa.int32())), "st": [{"x": 1}, {"x": 2}],
                          "m": pa.array([[("k", 1)], []], pa.map_(pa.string(), pa.int64()))})
        pq.write_table(table.replace_schema_metadata({"who": "me"}), path)
        kept = {k.decode(): v.decode() for k, v in pq.read_metadata(path).metadata.items()}
        told = {o["path"]: o for o in listed(folder, inner=True)}
        assert list(told)[:3] == ["", "sub", "sub/t.parquet"], list(told)
        assert told["sub/t.parquet"]["attributes"] == kept and told["sub/t.parquet"]["format"] == "parquet", told["sub/t.parquet"]
        assert all(set(told[p]) == {"path", "kind"} for p in ("", "sub")), told
        assert {p for p, o in told.items() if o.get("companion")} == {p for p in told if p.endswith(".validity")} != set(), told
        dtypes = {c: told["sub/t.parquet/" + c]["dtype"] for c in table.column_names}
        assert dtypes == {"s": "string", "l": "list", "st": "struct", "m": "map"}, dtypes
        assert all(told["sub/t.parquet/" + c]["shape"] == [table.num_rows] for c in table.column_names)


DATA = pathlib.Path(os.environ["TEST_DATA"])


def ranges(source, below, *options):
    """The ranges of files that are told, each held to what cat writes."""
    found = [o for o in listed(source, *options) if "stored" in o]
    for o in found:
        at, file = o["stored"], below / o["stored"]["file"]
        st = file.stat()
        assert (st.st_ino, st.st_size) == (at["inode"], at["file_size"]), o
        assert f"{st.st_mtime_ns // 10**9}.{st.st_mtime_ns % 10**9:09d}" == at["mtime"], o
        content = file.read_bytes()[at["offset"]:at["offset"] + o["size"]]
        assert content == arrayfs("--cat", *options, source, o["path"]).stdout, o
    return found


def test_where_plain_bytes_lie():
    with tempfile.TemporaryDirectory() as folder:
        top = pathlib.Path(folder)
        np.savez(top / "two.npz", a=np.arange(5), b=np.ones(3, ">f4"))
        np.savez_compressed(top / "small.npz", a=np.zeros(500))
        with h5py.File(top / "a.h5", "w") as f:
            f["contiguous"] = np.arange(6.0)
            f.create_dataset("chunked", data=np.arange(6.0), chunks=(2,))
        (top / "sub").mkdir()
        shutil.copytree(DATA / "safetensors_index", top / "sub/sharded")
        (top / "link.npz").symlink_to("two.npz")
        assert [o["stored"]["offset"] > 0 for o in ranges(top / "two.npz", top)] == [True, True]
        assert not ranges(top / "small.npz", top)
        assert [o["path"] for o in ranges(top / "a.h5", top)] == ["contiguous"]
        assert len(ranges(top / "link.npz", top)) == 2
        index = next((top / "sub/sharded").glob("*.index.json"))
        shards = {o["stored"]["file"] for o in ranges(index, index.parent)}
        assert len(shards) > 1, shards
        told = {o["stored"]["file"] for o in ranges(top, top)}
        assert {"two.npz", "a.h5"} | {f"sub/sharded/{s}" for s in shards} <= told, told


def test_the_json_view_tells_it_too_and_no_other_view_does():
    with tempfile.TemporaryDirectory() as folder:
        top = pathlib.Path(folder)
        np.savez(top / "a.npz", a=np.arange(3, dtype="f2"))
        (plain,) = listed(top / "a.npz")
        assert plain["stored"]["file"] == "a.npz", plain
        assert json.loads(arrayfs("--cat", top / "a.npz", ".arrayfs/json/a.json").stdout) == plain
        for view in ("npy/a.npy", "f32/a", "text/a.txt", "json/a.json"):
            assert ["stored" in o for o in listed(top / "a.npz", f".arrayfs/{view}")] == [False], view


def test_an_archive_in_a_zip_tells_its_place_in_that():
    assert sum(len(ranges(f, f.parent)) for f in sorted((DATA / "archives").glob("*.zip"))) > 20


def test_a_link_that_is_followed_is_told_by_its_own_name():
    with tempfile.TemporaryDirectory() as folder:
        top = pathlib.Path(folder)
        (top / "in").mkdir()
        np.save(top / "out.npy", np.arange(3))
        (top / "in/link.npy").symlink_to("../out.npy")
        assert [o["stored"]["file"] for o in ranges(top / "in", top / "in", "-o", "follow")] == ["link.npy"]


run_all([f for name, f in sorted(globals().items()) if name.startswith("test_")])
done()
