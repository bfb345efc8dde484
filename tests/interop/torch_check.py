# SPDX-License-Identifier: MIT
"""A file, compared with what torch_model.py says is to be shown of it."""
import contextlib
import os
import pathlib
import re
import subprocess
import tempfile

import torch_model
from tap import ARRAYFS, arrayfs, folder, listed

PLAIN = re.compile(r"[A-Za-z0-9_.+%~ :-]{1,200}")     # names of attributes that are compared


def equal(a, b):
    """As JSON: true is not 1."""
    if isinstance(b, torch_model.Either):
        return any(equal(a, v) for v in b.values)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(equal(a[k], b[k]) for k in a)
    return a == b and isinstance(a, bool) == isinstance(b, bool)


def bytes_at(path):
    """None if it is not there."""
    try:
        with open(path, "rb") as f:
            return f.read()
    except OSError:
        return None


def looked_up(told, path):
    """Where it is told: what has another path is told there."""
    parts = path.split("/")
    for k in range(1, len(parts)):
        at = "/".join(parts[:k])
        if at in told and "same_as" in told[at]:
            return looked_up(told, "/".join([told[at]["same_as"], *parts[k:]]))
    return path


def attribute_faults(path, o, wanted, exactly):
    told = o.get("attributes") or {}
    for name, value in wanted.items():
        if value is not torch_model.ANY and PLAIN.fullmatch(name) and (name not in told or not equal(told[name], value)):
            yield f"{path or '.'}: attribute {name} is {told.get(name, 'missing')!r}, expected {value!r}"
    if exactly:
        for name in told:
            if name not in wanted and PLAIN.fullmatch(name):
                yield f"{path or '.'}: attribute {name} is not expected: {told[name]!r}"


def leaf_faults(path, o, leaf, got):
    """got: what was extracted, None if nothing was."""
    if o["kind"] != "file":
        yield f"{path}: is a {o['kind']}"
    for word, wanted in (("dtype", leaf.dtype), ("shape", leaf.shape), ("byteorder", leaf.byteorder), ("order", leaf.order)):
        told = o.get(word) or ("C" if word == "order" else o.get(word))
        if wanted is not torch_model.ANY and told != wanted:
            yield f"{path}: {word} {told}, expected {wanted}"
    if leaf.types and o.get("type") not in leaf.types:
        yield f"{path}: type {o.get('type')}, expected {sorted(leaf.types)}"
    if leaf.data is None:
        if got is not None or not o.get("error"):
            yield f"{path}: no error told, {'no bytes' if got is None else 'bytes'} shown"
    elif got is None:
        yield f"{path}: was not extracted ({o.get('error')})"
    elif got != leaf.data:
        g, v = got, leaf.data
        i = next((i for i in range(min(len(g), len(v))) if g[i] != v[i]), min(len(g), len(v)))
        yield f"{path}: {len(g)} bytes, expected {len(v)}, from byte {i} on: {g[i:i + 12].hex()}, expected {v[i:i + 12].hex()}"
    elif o.get("size") != len(leaf.data):
        yield f"{path}: size {o.get('size')}, expected {len(leaf.data)}"


def faults_of(path, out):
    """What differs from the model."""
    unread = any(leaf.data is None for leaf in out.files.values())
    with folder() as dest:
        p = arrayfs("--extract", path, dest / "o", code=None)
        if p.returncode != (1 if unread else 0):
            return [f"extract returned {p.returncode}: {p.stderr.decode(errors='replace')[:300]}"]
        got = {name: bytes_at(dest / "o" / name) for name in out.files}
    told = {o["path"]: o for o in listed(path, inner=True)}
    faults = []
    if told[""].get("format") != out.format:
        faults.append(f"format {told[''].get('format')}, expected {out.format}")
    first, reached = {}, set()
    for name, leaf in out.files.items():
        at = looked_up(told, name)
        reached.add(at)
        if at not in told:
            faults.append(f"{name}: is missing")
            continue
        o = told[at]
        if "same_as" in o:
            if leaf.key is not None and first.get(leaf.key) != o["same_as"]:
                faults.append(f"{name}: the same as {o['same_as']}, expected {first.get(leaf.key)}")
            o = {**told[o["same_as"]], **{k: v for k, v in o.items() if v is not None}}
        elif leaf.key is not None and first.setdefault(leaf.key, at) != at:
            faults.append(f"{name}: not told as the same as {first[leaf.key]}")
        faults += leaf_faults(name, o, leaf, got[name])
    for name, parts in out.parts.items():
        o = told.get(looked_up(told, name))
        if not o or o["kind"] != "directory":
            faults.append(f"{name}: is {o}")
            continue
        for word, wanted in (("dtype", parts.dtype), ("type", parts.type), ("shape", parts.shape)):
            if wanted is not None and wanted is not torch_model.ANY and o.get(word) != wanted:
                faults.append(f"{name}: {word} {o.get(word)}, expected {wanted}")
        faults += attribute_faults(name, o, parts.attributes, False)
    for name, wanted in out.attributes.items():
        if looked_up(told, name) in told:
            faults += attribute_faults(name, told[looked_up(told, name)], wanted, name not in out.modules)
        elif wanted:
            faults.append(f"{name}: is missing")
    faults += [f"{p}: is not expected" for p, o in told.items() if o["kind"] != "directory" and p not in reached]
    return faults


def same(path, out):
    faults = faults_of(path, out)
    assert not faults, f"{path}: " + "\n".join(faults[:12])


def all_same(paths):
    told, count = [], 0
    for path in paths:
        count += 1
        try:
            told += [f"{os.path.basename(path)}: {f}" for f in faults_of(path, torch_model.shown(path))[:4]]
        except AssertionError as fault:
            told.append(f"{os.path.basename(path)}: {fault}")
    assert not told, f"of {count} files: " + "\n".join(told[:40])
    return count


@contextlib.contextmanager
def mounted(source):
    at = pathlib.Path(tempfile.mkdtemp(prefix="arrayfs-test-mnt-"))
    arrayfs(source, at)
    try:
        yield at
    finally:
        subprocess.run([ARRAYFS, "-u", at], check=False)
        with contextlib.suppress(OSError):
            at.rmdir()
