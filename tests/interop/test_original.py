#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The formats' own libraries, through .arrayfs/original of one mount: each reads there what it reads from the plain file."""
import gc
import json
import os
import pathlib
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import done, folder, mounted, need, need_mounts, run_all  # noqa: E402

np, safetensors, st, stt, h5py, pa, pq, feather, torch, onnx, gguf, netcdf, duckdb, pl, transformers = need(
    "numpy", "safetensors", "safetensors.numpy", "safetensors.torch", "h5py", "pyarrow", "pyarrow.parquet", "pyarrow.feather", "torch", "onnx",
    "gguf", "netCDF4", "duckdb", "polars", "transformers")


# --- archives, by their libraries -------------------------------------------

def make_onnx(path, w):
    """Its tensor is in a file of its own."""
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("MatMul", ["x", "w"], ["y"])], "g",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 30])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 40])], [onnx.numpy_helper.from_array(w, "w")])
    onnx.save_model(onnx.helper.make_model(graph), path, save_as_external_data=True, location="weights.bin", size_threshold=0)


def make_hdf5(top, w):
    """A link to another file, raw data in one of its own, and a mapping of that: three more files."""
    with h5py.File(top / "other.h5", "w") as f:
        f["there"] = w[::2]
    with h5py.File(top / "h.h5", "w") as f:
        f.create_dataset("g/x", data=w, chunks=(8, 8), compression="gzip").attrs["units"] = "K"
        f["link"] = h5py.ExternalLink("other.h5", "/there")
        d = f.create_dataset("outside", w.shape, w.dtype, external=[("raw.bin", 0, h5py.h5f.UNLIMITED)])
        d[...] = w


def make_gguf(path, w):
    out = gguf.GGUFWriter(path, "llama")
    out.add_tensor("w", w)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


def make(top):
    w = np.random.default_rng(1).standard_normal((30, 40)).astype("f4")
    st.save_file({"w": w, "b": w[0]}, top / "m.safetensors", metadata={"step": "1"})
    torch.save({"w": torch.from_numpy(w), "n": [1, 2]}, top / "m.pt")
    np.save(top / "a.npy", w)
    np.savez(top / "a.npz", w=w, b=w[0])
    table = pa.table({"i": pa.array(range(5000)), "s": [None if i % 3 == 0 else f"n{i}" for i in range(5000)]})
    pq.write_table(table, top / "t.parquet", row_group_size=1000)
    (top / "k=1").mkdir()
    pq.write_table(table, top / "k=1/p.parquet")
    feather.write_feather(table, top / "t.arrow", compression="uncompressed")
    make_onnx(top / "m.onnx", w)
    make_hdf5(top, w)
    make_gguf(top / "m.gguf", w)
    with netcdf.Dataset(top / "n.nc", "w") as f:
        f.createDimension("d", 30)
        f.createVariable("v", "f4", ("d",))[:] = w[:, 0]


# --- what the libraries make of them ------------------------------------------

def read_safetensors(top):
    with safetensors.safe_open(top / "m.safetensors", "np") as f:
        opened = {k: f.get_tensor(k).tobytes() for k in f.keys()}, f.metadata()
    loaded = {k: v.numpy().tobytes() for k, v in stt.load_file(top / "m.safetensors").items()}
    return opened, loaded


def read_torch(top):
    lazily = torch.load(top / "m.pt", mmap=True, weights_only=True)["w"]
    return torch.load(top / "m.pt", weights_only=True)["w"].numpy().tobytes(), lazily.numpy().tobytes()


def read_numpy(top):
    mapped = np.load(top / "a.npy", mmap_mode="r")
    with np.load(top / "a.npz") as z:
        return np.load(top / "a.npy").tobytes(), mapped[3:7].tobytes(), {k: z[k].tobytes() for k in z.files}


def read_parquet(top):
    one = pq.read_table(top / "t.parquet", memory_map=True)
    below = pl.scan_parquet(top / "k=1/*.parquet").select(pl.col("i").sum()).collect().item()
    return one.to_pydict(), below, duckdb.sql(f"select sum(i), count(s) from '{top}/t.parquet'").fetchall()


def read_arrow(top):
    return feather.read_table(top / "t.arrow", memory_map=True).to_pydict()


def read_onnx(top):
    model = onnx.load(top / "m.onnx")
    onnx.checker.check_model(os.fspath(top / "m.onnx"))
    return onnx.numpy_helper.to_array(model.graph.initializer[0]).tobytes()


def read_hdf5(top):
    with h5py.File(top / "h.h5") as f, h5py.File(top / "h.h5") as again:
        return f["g/x"][...].tobytes(), f["g/x"].attrs["units"], again["outside"][...].tobytes()


def read_linked(top):
    with h5py.File(top / "h.h5") as f:
        return f["link"][...].tobytes()


def read_gguf(top):
    return {t.name: bytes(t.data) for t in gguf.GGUFReader(top / "m.gguf").tensors}


def read_netcdf(top):
    with netcdf.Dataset(top / "n.nc") as f:
        return f["v"][:].tobytes()


# By the archive that alone is enough for it.
READERS = {"m.safetensors": read_safetensors, "m.pt": read_torch, "t.arrow": read_arrow, "m.onnx": read_onnx, "h.h5": read_hdf5,
           "m.gguf": read_gguf, "n.nc": read_netcdf}


# --- checks -------------------------------------------------------------------

def each_library_reads_a_mounted_folder():
    need_mounts()
    with folder() as top:
        make(top)
        readers = [*READERS.values(), read_numpy, read_parquet, read_linked]
        expected = [read(top) for read in readers]
        with mounted(top) as m:
            for read, want in zip(readers, expected):
                assert read(m / ".arrayfs/original") == want, read.__name__
            assert (m / "m.safetensors").is_dir() and (m / "h.h5/g").is_dir()


def each_library_reads_a_mounted_archive():
    """Also of several files: those that it brings in lie beside it there."""
    need_mounts()
    with folder() as top:
        make(top)
        for name, read in READERS.items():
            with mounted(top / name) as m:
                assert read(m / ".arrayfs/original") == read(top), name


def transformers_loads_a_model():
    """A checkpoint of two shards, as save_pretrained writes it."""
    need_mounts()
    with folder() as top:
        config = transformers.GPT2Config(n_layer=2, n_head=2, n_embd=32, vocab_size=100, n_positions=16,
                                         bos_token_id=1, eos_token_id=2)
        torch.manual_seed(1)
        model = transformers.GPT2LMHeadModel(config).eval()
        model.save_pretrained(top, max_shard_size="60KB")
        assert len(list(top.glob("*.safetensors"))) > 1
        ids = torch.arange(10).reshape(1, 10)
        with torch.no_grad(), mounted(top) as m:
            loaded = transformers.AutoModelForCausalLM.from_pretrained(m / ".arrayfs/original").eval()
            assert torch.equal(loaded(ids).logits, model(ids).logits)
            del loaded  # its weights are mapped
            gc.collect()


def shards_load_by_their_index():
    """As a loader of sharded checkpoints does, which transformers has, too."""
    need_mounts()
    with folder() as top:
        tensors = {f"t{i}": np.full((50, 7), i, "f2") for i in range(6)}
        where = {name: f"model-{i % 2 + 1:05}-of-00002.safetensors" for i, name in enumerate(tensors)}
        for shard in set(where.values()):
            st.save_file({n: t for n, t in tensors.items() if where[n] == shard}, top / shard)
        index = top / "model.safetensors.index.json"
        index.write_text(json.dumps({"metadata": {"total_size": 4200}, "weight_map": where}))
        for source in (top, index):
            with mounted(source) as m:
                original = pathlib.Path(m / ".arrayfs/original")
                named = json.loads((original / index.name).read_text())["weight_map"]
                got = {n: t for shard in set(named.values()) for n, t in st.load_file(original / shard).items()}
                assert {n: t.tobytes() for n, t in got.items()} == {n: t.tobytes() for n, t in tensors.items()}


run_all([each_library_reads_a_mounted_folder, each_library_reads_a_mounted_archive, transformers_loads_a_model, shards_load_by_their_index])
done()
