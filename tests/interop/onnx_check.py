# SPDX-License-Identifier: MIT
"""A file, compared with what onnx_model.py says is to be shown of it."""
import json
import os
import struct

import onnx_model
from tap import arrayfs, folder


def told_of(source):
    return {o["path"]: o for o in (json.loads(line) for line in arrayfs("--list", "--json", source).stdout.splitlines())}


def root_of(source):
    return json.loads(arrayfs("--cat", source, ".arrayfs/archive.json").stdout)


def read(path):
    with open(path, "rb") as f:
        return f.read()


def said_faults(path, o, said):
    told = o.get("attributes") or {}
    if {k: v for k, v in told.items() if k} != said:
        yield f"{path or '.'}: attributes {told}, expected {said}"


def string_faults(path, told, at, leaf):
    lens = [len(s) for s in leaf.data]
    offsets = struct.pack(f"<{len(lens) + 1}q", *(sum(lens[:i]) for i in range(len(lens) + 1))) if len(lens) < 2000 else None
    if offsets is None:
        import numpy as np
        offsets = np.concatenate([[0], np.cumsum(lens)]).astype("<i8").tobytes()
    if read(at + "/offsets") != offsets:
        yield f"{path}: other offsets"
    if read(at + "/values") != b"".join(leaf.data):
        yield f"{path}: other values"


def leaf_faults(path, told, at, leaf):
    o = told.get(path)
    if o is None:
        yield f"{path}: not shown"
        return
    if isinstance(leaf, onnx_model.Fault):
        if "error" not in o and os.path.exists(at):
            yield f"{path}: shown, though the library cannot read it"
        return
    if "error" in o:
        yield f"{path}: {o['error']}"
        return
    kind = "string" if isinstance(leaf, onnx_model.Strings) else "sparse" if isinstance(leaf, onnx_model.Sparse) else leaf.dtype
    expected = {"dtype": kind, "shape": leaf.shape, "type": leaf.type}
    got = {k: o.get(k) for k in expected}
    if got != expected:
        yield f"{path}: {got}, expected {expected}"
    if isinstance(leaf, onnx_model.Strings):
        yield from string_faults(path, told, at, leaf)
    elif isinstance(leaf, onnx_model.Array) and read(at) != leaf.data:
        yield f"{path}: other bytes: {read(at)[:32]} of {os.path.getsize(at)}, expected {leaf.data[:32]} of {len(leaf.data)}"
    if not isinstance(leaf, onnx_model.Sparse):
        yield from said_faults(path, o, leaf.said)


def files_of(leaves):
    for path, leaf in leaves.items():
        if isinstance(leaf, onnx_model.Strings):
            yield from (path + "/offsets", path + "/values")
        elif not isinstance(leaf, onnx_model.Sparse):
            yield path


def tree_faults(source, leaves):
    told = told_of(source)
    with folder() as where:
        arrayfs("--extract", source, where / "out", code=None)
        for path, leaf in leaves.items():
            yield from leaf_faults(path, told, str(where / "out" / path), leaf)
    extra = {p for p, o in told.items() if o["kind"] == "file"} - set(files_of(leaves))
    if extra - {p + end for p, leaf in leaves.items() if isinstance(leaf, onnx_model.Fault) for end in ("/offsets", "/values")}:
        yield f"more is shown: {sorted(extra)[:5]}"


def faults_of(source):
    leaves, said, details = onnx_model.shown(source)
    yield from tree_faults(source, leaves)
    root = root_of(source)
    yield from said_faults("", root, said)
    for name, value in details.items():
        if name in ("inputs", "outputs") and len(root[name]) == len(value):
            root[name] = [r if "type" in v else {"name": r["name"]} for r, v in zip(root[name], value)]  # other kinds of types
        if root.get(name) != value:
            yield f".: {name} is {root.get(name)}, expected {value}"


def same(source):
    faults = list(faults_of(source))
    assert not faults, f"{source}: {len(faults)} faults: " + "\n".join(faults[:5])


def same_lone(source):
    """A file that the library reads as a tensor is one; others are none."""
    leaf = onnx_model.lone(source)
    p = arrayfs("--list", "--json", source, code=None)
    if leaf is None:
        assert p.returncode == 1, f"{source} is no tensor"
        return False
    faults = list(tree_faults(source, {"data": leaf}))
    assert not faults, f"{source}: " + "\n".join(faults[:5])
    return True
