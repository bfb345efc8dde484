# SPDX-License-Identifier: MIT
"""What info says of a file is what the format's own library knows of it."""
import json
import math
import os
import pickle

from tap import arrayfs, done, folder, need, run_all

np, pa, pq, h5py, netCDF4, safetensors, torch, onnx, gguf, ml_dtypes = need(
    "numpy", "pyarrow", "pyarrow.parquet", "h5py", "netCDF4", "safetensors.numpy", "torch", "onnx", "gguf", "ml_dtypes")
feather = need("pyarrow.feather")[0]
GRAPH = need("onnx.helper")[0]


def told(*args):
    return json.loads(arrayfs("info", "--json", *args).stdout)


def page(*args):
    return arrayfs("info", *args, env=dict(os.environ, LC_ALL="C.UTF-8")).stdout.decode()


def sums(arrays):
    """What info has of NumPy arrays by name: their number, bytes, elements of those of numbers, and bytes by dtype."""
    dtypes = {}
    for a in arrays.values():
        count, size = dtypes.get(a.dtype.name, (0, 0))
        dtypes[a.dtype.name] = (count + 1, size + a.nbytes)
    numbers = sum(a.size for a in arrays.values() if a.dtype != bool)
    return len(arrays), sum(a.nbytes for a in arrays.values()), numbers, dtypes


def agree(o, arrays):
    count, size, numbers, dtypes = sums(arrays)
    assert (o["arrays"], o["array_bytes"], o["parameters"]) == (count, size, numbers), (o, count, size, numbers)
    assert {d["dtype"]: (d["arrays"], d["bytes"]) for d in o["dtypes"]} == dtypes, (o["dtypes"], dtypes)
    largest = sorted((a.nbytes for a in arrays.values()), reverse=True)[:5]
    assert [a["size"] for a in o["largest"]] == largest, (o["largest"], largest)
    assert all(tuple(a["shape"]) == arrays[a["path"]].shape for a in o["largest"]), o["largest"]


def some_arrays():
    rng = np.random.default_rng(1)
    return {"a.weight": rng.random((30, 40)).astype("f4"), "a.bias": rng.random(40).astype(ml_dtypes.bfloat16),
            "b": rng.integers(0, 9, (3, 4, 5)), "mask": np.ones(7, bool), "none": np.zeros((0, 3), "f2"), "one": np.float64(1.5)}


def test_safetensors_and_npz():
    with folder() as d:
        arrays = {k: np.asarray(v) for k, v in some_arrays().items()}
        safetensors.save_file(arrays, d / "m.safetensors", {"format": "np", "who": "me"})
        o = told(d / "m.safetensors")
        agree(o, arrays)
        assert (o["format"], o["files"], o["bytes"]) == ("safetensors", 1, os.path.getsize(d / "m.safetensors")), o
        assert o["attributes"] == {"format": "np", "who": "me"}, o
        numpys = {k: v for k, v in arrays.items() if v.dtype.name != "bfloat16"}
        np.savez_compressed(d / "a.npz", **numpys)
        o = told(d / "a.npz")
        agree(o, numpys)
        assert {c["codec"] for c in o["codecs"]} == {"deflate"}, o


def test_torch_counts_a_tied_weight_once():
    with folder() as d:
        model = torch.nn.Sequential(torch.nn.Embedding(50, 8), torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 50, bias=False))
        model[2].weight = model[0].weight
        torch.save(model.state_dict(), d / "m.pt")
        state = {(t.data_ptr(), t.shape): t for t in torch.load(d / "m.pt").values()}
        o = told(d / "m.pt")
        assert (o["arrays"], o["parameters"]) == (len(state), sum(t.numel() for t in state.values())), o
        assert o["array_bytes"] == sum(t.nbytes for t in state.values()), o


def test_pickles_tell_their_protocol():
    with folder() as d:
        for protocol in (0, 2, 4):
            (d / "a.pkl").write_bytes(pickle.dumps({"a": np.arange(6)}, protocol))
            assert told(d / "a.pkl")["version"] == str(protocol), protocol
            for zipped in (True, False):
                torch.save({"a": torch.arange(6)}, d / "a.pt", pickle_protocol=max(protocol, 2), _use_new_zipfile_serialization=zipped)
                assert told(d / "a.pt")["version"] == str(max(protocol, 2)), (protocol, zipped)


def table():
    return pa.table({"id": pa.array(range(100), pa.int64()), "name": [None if i % 9 == 0 else f"n{i}" for i in range(100)],
                     "when": pa.array(range(100), pa.timestamp("us", "UTC")), "tags": [[i, i + 1] for i in range(100)],
                     "x": pa.array([1.5] * 100, pa.float32()), "st": [{"a": i, "b": "x"} for i in range(100)],
                     "vector": pa.array([[1, 2, 3]] * 100, pa.list_(pa.float32(), 3))},
                    pa.schema([pa.field("id", pa.int64(), False), ("name", pa.string()), ("when", pa.timestamp("us", "UTC")),
                               ("tags", pa.list_(pa.int32())), ("x", pa.float32()), ("st", pa.struct({"a": pa.int64(), "b": pa.string()})),
                               ("vector", pa.list_(pa.float32(), 3))], {"who": "me"}))


NESTED = {"id": "int64", "name": "string", "when": "timestamp[us]", "tags": "list<int32>", "x": "float32", "st": "struct<a: int64, b: string>"}


def test_parquet():
    with folder() as d:
        pq.write_table(table(), d / "t.parquet", row_group_size=30, compression="zstd")
        meta, o = pq.read_metadata(d / "t.parquet"), told(d / "t.parquet")
        assert (o["rows"], o["row_groups"], o["writer"]) == (meta.num_rows, meta.num_row_groups, meta.created_by), o
        assert o["version"] == meta.format_version.split(".")[0] and o["attributes"]["who"] == "me", o
        schema = pq.read_schema(d / "t.parquet")
        assert [(c["name"], c["nullable"]) for c in o["columns"]] == [(f.name, f.nullable) for f in schema], o
        dtypes = {c["name"]: c["dtype"] for c in o["columns"]}
        assert dtypes == NESTED | {"vector": dtypes["vector"]}, dtypes
        assert {c["name"]: c.get("type") for c in o["columns"]}["when"] == "TIMESTAMP(MICROS,utc)", o
        said = page(d / "t.parquet")
        assert "rows         100; columns: 7; row groups: 4\n" in said, said
        assert f"writer       {meta.created_by}\n" in said and "st      struct<a: int" in said, said
        assert "id" in [line.split()[1] for line in said.splitlines() if line.startswith("columns") and "nullable" not in line], said
        stored = sum(meta.row_group(g).column(0).total_compressed_size for g in range(meta.num_row_groups))
        one = told(d / "t.parquet", "id")
        assert (one["stored_size"], one["values"][:3], one["elements"]) == (stored, [0, 1, 2], 100), one
        assert told(d / "t.parquet", "name")["values"][:3] == [None, "n1", "n2"]
        os.mkdir(d / "parts")
        for i in range(3):
            pq.write_table(table(), d / "parts" / f"{i}.parquet")
        o = told("-o", "dataset", d / "parts")
        assert (o["rows"], o["table_files"], len(o["columns"])) == (300, 3, 7), o
        o = told(d / "parts")
        assert [(a["format"], a["archives"], a["rows"]) for a in o["archives"]] == [("parquet", 3, 300)], o


def test_ten_thousand_columns_are_twenty_lines():
    with folder() as d:
        pq.write_table(pa.table({f"column {i}": [i] for i in range(10000)}), d / "t.parquet", compression="none")
        lines = page(d / "t.parquet").splitlines()
        assert len(lines) == 20 and max(map(len, lines)) <= 80, lines
        shown = len([line for line in lines if "int64" in line and "column " in line and "10,000" not in line])
        assert lines[-1].split(None, 1)[1] == f"{10000 - shown:,} more columns", lines
        assert len(told(d / "t.parquet")["columns"]) == 10000


def test_two_to_the_62_elements():
    with folder() as d:
        with h5py.File(d / "a.h5", "w") as f:
            f.create_dataset("huge", (1 << 31, 1 << 31), "i1", chunks=(1024, 1024))
            f["few"] = np.arange(3.0)
        lines = page(d / "a.h5").splitlines()
        assert any("huge" in line for line in lines) and max(map(len, lines)) <= 80, lines
        assert told(d / "a.h5")["arrays"] == 2 and page(d / "a.h5", "huge")


def test_arrow():
    with folder() as d:
        feather.write_feather(table(), d / "t.arrow", compression="zstd", chunksize=40)
        o = told(d / "t.arrow")
        with pa.ipc.open_file(d / "t.arrow") as f:
            assert (o["rows"], o["batches"]) == (100, f.num_record_batches), o
            assert [(c["name"], c["nullable"]) for c in o["columns"]] == [(x.name, x.nullable) for x in f.schema], o
        assert {c["name"]: c["dtype"] for c in o["columns"]} == NESTED | {"vector": "float32[3]"}, o["columns"]


def test_hdf5():
    with folder() as d:
        with h5py.File(d / "a.h5", "w", libver="latest") as f:
            for name, a in some_arrays().items():
                if np.asarray(a).dtype.name != "bfloat16":
                    f["g/" + name] = a
            f["g"].attrs["title"] = "of the group"
            f.attrs["made by"] = "h5py"
            f["again"] = f["g"]
            f["g/link"] = f["g/b"]
            f.create_dataset("grows", (2, 3), "i2", maxshape=(None, 3), chunks=(2, 3))
            arrays = {"grows": np.zeros((2, 3), "i2")}
            for name in f["g"]:
                arrays["g/" + name] = f["g/" + name][()]
            del arrays["g/link"]
            superblock = f.id.get_create_plist().get_version()[0]
        o = told(d / "a.h5")
        agree_named = {k.replace("g/", "again/", 1) if k.startswith("g/") else k: np.asarray(v) for k, v in arrays.items()}
        count, size, numbers, dtypes = sums(agree_named)
        assert (o["arrays"], o["array_bytes"], o["parameters"], o["version"]) == (count, size, numbers, str(superblock)), (o, count, size)
        assert {x["dtype"]: (x["arrays"], x["bytes"]) for x in o["dtypes"]} == dtypes and o["attributes"] == {"made by": "h5py"}, o
        assert told(d / "a.h5", "g")["attributes"] == {"title": "of the group"}
        one = told(d / "a.h5", "grows")
        assert (one["maxshape"], one["chunks"], one["values"]) == ([None, 3], [2, 3], [0] * 6), one
        assert "maxshape" not in told(d / "a.h5", "g/b")
        with h5py.File(d / "empty.h5", "w") as f:
            f["null"], f["type"] = h5py.Empty("f4"), np.dtype("i4")
            f["two"] = np.zeros(2, "f4")
        o = told(d / "empty.h5")
        assert (o["arrays"], o["parameters"]) == (2, 2), "a null dataspace has no elements, a type is no array"
        with h5py.File(d / "huge.h5", "w") as f:
            f.create_dataset("x", (1 << 62,), "u1", chunks=(1 << 20,))
        assert "4611686018427387904 elements of 1 bytes are more than 2^60 bytes" in page(d / "huge.h5", "x")


def test_netcdf():
    """Dimensions, units and names as ncdump -h tells them."""
    with folder() as d:
        with netCDF4.Dataset(d / "a.nc", "w") as f:
            f.title = "a forecast\nof two lines"
            for name, size in (("time", None), ("lat", 4), ("lon", 8), ("nothing", 3)):
                f.createDimension(name, size)
            for name, unit in (("time", "days since 2000-01-01"), ("lat", "degrees_north"), ("lon", "degrees_east")):
                f.createVariable(name, "f8", (name,)).units = unit
            f["lat"][:], f["lon"][:], f["time"][:] = range(4), range(8), range(2)
            t = f.createVariable("t2m", "f4", ("time", "lat", "lon"), zlib=True)
            t.units, t.long_name = "K", "2 metre temperature"
            t[:] = 280
            f.createVariable("count", "i4", ("nothing", "lat"))
            dims = {name: (len(dim), dim.isunlimited()) for name, dim in f.dimensions.items()}
            variables = {name: v for name, v in f.variables.items()}
            count, elements = len(variables), sum(math.prod(v.shape) for v in variables.values())
        o = told(d / "a.nc")
        assert {x["path"]: (x["size"], x["unlimited"]) for x in o["dimensions"]} == dims, (o["dimensions"], dims)
        assert (o["arrays"], o["parameters"]) == (count, elements), (o, count, elements)
        said = page(d / "a.nc")
        rows = {line[13:].split()[0]: line for line in said.splitlines()}
        assert "time 2 (unlimited)" in said and "lat 4" in said and "title" in said and "a forecast of two lines" in said, said
        assert "(time, lat, lon)" in rows["t2m"] and rows["t2m"].endswith("K, 2 metre temperature"), said
        assert "(nothing, lat)" in rows["count"] and "(lat)" in rows["lat"] and rows["lon"].endswith("degrees_east"), said
        one = page(d / "a.nc", "t2m")
        assert "dimensions   (time, lat, lon)\n" in one and "long_name" in one and "values       280.0 280.0" in one, one


def test_first_values():
    """Numbers are numbers in JSON, all else is strings, as the text views have it; null is null."""
    with folder() as d:
        t = pa.table({"i": pa.array([1, None, -3], pa.int16()), "s": ["say \"x\"", None, "two\nlines"], "b": [True, False, None],
                      "d": pa.array([0, None, 19000], pa.date32()), "f": pa.array([1.5, float("nan"), None], pa.float32()),
                      "m": pa.array([1, None, 3], pa.decimal128(9, 2))})
        pq.write_table(t, d / "t.parquet")
        values = {name: told(d / "t.parquet", name)["values"] for name in t.column_names}
        assert values == {"i": [1, None, -3], "s": ['say "x"', None, "two\\nlines"], "b": [1, 0, None], "d": ["1970-01-01", None, "2022-01-08"],
                          "f": [1.5, "nan", None], "m": ["1.00", None, "3.00"]}, values
        np.savez(d / "a.npz", s=np.array([b"-", b"12", b""]), u=np.array(["5", "é-"]), c=np.array([1 + 2j]), v=np.array([b"\x12\x34"], "V2"),
                 t=np.array(["2024-02-29"], "M8[D]"), h=np.array([[1, 2], [3, 4]], "f2"), many=np.arange(10000), none=np.zeros(0))
        values = {name: told(d / "a.npz", name).get("values") for name in ("s", "u", "c", "v", "t", "h", "none")}
        assert values["s"][:2] == ["-", "12"] and values["u"] == ["5", "é-"] and values["v"] == ["1234"] and values["t"] == ["2024-02-29"], values
        assert values["h"] == [1.0, 2.0, 3.0, 4.0] and isinstance(values["c"][0], str) and values["none"] is None, values
        many = told(d / "a.npz", "many")["values"]
        assert many == list(range(len(many))) and 20 < len(many) < 512, many
        assert page(d / "a.npz", "many").splitlines()[-1].endswith("…"), page(d / "a.npz", "many")


def test_gguf_and_onnx():
    with folder() as d:
        writer = gguf.GGUFWriter(d / "m.gguf", "llama")
        writer.add_array("tokenizer.ggml.scores", [1.0, 2.0, 3.0])
        rng = np.random.default_rng(1)
        writer.add_tensor("q", gguf.quants.quantize(rng.random((4, 256)).astype("f4"), gguf.GGMLQuantizationType.Q8_0),
                          raw_dtype=gguf.GGMLQuantizationType.Q8_0)
        writer.add_tensor("f", rng.random((3, 5)).astype("f4"))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        tensors, o = gguf.GGUFReader(d / "m.gguf").tensors, told(d / "m.gguf")
        assert (o["arrays"], o["parameters"]) == (len(tensors), sum(int(t.n_elements) for t in tensors)), o
        assert o["array_bytes"] == sum(int(t.n_bytes) for t in tensors) and o["bits_per_weight"] == 8.5, o
        assert {x["dtype"] for x in o["dtypes"]} == {"Q8_0", "float32"} and o["version"] == "3", o
        arrays = {k: np.asarray(v) for k, v in some_arrays().items() if np.asarray(v).dtype.name != "bfloat16"}
        graph = GRAPH.make_graph([], "g", [], [], [onnx.numpy_helper.from_array(a, name) for name, a in arrays.items()])
        model = GRAPH.make_model(graph, producer_name="us", producer_version="7", ir_version=10)
        onnx.save(model, d / "m.onnx")
        o = told(d / "m.onnx")
        agree(o, arrays)
        assert (o["version"], o["writer"]) == ("10", "us 7"), o


run_all([f for name, f in sorted(globals().items()) if name.startswith("test_")])
done()
