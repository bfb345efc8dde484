#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Other programs on a mount: numpy, pyarrow, DuckDB, polars, gnuplot, git, rsync, tar, zip, sha256sum, cp,
find, du and diff read what the reference libraries read from the archive itself."""
import difflib
import hashlib
import importlib.util
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import xml.dom.minidom
import zipfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import ARRAYFS, LIBRARIES, Skip, arrayfs, comment, done, folder, mounted, need, need_mounts, need_tool, run_all  # noqa: E402

np, ml_dtypes, safetensors, st, h5py, pa, pq, duckdb, pl = need(
    "numpy", "ml_dtypes", "safetensors", "safetensors.numpy", "h5py", "pyarrow", "pyarrow.parquet", "duckdb", "polars")
ROWS = 100_000


# --- archives, by their libraries -------------------------------------------

def make(top):
    rng = np.random.default_rng(1)
    model = {"layers/0/w": rng.standard_normal((300, 400)).astype("f4"), "layers/1/w": rng.standard_normal((300, 400)).astype("f4"),
             "ids": np.arange(-500, 500), "half": rng.standard_normal(64).astype("f2"), "empty": np.zeros((0, 3), "f8"),
             "brain": rng.standard_normal((8, 8)).astype(ml_dtypes.bfloat16), "scalar": np.array(2.5), "on": rng.integers(0, 2, 33).astype("?")}
    st.save_file(model, top / "a.safetensors", metadata={"step": "100", "a note": "of two words\nand lines", "long": "z" * 70_000})
    model["layers/1/w"][3, 4] += 1
    st.save_file(model, top / "b.safetensors", metadata={"step": "200"})
    n = ROWS
    columns = {
        "price": pa.array(rng.standard_normal(n) * 100), "qty": pa.array([None if i % 7 == 0 else i for i in range(n)], pa.int64()),
        "name": pa.array([None if i % 11 == 0 else f"\u00e9{i * i}" for i in range(n)]),
        "day": pa.array(np.arange(n, dtype="i4") % 20000, pa.date32()), "ts": pa.array(np.arange(n) * 1_000_003, pa.timestamp("us")),
        "tags": pa.array([None if i % 5 == 0 else [j for j in range(i % 4)] for i in range(n)], pa.list_(pa.int32()))}
    pq.write_table(pa.table(columns), top / "t.parquet", compression="zstd", row_group_size=30_000)
    with h5py.File(top / "h.h5", "w") as f:
        d = f.create_dataset("g/x", data=rng.integers(0, 1000, (64, 32)).astype(">i2"), chunks=(16, 16), compression="gzip")
        d.attrs["units"] = "K"
        d.attrs["range"] = np.array([0.5, 1.5])
        f["hard"] = d
        f["soft"] = h5py.SoftLink("/g/x")
    return top


def tool(*args, code=0, env=None, **how):
    """Standard output of a program of the system, which must have nothing to complain of."""
    need_tool(os.fspath(args[0]))
    p = subprocess.run(list(map(os.fspath, args)), stdin=subprocess.DEVNULL, capture_output=True, timeout=120,
                       env=dict(os.environ, LC_ALL="C.UTF-8", TZ="UTC", **(env or {})), **how)
    assert (p.returncode, p.stderr) == (code, b""), f"{args} returned {p.returncode}: {p.stderr.decode(errors='replace')}"
    return p.stdout


def files(top):
    """Everything below a directory: files' bytes, links' texts, None for directories."""
    return {str(p.relative_to(top)): os.readlink(p) if p.is_symlink() else p.read_bytes() if p.is_file() else None
            for p in sorted(pathlib.Path(top).rglob("*"))}


def attributes(path):
    """Those that can be written: ours of a mount are user.* only."""
    return {n: os.getxattr(path, n, follow_symlinks=False) for n in os.listxattr(path, follow_symlinks=False) if n.startswith("user.")}


def tensors(path):
    with safetensors.safe_open(path, "numpy") as f:
        return {k: f.get_tensor(k) for k in f.keys()}


# --- libraries --------------------------------------------------------------

def same_by_numpy(raw, npy, array):
    flat = np.fromfile(raw, array.dtype)
    assert flat.size == array.size and flat.tobytes() == array.tobytes(), raw
    if array.size:      # an empty file cannot be mapped
        mapped = np.memmap(raw, array.dtype, "r", shape=array.shape)
        assert mapped.tobytes() == array.tobytes(), raw
        view = np.load(npy, mmap_mode="r")
        assert isinstance(view, np.memmap) and not view.flags.writeable, npy
        assert view.shape == array.shape and view.tobytes() == array.tobytes(), npy
        if array.ndim == 2:
            assert view[1:200:7, ::3].tobytes() == array[1:200:7, ::3].tobytes(), npy
    view = np.load(npy)
    assert view.shape == array.shape and view.tobytes() == array.tobytes(), npy
    assert view.dtype == array.dtype or array.dtype == ml_dtypes.bfloat16, npy


def numpy_reads_every_tensor(top):
    """Raw by fromfile and memmap, the view by load, mapped and not."""
    with h5py.File(top / "h.h5") as f:
        arrays = {"a.safetensors": tensors(top / "a.safetensors"), "h.h5": {"g/x": f["g/x"][...]}}
    for archive, expected in arrays.items():
        with mounted(top / archive) as m:
            for name, array in expected.items():
                same_by_numpy(m / name, m / f".arrayfs/npy/{name}.npy", array)


def mapped_buffer(path):
    return pa.memory_map(str(path)).read_buffer()


def validity(path):
    """Arrow has a bit a slot, least first."""
    return pa.py_buffer(np.packbits(np.fromfile(path, "?"), bitorder="little"))


def arrow_arrays(m):
    """Arrow arrays upon the mapped files, nothing copied but the bits of validity."""
    numbers = {"price": pa.float64(), "qty": pa.int64(), "day": pa.date32(), "ts": pa.timestamp("us")}
    out = {name: pa.Array.from_buffers(kind, ROWS, [validity(f"{m / name}.validity") if (m / f"{name}.validity").exists() else None,
                                                    mapped_buffer(m / name)]) for name, kind in numbers.items()}
    out["name"] = pa.Array.from_buffers(pa.large_string(), ROWS, [validity(m / "name.validity"), mapped_buffer(m / "name/offsets"),
                                                                  mapped_buffer(m / "name/values")])
    values = mapped_buffer(m / "tags/values")
    child = pa.Array.from_buffers(pa.int32(), values.size // 4, [None, values])
    out["tags"] = pa.Array.from_buffers(pa.large_list(pa.int32()), ROWS, [validity(m / "tags.validity"), mapped_buffer(m / "tags/offsets")],
                                        children=[child])
    return out


def same_by_arrow(m, expected):
    for name, array in arrow_arrays(m).items():
        array.validate(full=True)
        want = expected[name].combine_chunks()
        assert array.cast(want.type).equals(want), name
    by_python = pa.py_buffer(np.memmap(m / "price", "f8", "r"))
    assert pa.Array.from_buffers(pa.float64(), ROWS, [None, by_python]).equals(expected["price"].combine_chunks())


def pyarrow_takes_the_files_as_buffers(top):
    with mounted(top / "t.parquet") as m:
        same_by_arrow(m, pq.read_table(top / "t.parquet"))


def same_by_duckdb(m, archive):
    con = duckdb.connect()

    def both(columns, ours, theirs=f"'{archive}'"):
        got, want = (con.execute(f"select {columns} from {source}").fetchall() for source in (ours, theirs))
        assert got == want, (columns, got, want)
    con.register("t", pa.table({k: v for k, v in arrow_arrays(m).items() if k != "tags"}))
    both("sum(qty) filter (price > 100), count(qty), max(name), count(name), min(ts), max(day)", "t")
    con.register("x", {name: np.load(m / f".arrayfs/npy/{name}.npy", mmap_mode="r") for name in ("price", "ts")})
    both("count(*), max(price), count(*) filter (price > 200), min(ts), max(ts)", "x")
    for column, kind in (("price", "DOUBLE"), ("day", "DATE"), ("ts", "TIMESTAMP"), ("qty", "BIGINT")):
        null = f", nullstr='{'-':>20}'" if column == "qty" else ""      # as wide as the field
        both("count(*), count(x), min(x), max(x), sum(hash(x))",
             f"read_csv('{m}/.arrayfs/text/{column}.txt', header=false, columns={{'x': '{kind}'}}{null})",
             f"(select {column}::{kind} x from '{archive}')")
    con.close()


def duckdb_asks_the_files(top):
    """SQL upon Arrow arrays of the files, upon numpy's of the views, and upon text."""
    with mounted(top / "t.parquet") as m:
        same_by_duckdb(m, top / "t.parquet")


def polars_reads_text_and_npy(top):
    expected = pl.read_parquet(top / "t.parquet")
    with mounted(top / "t.parquet") as m:
        for column in ("price", "qty", "day"):
            got = pl.read_csv(m / f".arrayfs/text/{column}.txt", has_header=False, null_values=f"{'-':>20}", schema={column: expected.schema[column]})
            assert got[column].equals(expected[column], null_equal=True), column
        for column in ("price", "ts"):
            got = pl.Series(column, np.load(m / f".arrayfs/npy/{column}.npy", mmap_mode="r"))
            assert got.dtype == expected.schema[column] and got.equals(expected[column]), column
        some = pl.scan_csv(m / ".arrayfs/text/price.txt", has_header=False, schema={"price": pl.Float64}).filter(pl.col.price > 300)
        assert some.collect()["price"].to_list() == [x for x in expected["price"].to_list() if x > 300]


# --- programs ---------------------------------------------------------------

def gnuplot_makes_a_histogram_of_the_raw_file(top):
    array = tensors(top / "a.safetensors")["layers/0/w"].astype("f8")
    with mounted(top / "a.safetensors") as m:
        def plot(first):
            (top / "plot").write_text(f"""{first}
bin(x) = 0.5 * floor(x / 0.5) + 0.25
plot '{m}/layers/0/w' binary format='%float32' using (bin($1)):(1) smooth frequency with boxes title 'w'
""")
            return tool("gnuplot", top / "plot").decode()
        picture, table = plot("set terminal dumb 72 20"), plot("set table")
    assert picture.count("***") > 10 and len(picture.splitlines()) >= 20, picture
    got = {float(line.split()[0]): int(line.split()[1]) for line in table.splitlines() if line.strip() and line[0] != "#"}
    bins, counts = np.unique(np.floor(array / 0.5) * 0.5 + 0.25, return_counts=True)
    assert got == dict(zip(bins.tolist(), counts.tolist())), got


def two_versions_of_a_model_differ_in_one_element(top):
    """By diff -r and git diff of the files, and by the text view to the element."""
    before, after = (tensors(top / n)["layers/1/w"][3, 4] for n in ("a.safetensors", "b.safetensors"))
    with mounted(top / "a.safetensors") as a, mounted(top / "b.safetensors") as b:
        told = tool("diff", "-rq", a, b, code=1).decode()
        assert told == f"Files {a}/layers/1/w and {b}/layers/1/w differ\n", told
        git = ["git", "-c", "core.quotePath=false", "--no-pager", "diff", "--no-index"]
        told = tool(*git, "--name-status", a, b, code=1).decode()
        assert told == f"M\t{a}/layers/1/w\n", told
        told = tool(*git, "--word-diff=porcelain", "-U0", a / ".arrayfs/text/layers/1/w.txt", b / ".arrayfs/text/layers/1/w.txt", code=1).decode()
        words = [line for line in told.splitlines() if re.match(r"[-+][^-+]|-[0-9.]|--[0-9]", line)]
        assert [np.float32(w[1:]) for w in words] == [before, after], told
        tool("diff", "-r", a / "layers/0", b / "layers/0")
        at = [int(line.split()[0]) - 1 for line in tool("cmp", "-l", a / "layers/1/w", b / "layers/1/w", code=1).splitlines()]
        assert at and {x // 4 for x in at} == {3 * 400 + 4}, at


def keeps_attributes(path):
    with tempfile.NamedTemporaryFile(dir=path) as f:
        try:
            os.setxattr(f.name, "user.probe", b"x")
        except OSError:
            return False
    return True


def copies_are_as_the_mount(top):
    """cp -a, rsync -aHX and tar --xattrs: bytes, times, links and attributes."""
    kept = keeps_attributes(top)
    if not kept:
        comment("this file system has no user attributes: copies are compared without")
    for archive in ("a.safetensors", "h.h5", "t.parquet"):
        with mounted(top / archive) as m:
            want, bytes_ = {p: attributes(m / p) for p in files(m)}, files(m)
            assert any(b"float" in v.get("user.array.dtype", b"") or b"int" in v.get("user.array.dtype", b"") for v in want.values())
            for name, command in (("cp", ["cp", "-a", f"{m}/."]), ("rsync", ["rsync", "-aHX" if kept else "-aH", f"{m}/"]), ("tar", None)):
                copy = top / f"{archive}.{name}"
                copy.mkdir()
                if command:
                    tool(*command, copy)
                else:
                    tool("tar", "-C", m, "--xattrs", "--xattrs-include=user.*", "-cf", top / "t.tar", ".")
                    tool("tar", "-C", copy, *(["--xattrs", "--xattrs-include=user.*"] if kept else []), "-xf", top / "t.tar")
                assert files(copy) == bytes_, f"{archive} {name}"
                for path, attrs in want.items():
                    a, b = os.lstat(m / path), os.lstat(copy / path)
                    assert (a.st_mtime_ns // 10**9, a.st_mode) == (b.st_mtime_ns // 10**9, b.st_mode), f"{archive} {name} {path}"
                    if kept and not os.path.islink(m / path):
                        assert attributes(copy / path) == attrs, f"{archive} {name} {path}"
                    if archive == "h.h5" and path in ("g/x", "hard"):
                        assert b.st_nlink == 2, f"{name}: hard links"
                if name == "rsync":
                    assert tool("rsync", "-aHXin" if kept else "-aHin", "--checksum", f"{m}/", copy) == b""
            with tarfile.open(top / "t.tar") as t:
                for member in t.getmembers():
                    path = os.path.normpath(member.name)
                    if path in want and not (member.issym() or member.islnk()):
                        told = {k.split(".", 2)[2]: v for k, v in member.pax_headers.items() if k.startswith("SCHILY.xattr.user.")}
                        assert told == {k: v.decode("utf-8", "surrogateescape") for k, v in want[path].items()}, path


def getfattr_tells_all_and_nothing_else(top):
    """What the reference libraries know of the archive; of 70,000 bytes only the JSON view."""
    def dump(path):
        text = tool("getfattr", "--absolute-names", "-h", "-d", path).decode()
        text = re.sub(r"\\(\d{3})", lambda x: chr(int(x[1], 8)), text.replace('\\"', '"'))
        return {k: v for k, v in re.findall(r'^(user\.[^=]+)="(.*?)"$', text, re.M | re.S)}
    with mounted(top / "a.safetensors") as m:
        root = dump(m)
        with safetensors.safe_open(top / "a.safetensors", "numpy") as f:
            metadata = f.metadata()
        want = {f"user.attr.{k}": v for k, v in metadata.items() if len(v) < 65536}
        assert {k: v for k, v in root.items() if k.startswith("user.attr.")} == want and len(want) == 2, root
        assert metadata["long"] in (m / ".arrayfs/archive.json").read_text()
        told = tool("getfattr", "--absolute-names", "-dR", m).decode()
        assert told.count("user.array.dtype=") == len(tensors(top / "a.safetensors"))
        assert tool("ls", "-lR", m).count(b"\n-r") == len(tensors(top / "a.safetensors"))
    with mounted(top / "h.h5") as m, h5py.File(top / "h.h5") as f:
        x = dump(m / "g/x")
        assert (x["user.attr.units"], json.loads(x["user.attr.range"])) == (f["g/x"].attrs["units"], [0.5, 1.5]), x
        assert (x["user.array.dtype"], x["user.array.byteorder"], x["user.array.shape"]) == ("int16", "big", "[64,32]"), x


def sums_zips_finds_and_du(top):
    expected = tensors(top / "a.safetensors")
    sums = {name: hashlib.sha256(array.tobytes()).hexdigest() for name, array in expected.items()}
    (top / "SUMS").write_text("".join(f"{digest}  {name}\n" for name, digest in sums.items()))
    with mounted(top / "a.safetensors") as m:
        assert tool("sha256sum", "-c", top / "SUMS", cwd=m).decode().splitlines() == [f"{name}: OK" for name in sums]
        tool("zip", "-qr", top / "m.zip", ".", cwd=m)
        with zipfile.ZipFile(top / "m.zip") as z:
            assert z.testzip() is None
            assert {i.filename: z.read(i) for i in z.infolist() if not i.is_dir()} == {k: v.tobytes() for k, v in expected.items()}
        for test, holds in (("+100k", lambda n: n > 100 << 10), ("0", lambda n: n == 0), ("-2", lambda n: 0 <= n <= 512), ("480000c", lambda n: n == 480000)):
            found = tool("find", ".", "-type", "f", "-size", test, cwd=m).decode().split()
            assert sorted(found) == sorted(f"./{k}" for k, v in expected.items() if holds(v.nbytes)), test
        total = sum(v.nbytes for v in expected.values())
        assert int(tool("du", "-sb", m).split()[0]) == total
        blocks = sum((v.nbytes + 511) // 512 * 512 for v in expected.values())
        assert int(tool("du", "-s", "-B", "512", m).split()[0]) * 512 == blocks
        assert tool("wc", "-c", m / "layers/0/w").split()[0] == b"480000"
        assert tool("od", "-An", "-t", "f8", m / "scalar").split() == [b"2.5"]


def recipes_of_the_docs_are_a_run():
    for program in ("gnuplot", "git", "rsync", "getfattr"):
        need_tool(program)
    need_mounts()
    if not importlib.util.find_spec("torch"):
        raise Skip(LIBRARIES)
    top = pathlib.Path(__file__).resolve().parents[2]
    if not keeps_attributes(pathlib.Path(tempfile.gettempdir())):
        raise Skip("no attributes in the file system of temporary files: TMPDIR=FOLDER of one that has them")
    said = tool(top / "scripts/recipes", pathlib.Path(ARRAYFS).parents[1], env={"TEST_PYTHON": sys.executable}).decode()
    chapter = "## " + (top / "docs/recipes.md").read_text().split("\n## ", 1)[1]
    expected = chapter.strip()
    assert said.strip() == expected, "\n".join(difflib.unified_diff(expected.splitlines(), said.strip().splitlines(), lineterm=""))


def loader_of_the_docs_loads():
    """What docs/performance.md says of feeding a GPU, without one."""
    need_mounts()
    if not importlib.util.find_spec("torch"):
        raise Skip(LIBRARIES)
    import torch
    from safetensors.torch import save_file
    page = (pathlib.Path(__file__).resolve().parents[2] / "docs/performance.md").read_text()
    code = page.split("```python\n", 1)[1].split("```", 1)[0].rsplit("\nw = ", 1)[0]
    names = {}
    exec(code.replace("pin_memory=True", "pin_memory=False"), names)
    tensors = {"many": torch.randn(1700, 1000), "odd": torch.randn(513, 3).bfloat16(), "none": torch.empty(0)}
    with folder() as top:
        save_file(tensors, top / "w.safetensors")
        with mounted(top / "w.safetensors") as m:
            for name, tensor in tensors.items():
                got = names["load"](str(m / name), tensor.dtype, tensor.shape, device="cpu")
                assert torch.equal(got, tensor), name


def readme_shows_recipes_of_the_page():
    top = pathlib.Path(__file__).resolve().parents[2]
    recipes = (top / "docs/recipes.md").read_text() + "    $ arrayfs packed.npz packed\n"    # which are mounted before
    chapter = (top / "README.md").read_text().split("\n## Recipes\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in chapter.splitlines() if line.startswith("    ") and "numpy" not in line]
    assert len(lines) > 10
    others = [line for line in lines if line.strip() not in recipes]
    assert not others, others


def pictures_of_the_readme_can_be_drawn():
    need_tool("getfattr")
    need_mounts()
    top = pathlib.Path(__file__).resolve().parents[2]
    with folder() as drawn:
        tool(top / "scripts/pictures", pathlib.Path(ARRAYFS).parents[1], drawn)
        for path in sorted((top / "docs/pictures").iterdir()):
            image = xml.dom.minidom.parseString((drawn / path.name).read_bytes())
            assert len(image.getElementsByTagName("text")) > 10, path.name


def fresh(test):
    """Each test has its own archives."""
    def run():
        with folder() as top:
            test(make(top))
    run.__name__ = test.__name__
    return run


run_all([fresh(f) for f in (
    numpy_reads_every_tensor, pyarrow_takes_the_files_as_buffers, duckdb_asks_the_files, polars_reads_text_and_npy,
    gnuplot_makes_a_histogram_of_the_raw_file, two_versions_of_a_model_differ_in_one_element, copies_are_as_the_mount,
    getfattr_tells_all_and_nothing_else, sums_zips_finds_and_du)] + [
    pictures_of_the_readme_can_be_drawn, readme_shows_recipes_of_the_page, loader_of_the_docs_loads, recipes_of_the_docs_are_a_run])
done()
