# SPDX-License-Identifier: MIT
"""Holds what is shown of a table against the files that it should be."""
import shutil

from tap import arrayfs, listed


def compare(source, files, where, *options):
    out = where / "out"
    shutil.rmtree(out, ignore_errors=True)
    arrayfs(*options, "--extract", source, out)
    told = {o["path"]: o for o in listed(source, *options, inner=True) if o["path"]}
    told = {p: o for p, o in told.items() if "dtype" in o}
    assert sorted(told) == sorted(files), f"{source}: {sorted(set(told) ^ set(files))}"
    for path, (dtype, shape, data) in files.items():
        o = told[path]
        assert (o["dtype"], o["shape"]) == (dtype, shape), f"{source}: {path}: {o} for {dtype} {shape}"
        if data is not None:
            found = (out / path).read_bytes()
            assert found == data, f"{source}: {path}: {found[:80]} for {data[:80]}"
    top = [p for p in told if "/" not in p and not p.endswith(".validity")]
    assert top == [p for p in files if "/" not in p and not p.endswith(".validity")], f"{source}: {top}"
