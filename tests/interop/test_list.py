# SPDX-License-Identifier: MIT
"""--list --json tells every node once, with what the reference libraries know of it."""
import os
import tempfile

from tap import done, listed, need, run_all

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
        dtypes = {c: told["sub/t.parquet/" + c]["dtype"] for c in table.column_names}
        assert dtypes == {"s": "string", "l": "list", "st": "struct", "m": "map"}, dtypes
        assert all(told["sub/t.parquet/" + c]["shape"] == [table.num_rows] for c in table.column_names)


run_all([f for name, f in sorted(globals().items()) if name.startswith("test_")])
done()
