#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What people keep in HDF5: files made by the programs that make them, and every
array compared with what the same program reads back.

Keras is left out where it is not installed (it needs a backend of several hundred
megabytes); then its two layouts are made as it makes them."""
import json
import os

from tap import arrayfs, comment, folder, listed, need, run_all, done

np, h5py, tables, pd, netCDF4, hdf5storage, anndata, scipy_sparse, nexus = need(
    "numpy", "h5py", "tables", "pandas", "netCDF4", "hdf5storage", "anndata", "scipy.sparse", "nexusformat.nexus")


class Shown:
    """An archive as plain files, read with nothing but what is told of them."""
    def __init__(self, archive):
        self.archive = archive
        self.dest = os.path.join(os.path.dirname(archive), "plain")
        arrayfs("--extract", archive, self.dest)
        self.told = {o["path"]: o for o in listed(archive)}

    def raw(self, path):
        with open(os.path.join(self.dest, path), "rb") as f:
            return f.read()

    def array(self, path):
        o = self.told[path]
        dtype = np.dtype(o["dtype"])
        if "byteorder" in o:
            dtype = dtype.newbyteorder({"big": ">", "little": "<"}[o["byteorder"]])
        a = np.frombuffer(self.raw(path), dtype)
        return a.reshape(o["shape"]) if "shape" in o else a

    def sequences(self, path):
        """The rows of a variable-length array; strings if it has no type of its own."""
        at, values = self.array(path + "/offsets"), self.raw(path + "/values")
        assert at[0] == 0 and (np.diff(at) >= 0).all()
        if self.told[path + "/values"].get("type"):
            return np.split(self.array(path + "/values"), at[1:-1])
        return [values[a:b].decode() for a, b in zip(at, at[1:])]

    def attributes(self, path):
        return json.loads(arrayfs("--cat", self.archive, ".arrayfs/json/%s.json" % path).stdout).get("attributes", {})


def same(have, want):
    want = np.asarray(want)
    assert have.shape == want.shape, (have.shape, want.shape)
    assert have.dtype.newbyteorder("=") == want.dtype.newbyteorder("="), (have.dtype, want.dtype)
    assert have.tobytes() == want.astype(have.dtype).tobytes()


# --- machine learning ----------------------------------------------------------

def keras_or_its_layouts(path):
    """model.h5 and model.weights.h5; the weights by layer."""
    rng = np.random.default_rng(1)
    weights = {"first": {"kernel": rng.normal(size=(4, 3)), "bias": rng.normal(size=3)},
               "last": {"kernel": rng.normal(size=(3, 2)), "bias": rng.normal(size=2)}}
    weights = {k: {n: x.astype("f4") for n, x in v.items()} for k, v in weights.items()}
    os.environ.setdefault("KERAS_BACKEND", "numpy")
    try:
        import keras
    except ImportError:
        comment("keras is not installed: its layouts, made with h5py")
        with h5py.File(path / "model.h5", "w") as f:
            f.attrs["keras_version"], f.attrs["backend"], f.attrs["model_config"] = b"3.15.1", b"numpy", b'{"class_name": "Sequential"}'
            g = f.create_group("model_weights")
            g.attrs["layer_names"] = np.array(list(weights), dtype="S")
            g.create_group("top_level_model_weights").attrs["weight_names"] = np.array([], dtype="S1")
            for layer, named in weights.items():
                names = ["sequential/%s/%s" % (layer, n) for n in named]
                g.create_group(layer).attrs["weight_names"] = np.array(names, dtype="S")
                for n, x in zip(names, named.values()):
                    g[layer].create_dataset(n, x.shape, x.dtype)[:] = x
        with h5py.File(path / "model.weights.h5", "w") as f:
            f.create_group("vars").attrs["name"] = "sequential"
            for layer, group in zip(weights, ("dense", "dense_1")):
                g = f.create_group("layers/%s/vars" % group)
                g.attrs["name"] = layer
                for i, x in enumerate(weights[layer].values()):
                    g[str(i)] = x
        return weights
    layers = [keras.layers.Dense(len(v["bias"]), name=k) for k, v in weights.items()]
    model = keras.Sequential([keras.layers.Input((4,)), *layers])
    for layer in layers:
        layer.set_weights(list(weights[layer.name].values()))
    model.save(path / "model.h5")
    model.save_weights(path / "model.weights.h5")
    read = keras.saving.load_model(path / "model.h5")
    return {x.name: dict(zip(("kernel", "bias"), x.get_weights())) for x in read.layers}


def keras_models_and_weights():
    with folder() as path:
        weights = keras_or_its_layouts(path)
        m = Shown(str(path / "model.h5"))
        assert m.attributes("model_weights")["layer_names"] == list(weights)
        for layer, named in weights.items():
            names = m.attributes("model_weights/" + layer)["weight_names"]
            assert [n.rsplit("/", 1)[1] for n in names] == list(named), names
            for n, x in zip(names, named.values()):
                same(m.array("model_weights/%s/%s" % (layer, n)), x)
        os.rename(m.dest, m.dest + "-model")
        w = Shown(str(path / "model.weights.h5"))
        for layer, group in zip(weights, ("dense", "dense_1")):
            assert w.attributes("layers/%s/vars" % group)["name"] == layer
            for i, x in enumerate(weights[layer].values()):
                same(w.array("layers/%s/vars/%d" % (group, i)), x)


# --- tables ----------------------------------------------------------------------

def pytables_of_every_kind():
    with folder() as path:
        name, rng = str(path / "t.h5"), np.random.default_rng(2)
        record = np.dtype([("id", "<i8"), ("name", "S12"), ("ok", "?"), ("z", "<c16"), ("at", [("x", "<f4"), ("grid", "<u2", (2, 3))])])
        rows = rng.integers(0, 100, (5000, record.itemsize), dtype=np.uint8).view(record)[:, 0]
        rows["ok"] = rows["id"] % 2
        with tables.open_file(name, "w") as f:
            for library in ("blosc", "blosc:zstd", "zlib", "bzip2"):
                t = f.create_table("/", library.replace(":", "_"), record, filters=tables.Filters(5, library, shuffle=True, fletcher32=library == "zlib"))
                t.append(rows)
            e = f.create_earray("/sub", "grows", tables.Float32Atom(), (0, 7), createparents=True, filters=tables.Filters(1, "blosc:lz4", bitshuffle=True))
            e.append(rng.normal(size=(300, 7)))
            f.create_carray("/sub", "chunked", obj=rng.integers(-9, 9, (40, 50), dtype="<i2"), filters=tables.Filters(9, "zlib"))
            v = f.create_vlarray("/sub", "ragged", tables.Int32Atom())
            for n in (3, 0, 2):
                v.append(np.arange(n))
            f.create_array("/sub", "text", [b"one", b"three"])
            f.create_array("/sub", "enum", np.array([1, 0, 1], "i1"))
            f.create_hard_link("/sub", "same", "/sub/chunked")
            f.create_soft_link("/", "way", "/sub/grows")
            f.root.sub._v_attrs.title = "of every kind"
        s = Shown(name)
        with tables.open_file(name) as f:
            for t in f.iter_nodes("/", "Table"):
                read = t.read()
                assert s.array(t.name + "/ok").astype("?").tolist() == read["ok"].tolist()    # a bit field to PyTables
                for column in ("id", "name", "z"):
                    same(s.array("%s/%s" % (t.name, column)), read[column])
                same(s.array(t.name + "/at/x"), read["at"]["x"])
                same(s.array(t.name + "/at/grid"), read["at"]["grid"])
            for n in ("grows", "chunked", "enum"):
                same(s.array("sub/" + n), f.get_node("/sub/" + n).read())
            same(s.array("sub/text"), np.array(f.root.sub.text.read()))
            for have, want in zip(s.sequences("sub/ragged"), f.root.sub.ragged.read(), strict=True):
                same(have, want)
        assert s.attributes("sub")["TITLE"] is None and s.attributes("sub")["title"] == "of every kind"
        assert os.readlink(s.dest + "/way") == "sub/grows" and os.path.samefile(s.dest + "/sub/same", s.dest + "/sub/chunked")


def pandas_stores_fixed_and_table():
    with folder() as path:
        name = str(path / "p.h5")
        frame = pd.DataFrame({"a": np.arange(100.), "b": np.arange(100) % 7, "c": ["w%d" % (i % 5) for i in range(100)]},
                             index=pd.date_range("2024-01-01", periods=100, freq="h"))
        with pd.HDFStore(name, "w", complevel=5, complib="blosc") as store:
            store.put("fixed", frame[["a", "b"]])
            store.put("table", frame, format="table", data_columns=["b"])
        s = Shown(name)
        fixed, table = pd.read_hdf(name, "fixed"), pd.read_hdf(name, "table")
        blocks = {}
        for i in range(2):
            items = [x.decode() for x in s.array("fixed/block%d_items" % i).tolist()]
            blocks.update(zip(items, s.array("fixed/block%d_values" % i).T))
        assert list(blocks) == list(fixed), blocks
        for column, values in blocks.items():
            same(values, fixed[column].to_numpy())
        same(s.array("fixed/axis1"), fixed.index.asi8)
        same(s.array("table/table/index"), table.index.asi8)
        same(s.array("table/table/b"), table["b"].to_numpy())
        same(s.array("table/table/values_block_0")[:, 0], table["a"].to_numpy())
        assert [x.decode() for x in s.array("table/table/values_block_1")[:, 0].tolist()] == table["c"].tolist()
        assert s.attributes("table")["pandas_type"] == "frame_table"


# --- science ---------------------------------------------------------------------

def netcdf_dimensions_groups_and_types():
    with folder() as path:
        name, rng = str(path / "n.nc"), np.random.default_rng(3)
        with netCDF4.Dataset(name, "w") as f:
            f.createDimension("time", None)
            f.createDimension("x", 5)
            f.createVariable("time", "f8", ("time",)).units = "days since 2000-01-01"
            f.createVariable("x", "i4", ("x",))[:] = np.arange(5) * 10
            v = f.createVariable("t", "f4", ("time", "x"), zlib=True, shuffle=True, fill_value=-999, chunksizes=(3, 4))
            v[:7] = rng.normal(size=(7, 5))
            v[9, 2] = 1
            f["time"][:] = np.arange(10)
            f.createVariable("packed", "u2", ("x",), endian="big", compression="zstd")[:3] = [1, 2, 3]
            f.createVariable("word", str, ("x",))[:] = np.array(["", "a", "h\u00e9", "bc", "\u4e2d"], dtype=object)
            ragged = f.createVLType("i2", "ragged_t")
            r = f.createVariable("ragged", ragged, ("x",))
            for i in range(4):
                r[i] = np.arange(i, dtype="i2")
            sky = f.createEnumType("u1", "sky_t", {"clear": 0, "cloud": 1, "unknown": 255})
            f.createVariable("sky", sky, ("x",), fill_value=255)[:2] = [0, 1]
            point = f.createCompoundType(np.dtype([("lat", "f8"), ("id", "i2"), ("h", "f4", (2,))]), "point_t")
            f.createVariable("points", point, ("x",))[:] = np.ones(5, point.dtype)
            g = f.createGroup("in/ner")
            g.createDimension("y", 2)
            g.createVariable("d", "i8", ("y", "x"))[:] = np.arange(10).reshape(2, 5)
            g.comment = "far down"
        s = Shown(name)
        with netCDF4.Dataset(name) as f:
            f.set_auto_maskandscale(False)
            for n in ("time", "x", "t", "packed", "sky"):
                same(s.array(n), f[n][:])
            same(s.array("in/ner/d"), f["in/ner/d"][:])
            for n in ("lat", "id", "h"):
                same(s.array("points/" + n), f["points"][:][n])
            assert s.sequences("word") == list(f["word"][:])
            for have, want in zip(s.sequences("ragged"), f["ragged"][:], strict=True):
                same(have, want)
            assert s.told["sky"]["enum"] == f["sky"].datatype.enum_dict
        assert s.told["t"]["attributes"]["_FillValue"] == [-999.0] and s.told["t"]["chunks"] == [3, 4]
        assert s.told["time"]["attributes"]["CLASS"] == "DIMENSION_SCALE"
        assert s.told["t"]["attributes"]["DIMENSION_LIST"] == [["/time"], ["/x"]], s.told["t"]["attributes"]["DIMENSION_LIST"]
        assert s.attributes("in/ner")["comment"] == "far down"
        assert s.raw("in/ner/y") == bytes(8)        # a dimension without a variable


def matlab_workspaces_behind_a_user_block():
    with folder() as path:
        name = str(path / "m.mat")
        made = {"m": np.arange(12.).reshape(3, 4), "flag": np.array([[True, False]]), "word": "h\u00e9llo", "z": np.array([[1 + 2j, 3j]]),
                "s": {"a": np.int16(7), "b": np.arange(5, dtype="u1")}, "cell": np.array([[np.arange(3.), "in"]], dtype=object),
                "none": np.zeros((0, 3))}
        hdf5storage.savemat(name, made, format="7.3")
        with open(name, "rb") as f:
            head = f.read(520)
        assert head.startswith(b"MATLAB 7.3 MAT-file") and head[512:] == b"\x89HDF\r\n\x1a\n"
        read = hdf5storage.loadmat(name)
        s = Shown(name)
        same(s.array("m").T, read["m"])             # columns first, as MATLAB has them
        same(s.array("s/b").ravel(), read["s"]["b"].ravel())
        same(s.array("s/a").ravel(), np.atleast_1d(read["s"]["a"]).ravel())
        for part in ("real", "imag"):               # a compound of its own names
            same(s.array("z/" + part).T, getattr(read["z"], part))
        assert s.array("flag").ravel().tolist() == read["flag"].ravel().tolist()
        assert "".join(map(chr, s.array("word").ravel())) == str(np.asarray(read["word"]).ravel()[0])
        assert s.told["m"]["attributes"]["MATLAB_class"] == "double" and s.attributes("s")["MATLAB_class"] == "struct"
        assert s.told["none"]["attributes"]["MATLAB_empty"] == 1
        assert s.told["cell"]["type"] == "H5T_STD_REF_OBJ" and len(s.raw("cell")) == 16
        with h5py.File(name) as f:                  # where the cell's first element is
            where = f[f["cell"][0, 0]].name.lstrip("/")
        same(s.array(where).ravel(), read["cell"].ravel()[0].ravel())


def anndata_sparse_categorical_and_text():
    with folder() as path:
        name, rng = str(path / "a.h5ad"), np.random.default_rng(4)
        x = scipy_sparse.random(60, 20, 0.2, "csr", dtype="f4", random_state=rng)
        obs = pd.DataFrame({"kind": pd.Categorical(["T", "B", "T"] * 20), "n": np.arange(60), "ok": np.arange(60) % 2 == 0,
                            "word": ["w%d" % i for i in range(60)]}, index=["cell%d" % i for i in range(60)])
        a = anndata.AnnData(x, obs, pd.DataFrame(index=["gene%d" % i for i in range(20)]),
                            obsm={"pca": rng.normal(size=(60, 3))}, layers={"counts": x.tocsc()}, uns={"k": {"v": 1.5, "t": "text"}})
        a.write_h5ad(name, compression="gzip")
        a, s = anndata.read_h5ad(name), Shown(name)
        for group, matrix in (("X", a.X), ("layers/counts", a.layers["counts"])):
            for part in ("data", "indices", "indptr"):
                same(s.array("%s/%s" % (group, part)), getattr(matrix, part))
        assert s.attributes("X")["encoding-type"] == "csr_matrix" and s.attributes("X")["shape"] == [60, 20]
        same(s.array("obs/kind/codes"), a.obs["kind"].cat.codes.to_numpy())
        assert s.sequences("obs/kind/categories") == list(a.obs["kind"].cat.categories)
        assert s.sequences("obs/_index") == list(a.obs_names) and s.sequences("var/_index") == list(a.var_names)
        same(s.array("obs/n"), a.obs["n"].to_numpy())
        same(s.array("obs/ok"), a.obs["ok"].to_numpy())
        same(s.array("obsm/pca"), a.obsm["pca"])
        assert s.array("uns/k/v") == a.uns["k"]["v"] and s.sequences("uns/k/t") == [a.uns["k"]["t"]]
        assert s.attributes("obs")["column-order"] == ["kind", "n", "ok", "word"]


def nexus_entries_with_links():
    with folder() as path:
        name, rng = str(path / "x.nxs"), np.random.default_rng(5)
        counts = nexus.NXfield(rng.integers(0, 99, (30, 8, 8), dtype="<i4"), name="counts", compression="gzip", chunks=(1, 8, 8), units="counts")
        theta = nexus.NXfield(np.linspace(0, 1, 30), name="theta", units="degree")
        root = nexus.NXroot(nexus.NXentry(nexus.NXinstrument(nexus.NXdetector(counts=counts), name="instrument")))
        root["entry/title"] = "a scan"
        root["entry/data"] = nexus.NXdata()
        root["entry/data/theta"] = theta
        detector = root["entry/instrument"].entries
        root["entry/data/counts"] = nexus.NXlink(target=next(iter(detector.values()))["counts"].nxpath)
        root["entry/data"].nxsignal = root["entry/data/counts"]
        root["entry/data"].nxaxes = [root["entry/data/theta"]]
        root.save(name, "w")
        s = Shown(name)
        with nexus.nxopen(name) as read:
            where = read["entry/data/counts"].nxtarget.lstrip("/")
            same(s.array(where), read[where].nxdata)
            same(s.array("entry/data/theta"), read["entry/data/theta"].nxdata)
            assert s.told["entry/data/theta"]["attributes"]["units"] == read["entry/data/theta"].units
        assert s.sequences("entry/title") == ["a scan"]
        assert os.path.samefile(os.path.join(s.dest, "entry/data/counts"), os.path.join(s.dest, where))
        assert s.attributes("entry")["NX_class"] == "NXentry" and s.attributes("entry/data")["signal"] == "counts"


run_all([keras_models_and_weights, pytables_of_every_kind, pandas_stores_fixed_and_table, netcdf_dimensions_groups_and_types,
         matlab_workspaces_behind_a_user_block, anndata_sparse_categorical_and_text, nexus_entries_with_links])
done()
