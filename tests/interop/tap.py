# SPDX-License-Identifier: MIT
"""Checks that are told in the Test Anything Protocol, for tests written in Python
with nothing but its standard library.

    from tap import check, done, skip_all, arrayfs

    with check("names_are_the_references"):
        assert ours == theirs, f"{ours} is not {theirs}"
    done()
"""
import contextlib
import importlib
import json
import math
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import traceback

ARRAYFS = os.environ.get("ARRAYFS") or str(pathlib.Path(__file__).resolve().parents[2] / "build/mount/arrayfs")
ONLY = os.environ.get("TEST_ONLY")      # a part of the names of the checks to run
WORK = float(os.environ.get("TEST_WORK") or 1)  # how many of the cases that are many (tests/support.h)

LIBRARIES = ("no reference libraries: python3 -m venv build/venv && build/venv/bin/pip install -r tests/interop/requirements.txt, "
             "then TEST_PYTHON=$PWD/build/venv/bin/python3 scripts/test")

_number = _failed = 0


class Skip(Exception):
    """What a check needs is not there."""


def _say(line):
    print(line, flush=True)


def comment(text):
    for line in str(text).splitlines():
        _say("# " + line)


def result(name, fault=None, skip=None):
    global _number, _failed
    _number += 1
    if skip is not None:
        _say(f"ok {_number} - {name} # SKIP {skip}")
    elif fault is None:
        _say(f"ok {_number} - {name}")
    else:
        _failed += 1
        _say(f"not ok {_number} - {name}")
        comment(fault)


def sampled(cases):
    """Of many cases alike as many as TEST_WORK asks for, the same each time: a build in which
    each takes long looks at some of those that another looks at."""
    cases = list(cases)
    n = min(len(cases), math.ceil(len(cases) * WORK))
    return [cases[(2 * i + 1) * len(cases) // (2 * n)] for i in range(n)]


@contextlib.contextmanager
def check(name):
    """One check; an exception in it is its failure, and the next goes on."""
    try:
        yield
        result(name)
    except Skip as why:
        result(name, skip=why)
    except AssertionError as fault:
        line = traceback.extract_tb(fault.__traceback__)[-1]
        result(name, f"{os.path.basename(line.filename)}:{line.lineno}: {fault or line.line}")
    except Exception:
        result(name, traceback.format_exc())


def run_all(tests):
    """Each function is a check, named by its name."""
    for test in tests:
        if not ONLY or ONLY in test.__name__:
            with check(test.__name__):
                test()


def done():
    _say(f"1..{_number}")
    sys.exit(1 if _failed else 0)


def others(pattern):
    """Files that other projects wrote, where they lie beside the project (in
    ../shared/corpora); none is a skip, but nothing that must be there."""
    found = (pathlib.Path(__file__).resolve().parents[3] / "shared/corpora").glob(pattern)
    found = sorted(str(path) for path in found if path.is_file())
    if not found and os.environ.get("MUST_RUN") != "1":
        raise Skip("no files of others beside the project: put them in ../shared/corpora")
    return found


def skip_all(why):
    _say(f"1..0 # SKIP {why}")
    sys.exit(0)


def need(*modules):
    """Imports them, or skips the whole script."""
    try:
        return [importlib.import_module(m) for m in modules]
    except ImportError as fault:
        comment(f"{fault.name} is not installed")
        skip_all(LIBRARIES)


def need_mounts():
    """Skips the check where nothing can be mounted."""
    told = subprocess.run([pathlib.Path(__file__).resolve().parents[2] / "scripts/can-mount"], capture_output=True, text=True, check=False)
    if told.returncode:
        raise Skip(told.stdout.strip() or told.stderr)


def need_tool(name):
    if not shutil.which(name):
        package = {"getfattr": "attr", "cmp": "diffutils", "gnuplot": "gnuplot-nox"}.get(name, name)
        raise Skip(f"no {name}: apt-get install {package}, as root")


def arrayfs(*args, code=0, **how):
    """Runs the program and checks its exit code; the finished process."""
    how.setdefault("timeout", 120)
    p = subprocess.run([ARRAYFS, *map(os.fspath, args)], stdin=subprocess.DEVNULL, capture_output=True, **how)
    if code is not None:
        assert p.returncode == code, f"{args} returned {p.returncode}, not {code}: {p.stderr.decode(errors='replace')}"
    return p


def listed(source, *args, inner=False):
    """What --list --json tells, as a list of objects: without directories that hold something, unless `inner`."""
    told = [json.loads(line) for line in arrayfs("--list", "--json", source, *args).stdout.splitlines()]
    holding = {o["path"].rpartition("/")[0] for o in told if o["path"]}
    return [o for o in told if inner or o["kind"] != "directory" or o["path"] not in holding]


@contextlib.contextmanager
def mounted(source, *options):
    """The path at which it is mounted, for as long as that is wanted."""
    need_mounts()
    mnt = pathlib.Path(f"{source}.mnt")
    arrayfs(*options, source, mnt)
    try:
        yield mnt
    except BaseException:   # its frames may still map files
        subprocess.run(["fusermount3", "-uz", mnt])
        raise
    arrayfs("-u", mnt)


@contextlib.contextmanager
def folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix="arrayfs-test-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
