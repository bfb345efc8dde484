#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Pickles and joblib's files, compared with what pickle.load() and joblib.load() give: names,
types, orders, shapes, attributes and every byte."""
import collections
import functools
import glob
import gzip
import io
import os
import pickle
import pickletools
import sys
import warnings
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import arrayfs, done, folder, listed, need, run_all  # noqa: E402

np, joblib, sklearn, pd, torch, ml_dtypes = need("numpy", "joblib", "sklearn", "pandas", "torch", "ml_dtypes")
import pickled_random  # noqa: E402
import torch_model  # noqa: E402
from ndarrays import dtype_of  # noqa: E402
from torch_check import all_same, same  # noqa: E402

warnings.simplefilter("ignore")
DATA = os.environ.get("TEST_DATA") or os.path.dirname(os.path.abspath(__file__)) + "/../data"
FILES = int(os.environ.get("PICKLE_FILES", "30"))    # of each seed
SEEDS = (1, 2)
PROTOCOLS = range(6)


def saved(path, thing, protocol=4):
    path.write_bytes(pickle.dumps(thing, protocol))
    return path


def faults_by_numpy(loaded, out):
    """Where the model differs from the arrays that were loaded, in plain containers."""
    faults = []

    def walk(v, name, at):
        if type(v) is np.ndarray and v.dtype.names is None and v.dtype != object:
            leaf = out.files.get(name)
            if leaf is None:
                faults.append(f"{name}: the model lacks it")
                return
            native = v.astype(v.dtype.newbyteorder({"big": ">", "little": "<"}.get(leaf.byteorder, "=")))    # NumPy turns some round
            if leaf.data != native.tobytes(leaf.order) or leaf.shape != list(v.shape) or leaf.dtype != dtype_of(v.dtype):
                faults.append(f"{name}: the model has {leaf.dtype} {leaf.shape} {leaf.data[:20]}, NumPy {v.dtype} {v.shape} {native.tobytes(leaf.order)[:20]}")
        elif type(v) in (list, tuple):
            for i, x in enumerate(v):
                walk(x, f"{at}{i}", f"{at}{i}/")
        elif isinstance(v, dict):
            for k, x in v.items():
                walk(x, f"{at}{k}", f"{at}{k}/")
    walk(loaded, "data", "")
    return faults


def as_loaded(path, load=None):
    out = torch_model.shown(path)
    wrong = faults_by_numpy((load or (lambda p: pickle.loads(p.read_bytes())))(path), out)
    assert not wrong, f"the model is wrong: {wrong[:5]}"
    same(path, out)
    return out


def test_every_fixture():
    count = all_same(p for kind in ("pickle", "joblib") for p in sorted(glob.glob(f"{DATA}/{kind}/*")) if os.path.isfile(p) and not p.endswith("README"))
    assert count >= 4


def is_archive(path):
    """A pickle that holds arrays, and whose first opcodes tell that it is one: text may begin as a tuple in protocol 0."""
    return bool(torch_model.shown(path).files) and (path.suffix != ".pkl" or path.read_bytes()[:2] in (b"(d", b"(l", b"}q", b"]q", *(bytes([0x80, p]) for p in range(2, 6)))
                                                    or path.read_bytes()[:1] == b"c")


def at_random(seed):
    with folder() as where:
        n = 0
        for k in range(FILES):
            made = pickled_random.Random(1000 * seed + k).thing()
            path = saved(where / f"{seed}-{k}.pkl", made, k % 6)
            if is_archive(path):
                as_loaded(path)
                n += 1
            path = where / f"{seed}-{k}.joblib"
            joblib.dump(made, path, compress=(0, 0, ("zlib", 3), ("gzip", 1))[k % 4])
            if is_archive(path):
                as_loaded(path, joblib.load)
        assert n > FILES // 2


def test_at_random_first_seed():
    at_random(SEEDS[0])


def test_at_random_second_seed():
    at_random(SEEDS[1])


def test_every_type_in_every_protocol():
    r = pickled_random.Random(5)
    arrays = {}
    for t in pickled_random.TYPES:
        a = np.zeros((3, 4), t) if np.dtype(t).kind in "VU" else r.bytes.integers(0, 2, (3, 4)).astype(t)
        arrays |= {t.replace("/", ""): a, f"{t} F": np.asfortranarray(a), f"{t} step": a[:, ::2], f"{t} none": a[:0], f"{t} scalar": a[0, 0:1].reshape(())}
    for i, t in enumerate(pickled_random.RECORDS):
        arrays[f"records{i}"] = np.zeros(3, t)
    with folder() as where:
        for protocol in PROTOCOLS:
            as_loaded(saved(where / "all.pkl", arrays, protocol))
        joblib.dump(arrays, where / "all.joblib")
        as_loaded(where / "all.joblib", joblib.load)


def test_dimensions_in_any_order():
    """In protocol 5 NumPy says in which order they lie, instead of moving the elements."""
    r = pickled_random.Random(6)
    with folder() as where:
        for t in [*pickled_random.TYPES, *pickled_random.RECORDS]:
            dtype = np.dtype(t)
            a = (r.bytes.integers(0, 2, 120 * dtype.itemsize).astype("u1") if dtype.kind != "U" else np.zeros(120 * dtype.itemsize, "u1")).view(dtype)
            arrays = {}
            for axes in ((1, 0, 2), (0, 2, 1), (2, 0, 1), (1, 2, 0), (2, 1, 0)):
                arrays[f"{axes}"] = a.reshape(4, 5, 6).transpose(axes)
            arrays |= {"more": a.reshape(2, 3, 4, 5).transpose(1, 3, 0, 2), "ones": a.reshape(1, 20, 6, 1).transpose(3, 2, 0, 1), "none": a[:0].reshape(3, 0, 2).transpose(1, 0, 2)}
            path = saved(where / "k.pkl", arrays, 5)
            out = as_loaded(path)
            for name, array in pickle.loads(path.read_bytes()).items():
                for field in array.dtype.names or ():
                    if array.dtype[field].names is None and array.dtype[field].subdtype is None:
                        leaf = out.files[f"{name}/{field}"]
                        assert leaf.data == array[field].tobytes(leaf.order), f"the model is wrong: {name}/{field}"
        joblib.dump({"a": a, "n": np.void(b"x"), "l": [arrays]}, where / "k.joblib", compress=True, protocol=5)
        as_loaded(where / "k.joblib", joblib.load)


def test_types_of_ml_dtypes():
    words = ["bfloat16", "float8_e4m3fn", "float8_e5m2", "int4", "float4_e2m1fn"]
    with folder() as where:
        for protocol in (2, 4, 5):
            arrays = {w: np.arange(6).astype(getattr(ml_dtypes, w)) for w in words}
            path = saved(where / "ml.pkl", arrays, protocol)
            for o in listed(path):
                assert o["shape"] == [6] and o["size"] == arrays[o["path"]].nbytes, o
                assert arrayfs("--cat", path, o["path"]).stdout == arrays[o["path"]].tobytes(), o
                if o["path"] not in ("int4", "float4_e2m1fn"):
                    assert o["dtype"] == o["path"], o


def test_numpy_1_and_what_it_wrote():
    with folder() as where:
        for protocol in (2, 4, 5):
            data = pickle.dumps({"a": np.arange(6).reshape(2, 3), "f": np.asfortranarray(np.arange(6.).reshape(2, 3)), "s": np.float32(.5), "o": np.array([1, None], object)}, protocol)
            old = data.replace(b"numpy._core.", b"numpy.core.")
            if protocol == 4:       # names have their lengths, frames theirs
                old = io.BytesIO()
                pickler = pickle._Pickler(old, 4)
                pickler.framer.start_framing = lambda: None
                pickler.dump(pickle.loads(data))
                old = old.getvalue().replace(b"\x8c\x16numpy._core.multiarray", b"\x8c\x15numpy.core.multiarray")
            elif protocol == 5:
                continue
            path = where / "one.pkl"
            path.write_bytes(old)
            as_loaded(path)


def test_large_text_of_protocol_2_in_slices():
    a = np.random.default_rng(1).integers(0, 256, 3_000_000, dtype=np.uint8)
    with folder() as where:
        path = saved(where / "large.pkl", {"a": a, "f": np.asfortranarray(np.arange(1_000_000.).reshape(1000, 1000))}, 2)
        as_loaded(path)
        for first in (0, 1, 777_777, 2_999_990):
            assert arrayfs("--cat", "--rows", f"{first}:{first + 10}", path, "a").stdout == a[first:first + 10].tobytes(), first


def test_out_of_band_buffers_are_an_error():
    with folder() as where:
        path = where / "oob.pkl"
        path.write_bytes(pickle.dumps({"a": np.arange(5), "b": b"xy"}, 5, buffer_callback=lambda b: False))
        told = {o["path"]: o for o in listed(path)}
        assert told["a"].get("error") and arrayfs("--cat", path, "a", code=1).stdout == b""
        assert arrayfs("--cat", path, "b").stdout == b"xy"


def test_what_python_2_wrote():
    # By hand, as Python 2.7's cPickle wrote {'a': array([1, 2, 3], dtype=int32), 's': 'text', 'b': '\xff\xfe', u'u': u'\xe9', 'o': OldStyle()}
    dtype = b"cnumpy\ndtype\n(U\x02i4K\x00K\x01tR(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR(K\x01(K\x03t" + dtype + b"\x89U\x0c" + np.arange(1, 4, dtype="<i4").tobytes() + b"tb"
    text = b"(dp1\nS'a'\np2\n" + array.replace(b"U\x0c" + np.arange(1, 4, dtype="<i4").tobytes(), b"S'\\x01\\x00\\x00\\x00\\x02\\x00\\x00\\x00\\x03\\x00\\x00\\x00'\n").replace(
        b"U\x02i4", b"S'i4'\n").replace(b"U\x01<", b"S'<'\n").replace(b"U\x01b", b"S'b'\n") + b"sS's'\nS'text'\nsI5\nL7L\nsS'f'\nF0.1\nsS'i'\nI01\ns."
    binary = b"}q\x00(U\x01a" + array + b"U\x01sU\x04textU\x01bU\x02\xff\xfeX\x01\x00\x00\x00uX\x02\x00\x00\x00\xc3\xa9U\x01o(i__main__\nOld\n}(U\x01wK\x05ubu."
    with folder() as where:
        for name, data in (("zero.pkl", text), ("one.pkl", binary), ("two.pkl", b"\x80\x02" + binary)):
            path = where / name
            path.write_bytes(data)
            out = torch_model.shown(path)
            assert out.files["a"].data == np.arange(1, 4, dtype="<i4").tobytes()
            same(path, out)


def test_torch_tensors_in_a_plain_pickle():
    x = torch.arange(12.).reshape(3, 4)
    with folder() as where:
        for protocol in PROTOCOLS:
            path = saved(where / "t.pkl", {"x": x, "t": x.t(), "u": x.t() + 1, "c": x.t().to(torch.complex64).conj(), "b": [b"ab\xff", b"cd\xff"], "h": x.to(torch.bfloat16), "p": torch.nn.Parameter(torch.ones(2)), "n": np.arange(3), "v": 5}, protocol)
            out = torch_model.shown(path)
            assert not torch_model.faults_by_torch(pickle.loads(path.read_bytes()), out)
            same(path, out)
        for compress in (0, 3):
            for protocol in (2, 4):
                joblib.dump({"x": x, "t": x.t(), "u": x.t() + 1, "a": np.arange(3)}, where / "t.joblib", compress=compress, protocol=protocol)
                same(where / "t.joblib", torch_model.shown(where / "t.joblib"))


def test_without_an_array_it_stays_a_file():
    with folder() as where:
        (where / "d").mkdir()
        for i, thing in enumerate(({"a": 1}, [1, 2], "text", {"x": np.float64(1)}, None, collections.OrderedDict(a=1))):
            for protocol in PROTOCOLS:
                path = saved(where / "d" / f"{i}-{protocol}.pkl", thing, protocol)
                p = arrayfs("--list", path, code=1)
                assert p.stderr.startswith(b"arrayfs: ") and p.stderr.count(b"\n") == 1, p.stderr
        for o in listed(where / "d"):
            assert o["kind"] == "file" and not o.get("error") and o["size"] == (where / "d" / o["path"]).stat().st_size, o


def test_one_array_is_data():
    with folder() as where:
        for protocol in PROTOCOLS:
            as_loaded(saved(where / "a.pkl", np.arange(12).reshape(3, 4).T, protocol))
        joblib.dump(np.arange(5.), where / "a.joblib")
        as_loaded(where / "a.joblib", joblib.load)
        assert [o["path"] for o in listed(where / "a.joblib")] == ["data"]
        joblib.dump(np.arange(5.), where / "a.joblib", compress=True)
        assert arrayfs("--cat", where / "a.joblib", "data").stdout == np.arange(5.).tobytes()


def test_joblib_of_many_forms():
    x = np.arange(1000.).reshape(10, 100)
    things = {"x": x, "again": x, "F": np.asfortranarray(x), "t": x.T, "none": x[:0], "o": np.array([1, x, "s"], object), "r": np.zeros(3, [("a", "<i4"), ("b", "S3")]),
              "ma": np.ma.masked_array([1, 2, 3], [0, 1, 0]), "scalar": np.float32(.5), "zero": np.array(7), "big": x.astype(">f8"), "b": b"bytes", "n": 5, "m": np.matrix([[1, 2]])}
    with folder() as where:
        for protocol in (2, 3, 4, 5):
            joblib.dump(things, where / "t.joblib", protocol=protocol)
            as_loaded(where / "t.joblib", joblib.load)
        for how in (True, 1, 9, ("zlib", 3), ("gzip", 3)):
            joblib.dump(things, where / "t.joblib", compress=how)
            out = as_loaded(where / "t.joblib", joblib.load)
            assert out.format == "joblib"
        for how, word in ((("bz2", 3), b"bz"), (("lzma", 3), b"lzma"), (("xz", 3), b"xz")):
            joblib.dump(things, where / "t.joblib", compress=how)
            p = arrayfs("--list", where / "t.joblib", code=1)
            assert word in p.stderr, p.stderr
            o, = [o for o in listed(where) if o["path"] == "t.joblib"]
            assert o["kind"] == "file" and word.decode() in o["error"], o


def test_joblib_of_many_blocks_compressed():
    with folder() as where:
        a = np.random.default_rng(1).integers(0, 50, (1500, 1000))
        joblib.dump({"a": a, "b": a[:, :500].copy()}, where / "t.joblib", compress=3)
        as_loaded(where / "t.joblib", joblib.load)
        assert arrayfs("--cat", "--rows", "1490:1500", where / "t.joblib", "a").stdout == a[1490:].tobytes()


def test_joblib_whose_first_array_is_far_behind():
    for words in (20000, 500000):
        things = {"words": {f"word {i}": i for i in range(words)}, "a": np.arange(5.)}
        with folder() as where:
            for how in (0, ("zlib", 3), ("gzip", 3)):
                joblib.dump(things, where / "t.joblib", compress=how)
                assert [o["path"] for o in listed(where / "t.joblib")] == ["a"], how
                assert arrayfs("--cat", where / "t.joblib", "a").stdout == things["a"].tobytes(), how
                assert [o["path"] for o in listed(where)] == ["t.joblib/a"] or words > 20000, how


class Sharing:
    state = {("x" * 60000, i): i for i in range(300)}

    def __reduce__(self):
        return Sharing, (), self.state


def test_long_keys_of_shared_states_cost_little():
    with folder() as where:
        (where / "t.pkl").write_bytes(pickle.dumps([np.arange(3)] + [Sharing() for _ in range(300)]))
        said = arrayfs("--list", where / "t.pkl", code=None, timeout=20).stderr
        assert b"values that are shared among too many objects" in said, said
        (where / "t.pkl").write_bytes(pickle.dumps([np.arange(3)] + [Sharing() for _ in range(3)]))
        assert [o["path"] for o in listed(where / "t.pkl")] == ["0"]


def test_joblib_that_is_broken_says_how():
    rng = np.random.default_rng(1)
    with folder() as where:
        path = where / "t.joblib"
        joblib.dump({"a": rng.random(100000), "b": rng.random(100000)}, path, compress=("gzip", 1))
        whole = path.read_bytes()
        path.write_bytes(whole[:len(whole) // 2])
        assert b"gzip is cut short after" in arrayfs("--list", path, code=None).stderr
        at = len(whole) // 2
        path.write_bytes(whole[:at] + bytes(b ^ 0xff for b in whole[at:at + 8]) + whole[at + 8:])
        assert b"gzip is broken" in arrayfs("--list", path, code=None).stderr


def test_a_gzip_that_is_no_pickle_stays_what_it_is():
    with folder() as where:
        for name, data in (("a.gz", gzip.compress(b"text" * 100)), ("a.z", zlib.compress(b"text" * 100)), ("b.gz", gzip.compress(pickle.dumps([1, 2])))):
            (where / name).write_bytes(data)
        for o in listed(where):
            assert o["kind"] == "file", o


def estimators():
    from sklearn import cluster, decomposition, ensemble, linear_model, neighbors, neural_network, pipeline, preprocessing, svm, tree
    rng = np.random.default_rng(1)
    x = rng.random((60, 4))
    y = (x[:, 0] + x[:, 1] > 1).astype(int)
    for make in (linear_model.LogisticRegression(), linear_model.Ridge(), ensemble.RandomForestClassifier(3, max_depth=3, random_state=1), ensemble.GradientBoostingClassifier(n_estimators=2, random_state=1),
                 svm.SVC(probability=False), tree.DecisionTreeRegressor(max_depth=3), cluster.KMeans(3, n_init=1, random_state=1), decomposition.PCA(2), neighbors.KNeighborsClassifier(3),
                 neural_network.MLPClassifier((5,), max_iter=3, random_state=1), pipeline.make_pipeline(preprocessing.StandardScaler(), linear_model.LogisticRegression()),
                 ensemble.HistGradientBoostingClassifier(max_iter=2)):
        yield make.fit(x, y)


def test_estimators():
    with folder() as where:
        for e in estimators():
            name = type(e).__name__
            joblib.dump(e, where / f"{name}.joblib")
            same(where / f"{name}.joblib", torch_model.shown(where / f"{name}.joblib"))
            same(saved(where / f"{name}.pkl", e), torch_model.shown(where / f"{name}.pkl"))
            told = {o["path"]: o for o in listed(where / f"{name}.joblib")}
            if name == "RandomForestClassifier":
                assert told["estimators_/0/tree_/nodes/threshold"]["dtype"] == "float64", list(told)
                assert arrayfs("--cat", where / f"{name}.joblib", "estimators_/0/tree_/nodes/threshold").stdout == e.estimators_[0].tree_.threshold.tobytes()
            if name == "LogisticRegression":
                assert arrayfs("--cat", where / f"{name}.joblib", "coef_").stdout == e.coef_.tobytes()
            if name == "Pipeline":
                assert "steps/1/1/coef_" in told, list(told)


def test_frames_are_their_blocks():
    with folder() as where:
        d = pd.DataFrame({"a": range(5), "b": np.arange(5) / 3, "c": list("vwxyz"), "t": pd.date_range("2026-01-01", periods=5), "k": pd.Categorical(list("aabba"))})
        d.to_pickle(where / "d.pkl")
        out = torch_model.shown(where / "d.pkl")
        same(where / "d.pkl", out)
        assert any(leaf.data == np.arange(5).tobytes() or leaf.data == (np.arange(5) / 3).tobytes() for leaf in out.files.values())
        joblib.dump({"s": pd.Series([1., 2.], name="x"), "i": pd.Index([3, 4])}, where / "s.joblib")
        same(where / "s.joblib", torch_model.shown(where / "s.joblib"))


def test_objects_of_the_standard_library():
    with folder() as where:
        a = np.arange(3)
        things = {"partial": functools.partial(print, a, key=a), "deque": collections.deque([a, 1], 5), "error": ValueError(a, 1), "chain": collections.ChainMap({"a": a}), "user": collections.UserDict(x=a),
                  "estimator": pickled_random.Estimator(coef_=a, n_=5), "range": range(5), "slice": slice(1, 2), "bytes": b"x", "array": bytearray(b"yz")}
        for protocol in (2, 3, 4, 5):
            same(saved(where / "o.pkl", things, protocol), torch_model.shown(where / "o.pkl"))


def test_a_pickle_of_protocol_0_or_1_is_found_by_what_it_says():
    with folder() as where:
        for protocol in (0, 1):
            for name, thing in (("dict", {"a": np.arange(3)}), ("list", [np.arange(3)]), ("array", np.arange(3)), ("object", pickled_random.Estimator(w=np.arange(3)))):
                path = saved(where / f"{name}.weights", thing, protocol)
                same(path, torch_model.shown(path))
        for name, data in (("c.txt", b"creative text\nof lines\n"), ("p.txt", b"(dp of words"), ("l.txt", b"(lp\n"), ("b.txt", b"}q of braces"), ("e.txt", b"]q")):
            (where / name).write_bytes(data)
        for o in listed(where):
            if o["path"].endswith(".txt"):
                assert o["kind"] == "file" and not o.get("error"), o


def brought_along(library, pattern):
    return sorted(glob.glob(os.path.join(os.path.dirname(library.__file__), pattern), recursive=True))


def test_what_older_versions_wrote_as_joblib_and_numpy_bring_it_along():
    """joblib 0.9 to 0.11 with Python 2.7 to 3.6 and NumPy 1.6 to 1.11."""
    paths = [p for p in brought_along(joblib, "test/data/joblib_0.1*") if not p.endswith((".bz2", ".lzma", ".xz"))]
    paths += brought_along(joblib, "test/data/joblib_0.9.2_pickle_*.pkl") + brought_along(np, "**/*.pkl")
    assert all_same(paths) >= 20
    for path in brought_along(joblib, "test/data/*.bz2") + brought_along(joblib, "test/data/*.xz") + brought_along(joblib, "test/data/joblib_0.9.2_compressed*.gz"):
        assert arrayfs("--list", path, code=1).stderr.startswith(b"arrayfs: ")


def test_every_opcode_was_met():
    """That what is tested here is all of pickle."""
    met = set()
    with folder() as where:
        things = [{"a": np.arange(3), "s": {1}, "f": frozenset([2]), "b": b"x" * 300, "t": (1, 2, 3, 4), "n": 2 ** 2100, "x": functools.partial(print, np.arange(2)), "l": [1.5, True, None, 300, 70000]}]
        for protocol in PROTOCOLS:
            for thing in things:
                data = pickle.dumps(thing, protocol)
                met |= {o.name for o, _, _ in pickletools.genops(data)}
                path = where / "o.pkl"
                path.write_bytes(data)
                same(path, torch_model.shown(path))
    assert len(met) >= 45, met


run_all(f for n, f in list(globals().items()) if n.startswith("test_"))
done()
