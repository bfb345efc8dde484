#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""PyTorch's files, compared with what torch.load(), torch.jit.load() and torch.export.load() say:
names, types, shapes, attributes and every byte; what is refused; and that nothing of them runs."""
import argparse
import collections
import enum
import functools
import glob
import io
import os
import random
import re
import subprocess
import sys
import time
import warnings
import zipfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import arrayfs, done, folder, listed, need, need_mounts, run_all  # noqa: E402

np, torch, ml_dtypes = need("numpy", "torch", "ml_dtypes")
import torch_bad  # noqa: E402
import torch_model  # noqa: E402
import torch_random  # noqa: E402
from torch_check import all_same, faults_of, mounted, same  # noqa: E402

warnings.simplefilter("ignore")
torch.set_num_threads(1)
DATA = os.environ.get("TEST_DATA") or os.path.dirname(os.path.abspath(__file__)) + "/../data"
FILES = int(os.environ.get("TORCH_FILES", "25"))     # of each seed
SEEDS = (1, 2)


def save(path, thing, **how):
    torch.save(thing, path, **how)
    return path


def as_torch_says(path):
    """The file compared with the model, and the model with torch.load()."""
    out = torch_model.shown(path)
    same_as_torch = torch_model.faults_by_torch(torch.load(path, weights_only=False), out)
    assert not same_as_torch, f"the model is wrong: {same_as_torch[:5]}"
    same(path, out)
    return out


# --- sound files -------------------------------------------------------------------

def test_every_fixture_is_what_torch_loads():
    assert all_same(p for p in sorted(glob.glob(DATA + "/torch/*")) if os.path.isfile(p) and not p.endswith("README")) >= 10


def test_what_torch_brings_along():
    assert all_same(sorted(glob.glob(os.path.dirname(torch.__file__) + "/**/*.pt[l]", recursive=True) + glob.glob(os.path.dirname(torch.__file__) + "/**/*.pt", recursive=True))) >= 8


def at_random(seed):
    with folder() as where:
        for k in range(FILES):
            for legacy in (False, True):
                made = torch_random.Random(100000 * seed + 2 * k + legacy, legacy).container()
                path = where / f"{seed}-{k}.pt"
                save(path, made, pickle_protocol=2 + k % 4, _use_new_zipfile_serialization=not legacy)
                as_torch_says(path)


def test_checkpoints_at_random_first_seed():
    at_random(SEEDS[0])


def test_checkpoints_at_random_second_seed():
    at_random(SEEDS[1])


def test_every_type_of_element():
    r = torch_random.Random(3)
    every = {str(t).removeprefix("torch."): r.raw(t, 6).reshape(2, 3) for t in torch_random.LEGACY + torch_random.BARE}
    every |= {f"{n}.t": t.t() for n, t in every.items()}
    every |= {"scalar": torch.tensor(2.5), "none": torch.empty(0, 3), "x2": torch.zeros(3, 4, dtype=torch.uint8).view(torch.float4_e2m1fn_x2),
              "bits8": torch.arange(6, dtype=torch.uint8).view(torch.bits8), "bits16": torch.arange(6, dtype=torch.int16).view(torch.bits16)}
    with folder() as where:
        as_torch_says(save(where / "types.pt", every))
        for protocol in (2, 3, 4, 5):
            dense = {n: t for n, t in every.items() if t.dtype in torch_random.LEGACY}
            as_torch_says(save(where / "old.pt", dense, _use_new_zipfile_serialization=False, pickle_protocol=protocol))


def test_float8_in_the_old_form_is_shown_though_torch_cannot_read_it():
    with folder() as where:
        path = save(where / "f8.pt", {"w": torch.arange(4.0).to(torch.float8_e4m3fn), "s": torch.arange(3.0).untyped_storage()}, _use_new_zipfile_serialization=False)
        same(path, torch_model.shown(path))


def test_views_share_a_storage_and_are_shown_as_their_elements():
    x = torch.arange(24.).reshape(4, 6)
    c, d, e = (torch.randn(5, dtype=torch.complex64) for _ in range(3))
    views = {"x": x, "t": x.t(), "row": x[1], "step": x[:, ::2], "one": torch.ones(1).expand(50, 40), "conj": c.conj(), "neg": d.conj().imag, "real": e.real,
             "conj.t": torch.randn(3, 4, dtype=torch.complex128).conj().t(), "half": x.to(torch.complex32).conj(), "slice": x[1:3, 2:4], "same": x.view(24),
             "none": x[2:2], "diag": x.diagonal(), "unfold": x.unfold(1, 3, 1), "flip": x.flip(0), "perm": torch.arange(120).reshape(2, 3, 4, 5).permute(3, 1, 0, 2)}
    with folder() as where:
        as_torch_says(save(where / "views.pt", views))
        old = {n: t for n, t in views.items() if n != "half"}
        as_torch_says(save(where / "old.pt", old, _use_new_zipfile_serialization=False))


def test_a_transposed_tensor_of_many_blocks_whole_and_in_slices():
    x = torch.randn(1500, 1100).t()
    with folder() as where:
        path = save(where / "big.pt", {"t": x, "p": torch.arange(300000, dtype=torch.int16).reshape(30, 100, 100).permute(2, 0, 1), "e": torch.ones(1).expand(3000, 1000)})
        as_torch_says(path)
        assert arrayfs("--cat", "--rows", "700:703", path, "t").stdout == torch_model.bytes_of(x[700:703])


def test_tied_weights_are_one_inode():
    need_mounts()
    w = torch.randn(4, 5)
    with folder() as where:
        path = save(where / "tied.pt", {"a": w, "b": w, "sub": {"c": w[:]}, "flat": w.view(20), "t": w.t(), "other": w.clone()})
        with mounted(path) as at:
            st = {n: os.stat(at / n) for n in ("a", "b", "sub/c", "flat", "t", "other")}
            assert st["a"].st_ino == st["b"].st_ino == st["sub/c"].st_ino, st
            assert [st[n].st_nlink for n in ("a", "b", "sub/c", "flat", "t", "other")] == [3, 3, 3, 1, 1, 1], st
            assert len({s.st_ino for s in st.values()}) == 4
            assert (at / "b").read_bytes() == torch_model.bytes_of(w)
        told = {o["path"]: o for o in listed(path)}
        assert told["b"]["same_as"] == "a" and told["sub/c"]["same_as"] == "a" and "same_as" not in told["flat"], told


def test_sparse_quantized_nested_meta():
    dense = torch.tensor([[0, 1., 0, 2], [0, 0, 0, 3], [4, 0, 0, 0], [0, 0, 5, 0]])
    things = {k: getattr(dense, "to_sparse_" + k)(*([(2, 2)] if k[0] == "b" else [])) for k in ("coo", "csr", "csc", "bsr", "bsc")}
    things |= {"hybrid": torch.randn(3, 4, 2).to_sparse(1), "uncoalesced": torch.sparse_coo_tensor([[0, 0], [1, 1]], [1., 2.], (2, 3)), "empty": torch.zeros(2, 3).to_sparse()}
    for t in torch_random.QUANTIZED:
        things[f"q.{t}"] = torch.quantize_per_tensor(dense, .5, 2, t)
        things[f"c.{t}"] = torch.quantize_per_channel(dense, torch.rand(4, dtype=torch.float64) + .1, torch.zeros(4, dtype=torch.int64), 1, t)
    things |= {"q.t": torch.quantize_per_tensor(dense, .5, 2, torch.qint8).t(), "nested": torch.nested.nested_tensor([torch.ones(2, 3), torch.zeros(4, 3)]),
               "meta": torch.empty(3, 4, device="meta"), "meta16": torch.empty(3, 4, device="meta", dtype=torch.bfloat16)}
    with folder() as where:
        path = save(where / "kinds.pt", things)
        out = as_torch_says(path)
        for name, t in things.items():
            if t.is_quantized:
                assert out.files[f"{name}/values"].data == torch_model.bytes_of(t.int_repr()), name
                if name[0] == "c":
                    assert out.files[f"{name}/scale"].data == torch_model.bytes_of(t.q_per_channel_scales()), name
            if t.layout == torch.sparse_coo:
                assert out.files[f"{name}/indices"].data == torch_model.bytes_of(t._indices()) and out.files[f"{name}/values"].data == torch_model.bytes_of(t._values()), name
            if t.layout in (torch.sparse_csr, torch.sparse_bsr):
                assert out.files[f"{name}/col_indices"].data == torch_model.bytes_of(t.col_indices()), name


def test_sparse_tensors_behind_many_words():
    """Of a stream of more than 8 MiB the first words are kept; the layout stands behind them, or among them."""
    dense = torch.eye(3)
    for words, pad in ((6000, 3 << 20), (1, 3 << 20)):
        things = {**{f"k{i}": i for i in range(words)}, "coo": dense.to_sparse(), "csc": dense.to_sparse_csc(), "pad": torch.zeros(pad)}
        with folder() as where:
            torch.save(things, where / "a.pt", _use_new_zipfile_serialization=False)
            out = as_torch_says(where / "a.pt")
            assert {f"csc/{part}" for part in ("ccol_indices", "row_indices", "values")} <= set(out.files), words
            assert out.files["coo/indices"].data == torch_model.bytes_of(things["coo"]._indices()), words


def test_parts_are_shown_whatever_size_the_tensor_tells():
    b = torch_bad
    layout = b.name("torch.serialization", "_get_layout") + b.tuple_of(b.text("torch.sparse_coo")) + b.OP.REDUCE
    for size in ((2, -1), (-1,) * 65, ()):
        sparse = b.name("torch._utils", "_rebuild_sparse_tensor") + b.tuple_of(
            layout, b.tuple_of(b.tensor(), b.tensor(), b.tuple_of(*map(b.number, size)))) + b.OP.REDUCE
        with folder() as where:
            (where / "s.pt").write_bytes(b.zipped(b.whole(b.dictionary(s=sparse))))
            told = {o["path"]: o for o in listed(where / "s.pt", inner=True)}
            assert told["s"]["dtype"] == "sparse" and told["s"].get("shape") == (None if size else []), told["s"]
            assert arrayfs("--cat", where / "s.pt", "s/values").stdout == b.SIX


def test_elements_of_half_a_byte_are_shown_as_the_bytes_that_hold_them():
    with folder() as where:
        t = torch.quantize_per_channel(torch.randn(4, 6), torch.rand(4) + .1, torch.arange(4.), 0, torch.quint4x2)
        path = save(where / "half.pt", {"q": t})
        values = next(o for o in listed(path) if o["path"] == "q/values")
        assert (values["dtype"], values["shape"]) == ("V1", [4, 3]), values
        with zipfile.ZipFile(path) as z:
            record = next(z.read(n) for n in z.namelist() if "/data/" in n and z.getinfo(n).file_size == 12)
        assert arrayfs("--cat", path, "q/values").stdout == record


def test_the_json_view_has_what_a_state_dict_says_of_its_versions():
    with folder() as where:
        state = torch.nn.Sequential(torch.nn.BatchNorm1d(2)).state_dict()
        path = save(where / "state.pt", {"m": state, "d": np.dtype(">i4")})
        told = {o["path"]: o for o in listed(path, inner=True)}
        assert told["m"]["objects"] == {"_metadata": {k: dict(v) for k, v in state._metadata.items()}}, told["m"]
        assert told[""]["attributes"] == {"d": ">i4"} and "objects" not in told[""], told[""]


def test_a_jagged_nested_tensor_shows_its_parts():
    with folder() as where:
        t = torch.nested.nested_tensor([torch.ones(2), torch.arange(3.)], layout=torch.jagged)
        path = save(where / "jagged.pt", {"j": t, "w": torch.ones(2)})
        told = {o["path"]: o for o in listed(path)}
        values = [p for p, o in told.items() if p.startswith("j/") and o.get("dtype") == "float32" and o["shape"] == [5]]
        assert values and arrayfs("--cat", path, values[0]).stdout == torch_model.bytes_of(t.values()), told


def test_tensors_that_wrap_tensors():
    class Own(torch.Tensor):
        pass
    own = torch.ones(3).as_subclass(Own)
    told = torch.arange(4.)
    told.words = {"x": 1}
    p = torch.nn.Parameter(torch.ones(2, 2))
    p.kept = "text"
    globals()["Own"] = Own
    Own.__qualname__ = "Own"
    with folder() as where:
        as_torch_says(save(where / "wraps.pt", {"own": own, "attr": told, "p": p, "buffer": torch.nn.Buffer(torch.ones(1)), "plain": torch.nn.Parameter(torch.zeros(1))}))


# --- names ------------------------------------------------------------------------

def test_keys_of_every_kind():
    t = lambda i: torch.full((2,), float(i))
    keys = [1, -5, 2.5, True, None, ("a", 1), b"by", "str", 10 ** 30, torch.float32, 1e100, ("x",), (), (None, (1.5, "y")), frozenset([1]), "a/b", "/c//d/", "..", "e.f", "",
            "%41", "nl\n", "é" * 200, ".arrayfs", "?", "1"]
    with folder() as where:
        made = {}
        for i, k in enumerate(keys):
            made[k] = t(i)                  # True is 1: the last value, at the first place
        out = torch_model.shown(save(where / "keys.pt", made))
        same(where / "keys.pt", out)
        assert out.files["1"].data == torch_model.bytes_of(t(3)) and "1~2" in out.files and "?" in out.files and "?~2" in out.files, list(out.files)
        told = [o["path"] for o in listed(where / "keys.pt")]
        assert told == list(out.files), f"{told} is not in the order {list(out.files)}"


class Pairs:
    """Is read as a dictionary of these pairs, one after the other."""
    def __init__(self, pairs):
        self.pairs = pairs

    def __reduce__(self):
        return dict, (), None, None, iter(self.pairs)


class Colour(enum.Enum):
    RED, BLUE = 1, 2


def test_keys_that_look_alike_are_not_one():
    nan = float("nan")
    alike = [[Colour.RED, Colour.BLUE], [1j, 2j], [np.int64(1), np.int64(2)], [torch.Size([1]), torch.Size([2])], [frozenset([1]), frozenset([2])],
             [torch.ones(1), torch.ones(1)], [None, b"None", "None"], [torch.float32, b"torch.float32"], [(1,), b"(1,)"], [nan, -nan], [(b"ab", 1), ("ab", 1)], [(b"\xff", 1), ("\xff", 1)],
             [(1, Colour.RED), (1, Colour.BLUE)], [b"", ""], [(1, (2, Colour.RED)), (1, (2, Colour.BLUE))], ["1", 1, b"1"]]
    with folder() as where:
        for protocol in (2, 4):
            made = {f"d{i}": {k: torch.full((2,), float(n)) for n, k in enumerate(keys)} for i, keys in enumerate(alike)}
            path = save(where / "alike.pt", made, pickle_protocol=protocol)
            out = torch_model.shown(path)
            same(path, out)
            for i, keys in enumerate(alike):
                shown = [leaf.data for name, leaf in out.files.items() if name.startswith(f"d{i}/")]
                assert shown == [torch_model.bytes_of(t) for t in made[f"d{i}"].values()], keys


def test_keys_that_are_huge_or_equal_otherwise():
    """Only what Python itself takes for one key is one."""
    keys = {"bytes": [(b"\xff" * 33000, 1), ("\x01" * 33000, 1)], "numbers": [1e18, 10**18 + 1, 10**19, 1e300], "digits": [10**5000, 10**5001],
            "deep": [functools.reduce(lambda t, _: (t,), range(9), i) for i in range(2)]}
    one, two = torch.zeros(1), torch.ones(1)
    deep = lambda value: functools.reduce(lambda inner, _: (inner,), range(9), value)
    with folder() as where:
        for protocol in (2, 4):
            made = {name: {k: torch.full((2,), float(n)) for n, k in enumerate(some)} for name, some in keys.items() if protocol > 2 or name != "bytes"}
            path = save(where / "huge.pt", made, pickle_protocol=protocol)
            for name, tensors in made.items():
                assert arrayfs("--cat", path, name + "/*").stdout == b"".join(map(torch_model.bytes_of, tensors.values())), name
        for a, b in ((1e18, 10**18), (10**19, 1e19), ((1, (2.0,)), (True, (2,))), (deep(1), deep(1.0))):
            assert len({a: 0, b: 1}) == 1
            path = save(where / "pairs.pt", Pairs([(a, one), (b, two)]))
            assert arrayfs("--cat", path, "*").stdout == torch_model.bytes_of(two), (a, b)


def test_an_optimizer_pickled_whole_has_the_state_of_each_parameter():
    m = torch.nn.Linear(3, 4)
    o = torch.optim.Adam(m.parameters())
    m(torch.ones(1, 3)).sum().backward()
    o.step()
    with folder() as where:
        path = save(where / "o.pt", o)
        out = torch_model.shown(path)
        same(path, out)
        shapes = [leaf.shape for name, leaf in out.files.items() if name.endswith("/exp_avg")]
        assert shapes == [[4, 3], [4]], list(out.files)


def test_a_key_that_comes_twice():
    with folder() as where:
        one, two = torch_bad.tensor(), torch_bad.tensor(torch_bad.pid("1"))
        pairs = b"".join(k + v for k, v in ((torch_bad.text("a"), one), (torch_bad.text("b"), one), (torch_bad.text("a"), two), (torch_bad.number(1), one),
                                            (torch_bad.OP.NEWTRUE, two), (torch_bad.OP.BINFLOAT + np.array(1, ">f8").tobytes(), one)))
        path = where / "twice.pt"
        path.write_bytes(torch_bad.zipped(torch_bad.whole(b"}(" + pairs + b"u"), {"0": torch_bad.SIX, "1": torch_bad.SIX[::-1]}))
        same(path, torch_model.shown(path))
        assert [o["path"] for o in listed(path)] == ["a", "b", "1"]
        assert arrayfs("--cat", path, "a").stdout == torch_bad.SIX[::-1] and arrayfs("--cat", path, "1").stdout == torch_bad.SIX


def test_one_array_one_value_nothing():
    with folder() as where:
        for i, thing in enumerate((torch.ones(3), {}, [], 5, "text", {"a": 1}, [1, 2], None, torch.ones(2).untyped_storage(), torch.arange(2).storage(), b"bytes",
                                   torch.eye(2).to_sparse(), torch.nn.Linear(1, 2), (torch.ones(1),), {torch.ones(1)}, np.arange(3), 2 ** 90, 1 + 2j, torch.float16)):
            for new in (True, False):
                if new or not isinstance(thing, (torch.UntypedStorage, torch.TypedStorage)):
                    path = save(where / f"{i}-{new}.pt", thing, _use_new_zipfile_serialization=new)
                    faults = faults_of(path, torch_model.shown(path))
                    assert not faults, f"{thing!r}: {faults}"


def test_split_dots():
    with folder() as where:
        path = save(where / "d.pt", collections.OrderedDict({"a.b.w": torch.ones(1), "a.c": torch.ones(2)}))
        assert [o["path"] for o in listed(path, "-o", "split=.")] == ["a/b/w", "a/c"]


# --- modules, optimizers, others' objects ------------------------------------------------

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = torch.nn.Linear(3, 4)
        self.fc2 = self.fc1                       # tied
        self.norm = torch.nn.BatchNorm1d(4)
        self.many = torch.nn.ModuleList([torch.nn.Linear(4, 2, bias=False), torch.nn.Identity()])
        self.params = torch.nn.ParameterList([torch.ones(2), torch.zeros(1)])
        self.register_buffer("seen", torch.arange(3))
        self.register_buffer("hidden", torch.arange(5.), persistent=False)
        self.register_buffer("absent", None)
        self.hp = {"lr": .5, "name": "net"}
        self.cache = [torch.ones(2), 5]

    def forward(self, x):
        return self.norm(self.fc1(x))


def test_a_module_pickled_whole_has_the_names_of_its_state_dict():
    torch.manual_seed(1)
    net = Net()
    with folder() as where:
        for i, (thing, prefix) in enumerate(((net, ""), ({"net": net, "step": 5}, "net/"), ([net], "0/"))):
            path = save(where / f"{i}.pt", thing)
            out = as_torch_says(path)
            told = {o["path"]: o for o in listed(path)}
            for name, t in (*net.state_dict().items(), ("hidden", net.hidden)):
                assert out.files[prefix + name].data == torch_model.bytes_of(t), name
                assert told[prefix + name]["shape"] == list(t.shape), name
            files = {o["path"] for o in listed(path) if o["kind"] == "file"}
            assert files == {prefix + n for n in (*net.state_dict(), "hidden", "cache/0")}, files
            at, = [o for o in listed(path, inner=True) if o["path"] == prefix[:-1]]
            assert at["attributes"]["hp"] == {"lr": .5, "name": "net"}, at
        for model in (torch.nn.TransformerEncoderLayer(8, 2, 16), torch.nn.LSTM(3, 4, 2), torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.ReLU())):
            path = save(where / "m.pt", model)
            as_torch_says(path)
            state = save(where / "s.pt", model.state_dict())
            assert {o["path"]: o["size"] for o in listed(path) if o["kind"] == "file" and "_flat_weights" not in o["path"]} == {
                o["path"]: o["size"] for o in listed(state)}, model


def test_a_checkpoint_of_training():
    torch.manual_seed(2)
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 1))
    for make in (lambda p: torch.optim.AdamW(p, 1e-3), lambda p: torch.optim.SGD(p, .1, momentum=.9), lambda p: torch.optim.Adagrad(p)):
        optimizer = make(net.parameters())
        net(torch.ones(2, 3)).sum().backward()
        optimizer.step()
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)
        state = {"state_dict": net.state_dict(), "optimizer_states": [optimizer.state_dict()], "lr_schedulers": [schedule.state_dict()], "epoch": 3, "pytorch-lightning_version": "2.6.0",
                 "hyper_parameters": argparse.Namespace(lr=1e-3, path="x"), "callbacks": {}, "rng": torch.get_rng_state(), "np_rng": np.random.get_state(), "py_rng": random.getstate(),
                 "settings": torch_random.Settings("n", .5, {"w": torch.ones(2)}), "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"total": {"ready": 1}}}}}
        with folder() as where:
            path = save(where / "last.ckpt", state)
            out = as_torch_says(path)
            assert "optimizer_states/0/state/0/step" in out.files or "SGD" in str(optimizer), list(out.files)
            assert out.attributes[""]["epoch"] == 3


def test_objects_of_others():
    with folder() as where:
        t = lambda: torch.ones(2)
        path = save(where / "objects.pt", {
            "ns": argparse.Namespace(a=t(), b=1, c=[t()]), "data": torch_random.Settings("x", 1.5, t()), "slots": torch_random.Slots(t(), {"k": t()}),
            "pair": torch_random.Pair(t(), 2), "deque": collections.deque([t(), 3], 9), "default": collections.defaultdict(list, {"z": [t()]}), "set": {t()}, "bytes": b"\0\1", "array": bytearray(b"xy"),
            "numpy": np.arange(6).reshape(2, 3).T, "records": np.zeros(2, [("x", "<i4"), ("y", ">f8", (2,))]), "objects": np.array([1, None, np.arange(2)], dtype=object),
            "exception": ValueError("no", 1), "ordered": collections.OrderedDict(a=t())})
        as_torch_says(path)


def test_what_holds_itself_and_what_is_held_twice():
    with folder() as where:
        loop = {"w": torch.ones(2)}
        loop["self"] = loop
        loop["list"] = [loop, torch.zeros(1)]
        path = save(where / "loop.pt", loop)
        assert [o["path"] for o in listed(path)] == ["w", "list/1"], listed(path)
        inner = {"w": torch.ones(3)}
        path = save(where / "twice.pt", {"a": inner, "b": inner, "c": [inner, inner]})
        out = as_torch_says(path)
        assert list(out.files) == ["a/w", "b/w", "c/0/w", "c/1/w"]


# --- other containers ------------------------------------------------------------------

def again(data, change=None, method=zipfile.ZIP_STORED):
    """The records of a file, written by zipfile; change(name, bytes) may be None: left out."""
    b = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(b, "w", method) as new:
        for name in old.namelist():
            record = old.read(name)
            record = change(name.partition("/")[2], record) if change else record
            if record is not None:
                new.writestr(name, record)
    return b.getvalue()


SOME = {"f": torch.arange(6.).reshape(2, 3), "t": torch.arange(6, dtype=torch.int64).reshape(2, 3).t(), "c": torch.randn(4, dtype=torch.complex64).conj(),
        "h": torch.arange(3).to(torch.bfloat16), "b": torch.tensor([True, False]), "u": torch.arange(3).to(torch.uint16), "n": torch.randn(3, dtype=torch.complex64).conj().imag}


def test_deflated_records():
    with folder() as where:
        path = where / "deflated.pt"
        path.write_bytes(again(torch_bad.saved({**SOME, "big": torch.arange(700000) % 1009, "bigt": (torch.arange(700000) % 1009).reshape(700, 1000).t()}), method=zipfile.ZIP_DEFLATED))
        out = torch_model.shown(path)
        assert not torch_model.faults_by_torch(torch.load(path, weights_only=False), out)
        same(path, out)
        path.write_bytes(again(torch_bad.saved(SOME), lambda n, b: b))
        as_torch_says(path)


def test_alignment_crc_and_bytes_behind_the_end():
    from torch.utils.serialization import config
    with folder() as where:
        path = where / "some.pt"
        with config.patch("save.storage_alignment", 4096):
            save(path, SOME)
        as_torch_says(path)
        data = torch_bad.saved(SOME)
        path.write_bytes(data + b"behind" * 100)
        as_torch_says(path)
        path.write_bytes(data + bytes(65536 + 22))
        arrayfs("--list", path, code=None)
        at = data.index(np.arange(6, dtype="f4").tobytes())
        path.write_bytes(data[:at] + b"\1" + data[at + 1:])         # its CRC is wrong
        same(path, torch_model.shown(path))
        with torch.serialization.skip_data():
            save(path, SOME)
        as_torch_says(path)


def test_big_endian():
    def swap(name, record):
        if name == "byteorder":
            return b"big"
        key = name.removeprefix("data/")
        return np.frombuffer(record, f"V{WIDTHS[key]}").view("u1").reshape(-1, WIDTHS[key])[:, ::-1].tobytes() if name.startswith("data/") else record
    WIDTHS = {}
    data = torch_bad.saved({k: v for k, v in SOME.items() if k != "u"})
    for i, t in enumerate((4, 8, 4, 2, 1, 4)):
        WIDTHS[str(i)] = t
    with folder() as where:
        path = where / "big.pt"
        path.write_bytes(again(data, swap))
        out = torch_model.shown(path)
        loaded = torch.load(path, weights_only=False)
        for name, leaf in out.files.items():
            native = torch_model.bytes_of(loaded[name])
            width = {"c": 4}.get(name, loaded[name].itemsize)
            assert np.frombuffer(leaf.data, "u1").reshape(-1, width)[:, ::-1].tobytes() == native, name
            assert leaf.byteorder == ("big" if loaded[name].itemsize > 1 else None)
        same(path, out)


def test_a_view_of_a_storage_in_the_old_form():
    """As torch 0.1.12 wrote them: the storage's name, an offset and a length in it."""
    op = torch_bad
    view = op.tuple_of(op.text("view"), op.number(2), op.number(4))
    storage = op.tuple_of(op.text("storage"), op.name("torch", "FloatStorage"), op.text("0"), op.text("cpu"), op.number(6), view) + op.OP.BINPERSID
    with folder() as where:
        path = where / "view.pt"
        path.write_bytes(op.legacy(op.whole(op.dictionary(w=op.tensor(storage, shape=(2, 2), strides=(2, 1))))))
        out = as_torch_says(path)
        assert out.files["w"].data == op.SIX[8:]


def test_any_root_in_the_zip():
    with folder() as where:
        for root in ("archive", "a name", "größe", "x.y"):
            path = where / "root.pt"
            path.write_bytes(torch_bad.zipped(root=root))
            same(path, torch_model.shown(path))


class Script(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = torch.nn.Linear(3, 2)
        self.sub = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU())
        self.register_buffer("kept", torch.arange(4))
        self.register_buffer("hidden", torch.arange(2.), persistent=False)
        self.words = ["a", "b"]
        self.n: int = 5

    def forward(self, x):
        return self.sub(self.fc(x)) + torch.tensor([[1.5, 2.5]]) + self.n


def test_torchscript_and_mobile():
    with folder() as where:
        scripted = torch.jit.script(Script())
        scripted.save(where / "script.pt")
        traced = torch.jit.trace(torch.nn.Sequential(torch.nn.Linear(3, 2)), torch.ones(1, 3))
        traced.save(where / "traced.pt")
        torch.jit.freeze(scripted.eval()).save(where / "frozen.pt")
        scripted._save_for_lite_interpreter(str(where / "mobile.ptl"))
        scripted.save(where / "extra.pt", _extra_files={"note.txt": b"text"})
        for name in ("script.pt", "traced.pt", "frozen.pt", "mobile.ptl", "extra.pt"):
            path = where / name
            out = torch_model.shown(path)
            module = torch.jit.load(path)
            expected = {n: torch_model.bytes_of(t) for n, t in (*module.named_parameters(remove_duplicate=False), *module.named_buffers(remove_duplicate=False))}
            for n, data in expected.items():
                assert out.files[n].data == data, f"{name}: the model is wrong in {n}"
            same(path, out)
            files = {o["path"] for o in listed(path) if o["kind"] == "file"}
            assert {f for f in files if not f.startswith("constants/")} == set(expected), f"{name}: {files}"


def test_exported_programs():
    with folder() as where:
        net = Script().eval()
        net.fc2 = net.fc
        program = torch.export.export(net, (torch.ones(1, 3),))
        torch.export.save(program, where / "p.pt2")
        out = torch_model.shown(where / "p.pt2")
        loaded = torch.export.load(where / "p.pt2")
        for n, t in loaded.state_dict.items():
            assert out.files[f"weights/{n}"].data == torch_model.bytes_of(t), n
        assert "constants/hidden" in out.files, list(out.files)
        same(where / "p.pt2", out)


# --- wrong files ------------------------------------------------------------------------

def test_what_is_refused_says_why():
    told = []
    with folder() as where:
        for name, data, sentence in (*torch_bad.refused(), *torch_bad.refused_pickles()):
            path = where / name
            path.write_bytes(data)
            start = time.monotonic()
            p = arrayfs("--list", path, code=None)
            line = p.stderr.decode().strip()
            if p.returncode != 1:
                told.append(f"{name}: returned {p.returncode}, not refused with /{sentence}/: {p.stdout[:80]} {line[:200]}")
            elif not re.search(sentence, line.split(name, 1)[-1]) or "\n" in line or not line.startswith("arrayfs: "):
                told.append(f"{name}: {line}, not /{sentence}/")
            if time.monotonic() - start > 10:
                told.append(f"{name}: took {time.monotonic() - start:.1f} s")
        mirror = {o["path"]: o for o in listed(where, inner=True)}
        for name, data, _ in torch_bad.refused():
            o = mirror.get(name, {})
            if o.get("kind") != "file" or o.get("size") != len(data) or not o.get("error"):
                told.append(f"{name} in a directory: {o}")
        for name, data, _ in torch_bad.refused_pickles():
            if mirror.get(name, {}).get("kind") != "file":
                told.append(f"{name} in a directory: {mirror.get(name)}")
    assert not told, "\n".join(told)


def test_what_is_listed_and_cannot_be_read():
    told = []
    with folder() as where:
        for name, data in torch_bad.faults():
            path = where / f"{name}.pt"
            path.write_bytes(data)
            p = arrayfs("--list", "--json", path, code=None)
            files = {o["path"]: o for o in listed(path)} if p.returncode == 0 else {}
            if set(files) != {"w", "good"}:
                told.append(f"{name}: {p.returncode} {list(files)} {p.stderr.decode()[:200]}")
                continue
            if not files["w"].get("error"):
                told.append(f"{name}: no error: {files['w']}")
            bad = arrayfs("--cat", path, "w", code=None)
            if bad.returncode != 1 or bad.stdout or not bad.stderr:
                told.append(f"{name}: cat returned {bad.returncode} and {len(bad.stdout)} bytes: {bad.stderr[:100]}")
            if arrayfs("--cat", path, "good", code=None).stdout != torch_bad.SIX:
                told.append(f"{name}: good is not what it was")
    assert not told, "\n".join(told)


def test_cut_at_every_byte_it_never_crashes_nor_shows_other_bytes():
    with folder() as where:
        told = []
        for kind, data in (("zip", torch_bad.zipped()), ("legacy", torch_bad.legacy())):
            path = where / f"{kind}.pt"
            for at in range(0, len(data), 3):
                path.write_bytes(data[:at])
                p = arrayfs("--cat", path, "w", code=None)
                if p.returncode not in (0, 1) or p.returncode == 0 and p.stdout != torch_bad.SIX:
                    told.append(f"{kind} cut at {at}: {p.returncode} {p.stdout[:30]} {p.stderr[:100]}")
        assert not told, "\n".join(told)


def test_nothing_of_a_malicious_file_runs():
    with folder() as where:
        marker, told, n = where / "MARKER", [], 0
        places = where / "files"
        places.mkdir()
        for name, data in torch_bad.malicious(marker):
            path = places / name
            path.write_bytes(data)
            n += 1
            p = arrayfs("--list", "--json", path, code=None)
            if p.returncode not in (0, 1) or p.returncode == 1 and not p.stderr.startswith(b"arrayfs: "):
                told.append(f"{name}: {p.returncode} {p.stderr[:200]}")
            good = arrayfs("--cat", path, "good", code=None)
            if p.returncode == 0 and good.stdout != torch_bad.SIX and "alone" not in name:
                told.append(f"{name}: good is {good.returncode} {good.stdout[:30]} {good.stderr[:200]}")
            if re.fullmatch(r"[a-z_]+\.(pt|pkl|joblib)", name) and p.returncode and "-" not in name and not name.startswith(("dtype", "load", "layout", "codecs", "rebuild", "reduce", "build", "key")):
                told.append(f"{name}: a sound pickle is refused: {p.stderr[:200]}")
        arrayfs("--list", places)
        arrayfs("--extract", places, where / "out", code=None)
        assert not marker.exists(), "it ran"
        assert not told and n > 150, "\n".join(told)


def test_many_values_and_nested_bombs_end_soon():
    op = torch_bad.OP
    with folder() as where:
        for name, body, code in (
                ("values", b"](" + b"K\1" * 10_000_000 + b"e", None), ("nested", b"]" * 3_000_000 + b"a" * 2_999_999, 1), ("tuples", b")" + b"\x85" * 3_000_000, None),
                ("memo", b"N" + b"".join(op.LONG_BINPUT + (0xffffffff - i).to_bytes(4, "little") for i in range(100000)), None),
                ("more", b"](" + b"K\1" * 17_000_000 + b"e", 1)):
            path = where / f"{name}.pt"
            path.write_bytes(torch_bad.zipped(torch_bad.whole(torch_bad.dictionary(w=torch_bad.tensor()) + op.POP + body if code else body)))
            start = time.monotonic()
            p = arrayfs("--list", path, code=None)
            took = time.monotonic() - start
            assert p.returncode in ((0, 1) if code is None else (code,)) and took < 10, f"{name}: {p.returncode} {p.stderr[:200]}, {took:.1f} s"
            if name == "more":
                assert b"a pickle of more than 16,000,000 values" in p.stderr or b"memory" in p.stderr, p.stderr


def test_a_mount_of_a_folder_of_checkpoints():
    need_mounts()
    with folder() as where:
        (where / "dir").mkdir()
        save(where / "dir" / "a.pt", SOME)
        save(where / "dir" / "b.bin", {"w": SOME["t"]})
        save(where / "dir" / "v.ckpt", {"w": torch.ones(1), "epoch": 3, "name": "größe", "lr": .1, "dtype": torch.float16, "ok": True, "c": 1 - 2j, "big": -2 ** 70, "nan": float("nan"),
                                        "betas": (.9, .999), "none": None})
        (where / "dir" / "c.pkl").write_bytes(torch_bad.whole(torch_bad.dictionary(a=b"K\1")))
        with mounted(where / "dir") as at:
            assert (at / "a.pt" / "t").read_bytes() == torch_model.bytes_of(SOME["t"])
            got = {n: os.getxattr(at / "v.ckpt", f"user.attr.{n}") for n in ("epoch", "name", "lr", "dtype", "ok", "c", "big", "nan", "betas", "none")}
            assert got == {"epoch": b"3", "name": "größe".encode(), "lr": b"0.1", "dtype": b"torch.float16", "ok": b"true", "c": b"[1.0,-2.0]", "big": b"-1180591620717411303424",
                           "nan": b'"NaN"', "betas": b"[0.9,0.999]", "none": b"null"}, got
            assert (at / "b.bin" / "w").read_bytes() == torch_model.bytes_of(SOME["t"])
            assert (at / "c.pkl").read_bytes() == (where / "dir" / "c.pkl").read_bytes()
            assert os.getxattr(at / "a.pt" / "t", "user.array.type") == b"torch.int64" and os.getxattr(at / "a.pt", "user.arrayfs.format") == b"torch"
            m = np.memmap(at / "a.pt" / ".." / "a.pt" / "t", "<i8", "r")
            assert m.tobytes() == torch_model.bytes_of(SOME["t"])
            del m


run_all(f for n, f in list(globals().items()) if n.startswith("test_"))
done()
