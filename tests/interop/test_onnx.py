#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""ONNX, compared with what onnx's own classes, numpy_helper.to_array() and external_data_helper say: names, types,
shapes, attributes and every byte; what is refused, and what cannot be read of a model that is shown."""
import glob
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import arrayfs, done, folder, need, run_all, sampled  # noqa: E402

np, onnx, ml_dtypes = need("numpy", "onnx", "ml_dtypes")
import onnx_bad  # noqa: E402
import onnx_check  # noqa: E402
import onnx_random  # noqa: E402

DATA = os.environ.get("TEST_DATA") or os.path.dirname(os.path.abspath(__file__)) + "/../data"
FILES = int(os.environ.get("ONNX_FILES", "25"))     # of each seed
SEEDS = (1, 2)
BROUGHT = os.path.dirname(onnx.__file__) + "/backend/test/data"


# --- sound files -------------------------------------------------------------------

def test_every_fixture_is_what_onnx_loads():
    models, tensors = glob.glob(DATA + "/onnx/*.onnx"), glob.glob(DATA + "/onnx/*.pb")
    assert len(models) >= 8 and len(tensors) >= 2
    for path in models + glob.glob(DATA + "/onnx/named/*.onnx"):
        onnx_check.same(path)
    for path in tensors:
        assert onnx_check.same_lone(path), path


def test_what_onnx_brings_along():
    for path in sampled(sorted(glob.glob(BROUGHT + "/**/*.onnx", recursive=True)))[::5]:
        onnx_check.same(path)
    for path in sampled(sorted(glob.glob(BROUGHT + "/**/*.pb", recursive=True)))[::9]:
        onnx_check.same_lone(path)


def at_random(seed):
    for k in sampled(range(FILES)):
        with folder() as where:
            onnx_check.same(onnx_random.model(np.random.default_rng([seed, k]), where, strange=k % 2 == 1))


def test_models_at_random():
    at_random(SEEDS[0])


def test_other_models_at_random():
    at_random(SEEDS[1])


def test_every_type_in_every_place():
    rng = np.random.default_rng(3)
    for data_type in onnx_random.TYPES:
        with folder() as where:
            external = onnx_random.external_file(where, rng)
            g = onnx.GraphProto(name="g")
            for i, (place, shape) in enumerate((p, s) for p in ("raw", "field", "external") for s in ([], [0], [5], [2, 3, 7], [300])):
                g.initializer.append(onnx_random.tensor(rng, f"{place}.{i}", data_type, shape, place, external))
            m = onnx.helper.make_model(g)
            for k in range(3):
                (where / "m.onnx").write_bytes(onnx_random.rewritten(rng, m.SerializeToString(), m.DESCRIPTOR, False) if k else m.SerializeToString())
                onnx_check.same(where / "m.onnx")


def test_lone_tensors_at_random():
    for seed in SEEDS:
        for k in sampled(range(FILES * 4)):
            rng = np.random.default_rng([seed, k])
            t = onnx_random.tensor(rng, "called so" if k % 3 else "")
            with folder() as where:
                (where / "x").write_bytes(onnx_random.rewritten(rng, t.SerializeToString(), t.DESCRIPTOR, False))
                assert onnx_check.same_lone(where / "x"), t


def test_long_lists_are_read_at_any_place():
    """Beyond one block of what is decoded."""
    rng = np.random.default_rng(4)
    g = onnx.GraphProto(name="g")
    for data_type, n in ((7, 100001), (27, 70003), (22, 90001), (8, 40000), (13, 50000)):
        g.initializer.append(onnx_random.tensor(rng, f"w{data_type}", data_type, [n], "field"))
    g.initializer[3].string_data[777] = b"long" * 60000
    m = onnx.helper.make_model(g)
    for strange in (False, True):
        with folder() as where:
            data = onnx_random.rewritten(rng, m.SerializeToString(), m.DESCRIPTOR, False) if strange else m.SerializeToString()
            (where / "m.onnx").write_bytes(data)
            onnx_check.same(where / "m.onnx")


# --- what is broken --------------------------------------------------------------------

def test_what_breaks_the_rules_is_refused():
    for name, data in onnx_bad.refused().items():
        with folder() as where:
            (where / "m.onnx").write_bytes(data)
            p = arrayfs("--list", where / "m.onnx", code=1)
            assert p.stderr.startswith(b"arrayfs: ") and p.stderr.count(b"\n") == 1, f"{name}: {p.stderr}"


def test_a_broken_tensor_is_alone_in_that():
    for name, model in onnx_bad.faulty().items():
        with folder() as where:
            onnx_bad.files(where)
            (where / "models/m.onnx").write_bytes(model.SerializeToString())
            told = {o["path"]: o for o in map(json.loads, arrayfs("--list", "--json", where / "models/m.onnx").stdout.splitlines())}
            p = arrayfs("--cat", where / "models/m.onnx", "bad", code=1)
            assert not p.stdout and p.stderr.count(b"\n") == 1, f"{name}: {p.stdout[:50]} {p.stderr}"
            assert "bad" in told, name
            assert arrayfs("--cat", where / "models/m.onnx", "good").stdout == bytes(range(8)), name


def test_other_files_pass_through():
    with folder() as where:
        for name, data in onnx_bad.others().items():
            (where / name).write_bytes(data)
        told = {o["path"]: o["kind"] for o in map(json.loads, arrayfs("--list", "--json", where).stdout.splitlines())}
        assert {p: k for p, k in told.items() if p and k != "file"} == {}, told
        for name, data in onnx_bad.others().items():
            (where / "named").write_bytes(data)
            p = arrayfs("--list", where / "named", code=1)
            assert p.stderr.count(b"\n") == 1, f"{name}: {p.stderr}"


run_all([f for name, f in sorted(globals().items()) if name.startswith("test_")])
done()
