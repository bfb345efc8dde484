#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
""".arrayfs/png: the pictures, decoded here by zlib alone, against the means that NumPy makes of the same
arrays, and the colours that Oklab's own formula gives."""
import json
import math
import os
import pathlib
import sys
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import WORK, arrayfs, done, folder, mounted, need, run_all, sampled  # noqa: E402

np, ml_dtypes, h5py, pa = need("numpy", "ml_dtypes", "h5py", "pyarrow")
np.seterr(all="ignore")
NONE, NAN, FIRST, LEVELS = 0, 1, 2, 253


# --- a PNG, by its specification ------------------------------------------------------------------

def chunks(data):
    assert data[:8] == b"\x89PNG\r\n\x1a\n", data[:8]
    at = 8
    while at < len(data):
        size, name = int.from_bytes(data[at:at + 4], "big"), data[at + 4:at + 8]
        body, crc = data[at + 8:at + 8 + size], int.from_bytes(data[at + 8 + size:at + 12 + size], "big")
        assert zlib.crc32(name + body) == crc, f"the CRC-32 of {name}"
        yield name.decode(), body
        at += 12 + size
    assert at == len(data)


def decoded(data):
    """Indices of colours, the palette, the comment."""
    all_of = list(chunks(data))
    assert [n for i, (n, _) in enumerate(all_of) if i == 0 or n != all_of[i - 1][0]] == [
        "IHDR", "PLTE", "tRNS", "tEXt", "IDAT", "fiLl", "IEND"], [n for n, _ in all_of]
    got = dict(all_of)
    width, height = (int.from_bytes(got["IHDR"][i:i + 4], "big") for i in (0, 4))
    assert got["IHDR"][8:] == bytes([8, 3, 0, 0, 0]), got["IHDR"]
    lines = np.frombuffer(zlib.decompress(b"".join(b for n, b in all_of if n == "IDAT")), np.uint8).reshape(height, width + 1)
    assert not lines[:, 0].any(), "a filter"
    palette = np.frombuffer(got["PLTE"], np.uint8).reshape(-1, 3)
    assert len(palette) == FIRST + LEVELS and lines[:, 1:].max() < len(palette)
    keyword, text = got["tEXt"].split(b"\0")
    assert keyword == b"Comment" and width <= 1024 and height <= 1024
    return lines[:, 1:], palette, text.decode().rstrip()


def png(source, name="data", code=0):
    return arrayfs("--cat", source, f".arrayfs/png/{name}.png", code=code).stdout


# --- what it must be, by NumPy --------------------------------------------------------------------

def oklch(lightness, chroma, hue):
    """sRGB, from Björn Ottosson's "A perceptual color space for image processing" (2020)."""
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    lms = np.array([[1, 0.3963377774, 0.2158037573], [1, -0.1055613458, -0.0638541728], [1, -0.0894841775, -1.2914855480]]) @ [lightness, a, b]
    light = np.array([[4.0767416621, -3.3077115913, 0.2309699292], [-1.2684380046, 2.6097574011, -0.3413193965],
                      [-0.0041960863, -0.7034186147, 1.7076147010]]) @ lms ** 3
    light = light.clip(0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255


def palette_of(diverging):
    for t in np.linspace(0, 1, LEVELS):
        away = abs(2 * t - 1)
        yield oklch(0.97 - 0.56 * away, 0.155 * away, 255 if t < 0.5 else 27) if diverging else oklch(0.2 + 0.76 * t, 0.08 + 0.045 * t ** 3, 290 - 185 * t)


def means(a, rows, columns):
    """Of blocks of so many rows and columns, the last ones smaller."""
    a = np.abs(a.astype(np.complex128)) if a.dtype.kind == "c" else a.astype(np.float64)
    sums = np.add.reduceat(np.add.reduceat(a, range(0, a.shape[0], rows), 0), range(0, a.shape[1], columns), 1)
    ones = np.ones(a.shape)
    return sums / np.add.reduceat(np.add.reduceat(ones, range(0, a.shape[0], rows), 0), range(0, a.shape[1], columns), 1)


def range_of(cells):
    finite = np.sort(cells[np.isfinite(cells)])
    if len(finite) == 0:
        return 0, 0, False
    low, high = finite[len(finite) // 100], finite[len(finite) - 1 - len(finite) // 100]
    if low == high:
        low, high = finite[0], finite[-1]
    if low < 0 < high:
        high = max(-low, high)
        return -high, high, True
    return low, high, False


def colors_of(cells):
    low, high, diverging = range_of(cells)
    if low == high:
        level = np.where(cells < low, 0, np.where(cells > high, LEVELS - 1, (LEVELS - 1) // 2))
    else:
        scale = 0.5 if np.isinf(high - low) else 1.0
        part = (cells.clip(low, high) * scale - low * scale) / (high * scale - low * scale)
        level = np.floor(np.nan_to_num(part) * (LEVELS - 1) + 0.5)
    return np.where(np.isnan(cells), NAN, FIRST + level).astype(int), low, high, diverging


def same(data, cells, grown, what):
    """The picture is that of the cells, each so many pixels high and wide."""
    pixels, palette, text = decoded(data)
    want, low, high, diverging = colors_of(cells)
    want = want.repeat(grown[0], 0).repeat(grown[1], 1)
    assert pixels.shape == want.shape, f"{what}: {pixels.shape}, not {want.shape}"
    off = np.abs(pixels.astype(int) - want)
    special = (want < FIRST) | (pixels < FIRST)
    # the order in which numbers are added may move a mean over the edge of a level
    assert not off[special].any() and off.max() <= 1 and (off > 0).mean() < 0.01, f"{what}: {off.max()} levels off, at {np.argwhere(off)[:3]}"
    theirs = np.array(list(palette_of(diverging)))
    assert np.abs(palette[FIRST:] - theirs).max() <= 1, f"{what}: another palette"
    assert palette[NAN].tolist() == [255, 0, 255]
    told = [float(w) for w in text.split(";")[0].split(" to ")]
    assert np.allclose(told, [low, high], rtol=1e-5, atol=0), f"{what}: {text}, not {low} to {high}"


def plain(a):
    """Rows and columns to a cell, and how it is grown, of a matrix."""
    each = [-(-n // 1024) for n in a.shape]
    cells = [-(-n // e) for n, e in zip(a.shape, each)]
    both = max(256 // max(cells), 1)
    return each, [-(-64 // c) if c * both < 64 else both for c in cells]


def saved(top, a, name="a.npy"):
    np.save(top / name, a)
    return top / name


def matrix_is_drawn(top, a, what, name="a.npy"):
    each, grown = plain(a)
    same(png(saved(top, a, name)), means(a, *each), grown, what)


RNG = np.random.default_rng(7)


def numbers_of_every_type_are_drawn():
    types = ["?", "i1", "u1", "<i2", ">i2", "<u2", ">u2", "<i4", ">i4", "<u4", ">u4", "<i8", ">i8", "<u8", ">u8", "<f2", ">f2", "<f4", ">f4",
             "<f8", ">f8", "<c8", ">c8", "<c16", ">c16"]
    with folder() as top:
        for t in types:
            a = RNG.normal(3, 40, (37, 53))
            a = (a + 1j * RNG.normal(0, 9, a.shape)) if "c" in t else a.astype("i8") % 100 if "u" in t or t == "?" else a
            if t == "?":
                a = a > 50
            matrix_is_drawn(top, a.astype(t), t)
            matrix_is_drawn(top, np.asfortranarray(a.astype(t)), t + ", Fortran")


def write_safetensors(path, tensors):
    header, data = {}, b""
    for name, (dtype, shape, raw) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def narrow_floats_are_drawn_by_their_values():
    floats = [("BF16", "bfloat16"), ("F8_E4M3", "float8_e4m3fn"), ("F8_E5M2", "float8_e5m2")]
    with folder() as top:
        arrays = {t: RNG.normal(0, 1, (30, 41)).astype(getattr(ml_dtypes, own)) for t, own in floats}
        path = write_safetensors(top / "m.safetensors", {t: (t, a.shape, a.tobytes()) for t, a in arrays.items()})
        for t, a in arrays.items():
            each, grown = plain(a)
            same(png(path, t), means(a.astype(np.float64), *each), grown, t)
        packed = RNG.integers(0, 256, (6, 8), np.uint8)
        values = packed.view(np.uint8).reshape(-1, 1) >> np.array([0, 4], np.uint8) & 15
        values = values.astype(np.uint8).reshape(6, 16).view(ml_dtypes.float4_e2m1fn).astype(np.float64)
        path = write_safetensors(top / "p.safetensors", {"F4": ("F4", (6, 16), packed.tobytes())})
        each, grown = plain(values)
        same(png(path, "F4"), means(values, *each), grown, "F4")


def large_matrices_are_averaged():
    shapes = [(1024, 1024), (1025, 1023), (2048, 3), (3, 5000), (1, 7), (7, 1), (1, 1), (3000, 1700), (10, 100000), (100000, 10)]
    with folder() as top:
        for shape in sampled(shapes):
            matrix_is_drawn(top, RNG.normal(0.1, 1, shape).astype("f4"), shape)
            matrix_is_drawn(top, np.asfortranarray(RNG.normal(4, 1, shape).astype("f4")), f"{shape}, Fortran")


def what_is_not_finite_is_marked_or_clipped():
    inf, nan = math.inf, math.nan
    with folder() as top:
        a = RNG.normal(0, 1, (60, 90))
        a[3, 4], a[5, 6], a[7, 8], a[10:20, 10:30] = inf, -inf, nan, nan
        matrix_is_drawn(top, a, "some")
        a = RNG.normal(0, 1, (2100, 50))
        a[0, 0], a[3, 1], a[6, 2], a[7, 2], a[9, 3] = inf, nan, inf, -inf, -inf
        matrix_is_drawn(top, a, "averaged")
        for v in (nan, inf, -inf, 0.0, 5.0, -0.0, 5e-324, -1.7e308):
            matrix_is_drawn(top, np.full((4, 5), v), v)
        matrix_is_drawn(top, np.array([[inf, nan, -inf], [inf, nan, inf]]), "nothing finite")
        matrix_is_drawn(top, np.array([[1.7e308, -1.7e308], [0, 1e308]]), "the whole range")
        matrix_is_drawn(top, np.array([[5e-324, 1e-323], [0, 2e-323]]), "subnormal")


def the_range_is_that_of_most_cells():
    with folder() as top:
        a = RNG.uniform(10, 20, (50, 60))
        a[0, 0], a[1, 1] = 1e30, -1e30
        matrix_is_drawn(top, a, "outliers")
        matrix_is_drawn(top, np.eye(200), "a diagonal, which is less than a hundredth")
        matrix_is_drawn(top, -np.eye(8), "negative alone")


def tiles_of(a, h, w, shown, across, each):
    """Matrices as tiles, a pixel apart, each cell so many elements."""
    tiles = a.reshape(-1, h, w)
    tiles = np.stack([tiles[i * len(tiles) // shown] for i in range(shown)])
    return [means(t, *each) for t in tiles], across


def mosaic(a, h, w, shown, across, each, grown, data, what):
    cells, across = tiles_of(a, h, w, shown, across, each)
    want, low, high, diverging = colors_of(np.stack(cells))
    want = want.repeat(grown[0], 1).repeat(grown[1], 2)
    th, tw = want.shape[1:]
    down = -(-shown // across)
    whole = np.zeros((down * (th + 1) - 1, across * (tw + 1) - 1), int)
    for i in range(shown):
        y, x = i // across * (th + 1), i % across * (tw + 1)
        whole[y:y + th, x:x + tw] = want[i]
    pixels = decoded(data)[0]
    assert pixels.shape == whole.shape, f"{what}: {pixels.shape}, not {whole.shape}"
    off = np.abs(pixels.astype(int) - whole)
    assert not off[(whole < FIRST) | (pixels < FIRST)].any() and off.max() <= 1 and (off > 0).mean() < 0.01, f"{what}: {off.max()}"


def more_dimensions_are_tiles():
    with folder() as top:
        a = RNG.normal(0, 1, (30, 120, 240)).astype("f4")
        mosaic(a, 120, 240, 30, 4, (1, 1), (1, 1), png(saved(top, a)), "maps")
        a = RNG.normal(0, 1, (64, 3, 7, 7)).astype("f4")
        mosaic(a, 7, 7, 192, 14, (1, 1), (2, 2), png(saved(top, a)), "kernels")
        a = RNG.normal(0, 1, (3000, 28, 28)).astype("f4")
        mosaic(a, 28, 28, 35 * 35, 35, (1, 1), (1, 1), png(saved(top, a)), "many")
        a = RNG.normal(0, 1, (5, 1500, 2200)).astype("f4")
        mosaic(a, 1500, 2200, 5, 3, (3, 7), (1, 1), png(saved(top, a)), "large")
        f = np.asfortranarray(RNG.normal(0, 1, (7, 9, 6)).astype("f4"))  # drawn as six matrices of 7 x 9, from top to bottom first
        got = decoded(png(saved(top, f)))[0].T
        want = decoded(png(saved(top, np.ascontiguousarray(f.T))))[0]
        assert (got == want).all()


def channels_stay_together():
    with folder() as top:
        a = RNG.integers(0, 256, (40, 50, 3), np.uint8)
        same(png(saved(top, a)), means(a.reshape(40, 150), 1, 1), (2, 1), "small")
        a = RNG.integers(0, 256, (400, 500, 3), np.uint8)
        same(png(saved(top, a)), means(a.reshape(400, 1500), 1, 3), (1, 1), "large")


def extents_of_one_are_left_out():
    with folder() as top:
        a = RNG.normal(0, 1, (12, 15))
        want = png(saved(top, a))
        for shape in ((12, 1, 15), (1, 12, 15, 1), (1,) * 20 + (12,) + (1,) * 41 + (15,)):
            assert png(saved(top, a.reshape(shape))) == want, shape
        assert decoded(png(saved(top, np.ones((1,) * 64))))[0].shape == (256, 256)


def nothing_to_draw_is_no_file():
    with folder() as top:
        for a in (np.float32(1), np.arange(4.0), np.zeros((0, 3)), np.zeros((3, 0)), np.zeros((2, 0, 3)), np.array([["a", "b"]]),
                  np.array([[b"a", b"b"]]), np.zeros((2, 2), "M8[s]"), np.zeros((2, 2), "V3")):
            assert b"No such file" in arrayfs("--cat", saved(top, a), ".arrayfs/png/data.png", code=1).stderr, a.dtype


def arrays_without_end_are_sampled():
    with folder() as top:
        with h5py.File(top / "f.h5", "w") as f:
            f.create_dataset("square", (2 ** 30, 2 ** 29), "i1", chunks=(1024, 1024), fillvalue=3)
            f.create_dataset("too large", (2 ** 31, 2 ** 31), "i1", chunks=(1024, 1024))
            f.create_dataset("wide", (2, 2 ** 56), "f4", chunks=(1, 1 << 20))
            f.create_dataset("high", (2 ** 56, 2), "f4", chunks=(1 << 20, 1), fillvalue=-2)
            f.create_dataset("tiles", (2 ** 19, 2 ** 19, 2 ** 19), "f4", chunks=(1, 1024, 1024), compression="gzip")
            d = f.create_dataset("dims", (2,) * 20, "i1", chunks=(2,) * 20)
            d[(0,) * 19] = [1, 2]
        for name, value in (("square", 3), ("wide", 0), ("high", -2), ("tiles", 0)):
            pixels, _, text = decoded(png(top / "f.h5", name))
            assert ((pixels == FIRST + LEVELS // 2) | (pixels == NONE)).all() and (pixels > NONE).mean() > 0.5, name
            assert text.startswith(f"{value} to {value}; a cell is the mean of some of "), text
        arrayfs("--cat", top / "f.h5", ".arrayfs/png/too large.png", code=1)
        pixels = decoded(png(top / "f.h5", "dims"))[0]
        assert pixels[0, 0] != pixels[-1, -1]


def a_sample_looks_like_the_whole():
    """400 MB, of which some rows are read: a plane stays a plane."""
    with folder() as top:
        a = np.lib.format.open_memmap(top / "a.npy", "w+", "i2", (20000, 10000))
        for i in range(0, 20000, 2000):
            a[i:i + 2000] = (np.arange(i, i + 2000)[:, None] + np.arange(10000)) % 32768
        a.flush()
        pixels, _, text = decoded(png(top / "a.npy"))
        assert "some of 20 x 10" in text and pixels.shape == (1000, 1000)
        steps = np.diff(pixels.astype(int), axis=0)
        assert (steps >= 0).all() and steps.max() <= 2


def nulls_are_marked():
    with folder() as top:
        rows = [[1.0, 2.0, None], [4.0, None, 6.0], [7.0, 8.0, 9.0]]
        table = pa.table({"v": pa.array(rows, pa.list_(pa.float32(), 3))})
        with pa.OSFile(str(top / "t.arrow"), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        a = np.array([[math.nan if v is None else v for v in r] for r in rows])
        each, grown = plain(a)
        same(png(top / "t.arrow", "v"), means(a, *each), grown, "fixed-size lists")


def fixtures(step, *patterns):
    """Some of them, and what is listed in each."""
    data = pathlib.Path(__file__).resolve().parents[1] / "data"
    for path in sampled(sorted(p for pattern in patterns for p in data.glob(pattern))[::step]):
        p = arrayfs("--list", "--json", path, code=None)
        if p.returncode == 0 and path.is_file():
            yield path, [json.loads(line) for line in p.stdout.splitlines()]


def is_drawn(o):
    """Numbers in two dimensions or more, and some."""
    numeric = o.get("dtype", "").rstrip("0123456789_fnuzme").rstrip("0123456789") in ("bool", "int", "uint", "float", "bfloat", "complex")
    return o["kind"] == "file" and numeric and len(o.get("shape", [])) >= 2 and 0 not in o["shape"] and "error" not in o


def all_of(path, view, suffix, nodes):
    """The view's files of these, or None where one of them cannot be read, as the array itself."""
    p = arrayfs("--cat", path, *(f".arrayfs/{view}/{o['path']}{suffix}" for o in nodes), code=None)
    assert p.returncode == 0 or any(arrayfs("--cat", path, o["path"], code=None).returncode for o in nodes), f"{path}: {p.stderr}"
    return p.stdout if p.returncode == 0 else None


def cut(pictures):
    end = b"\0\0\0\0IEND" + zlib.crc32(b"IEND").to_bytes(4, "big")
    return [p + end for p in pictures.split(end)[:-1]]


def fixtures_have_their_pictures():
    for path, nodes in fixtures(5, "*/*"):
        files = [o for o in nodes if o["kind"] == "file" and o["path"] and not set(o["path"]) & set("*?[") and "error" not in o]
        drawn = [o for o in files if is_drawn(o)][:100]
        got = all_of(path, "png", ".png", drawn) if drawn else None
        if got is not None:
            assert len([decoded(p) for p in cut(got)]) == len(drawn), path
        for o in [o for o in files if "shape" in o and not is_drawn(o)][:2]:
            arrayfs("--cat", path, f".arrayfs/png/{o['path']}.png", code=1)


def quantized_numbers_are_drawn_by_their_values():
    seen = 0
    for path, nodes in fixtures(1, "gguf/*", "quant/*", "tflite/*"):
        files = [o for o in nodes if is_drawn(o) and len(o["shape"]) == 2 and max(o["shape"]) <= 1024]
        for o in sampled(files[:8]):
            p = arrayfs("--cat", path, f".arrayfs/f32/{o['path']}", code=None)
            if p.returncode == 0:
                a = np.frombuffer(p.stdout, "<f4").reshape(o["shape"][0], -1)
                each, grown = plain(a)
                same(png(path, o["path"]), means(a, *each), grown, f"{path} {o['path']}")
                seen += 1
    assert seen > 0 or WORK < 1


def sizes_are_told_and_bytes_stay_the_same():
    with folder() as top:
        (top / "d").mkdir()
        for i, shape in enumerate([(3, 4), (300, 2000), (5, 6, 7), (64, 2, 3, 3), (1500, 1500)]):
            np.save(top / "d" / f"{i}.npy", RNG.normal(0, 1, shape))
        np.save(top / "d" / "line.npy", np.arange(5))
        name = "n\n\x1b[31m%2F é"
        arrays = {name: RNG.normal(0, 1, (4, 4)).astype("f4"), "a.b": np.ones((2, 2), "f4")}
        write_safetensors(top / "d" / "m.safetensors", {n: ("F32", a.shape, a.tobytes()) for n, a in arrays.items()})
        first = {}
        for again in range(2):
            with mounted(top / "d") as mnt:
                views = mnt / ".arrayfs/png"
                found = sorted(p.relative_to(views) for p in views.rglob("*.png"))
                assert len(found) == 7, found
                assert os.listdir(views / "line.npy") == []
                for p in found:
                    size = (views / p).stat().st_size
                    got = (views / p).read_bytes()
                    assert len(got) == size and first.setdefault(p, got) == got and (views / p).read_bytes() == got, p
                    decoded(got)
                    at = size // 3
                    with open(views / p, "rb") as f:
                        f.seek(at)
                        assert f.read(100) == got[at:at + 100]
                assert sorted(os.listdir(views / "m.safetensors")) == ["a.b.png", "n%0A%1B[31m%2F é.png"]
        for p, want in first.items():
            archive, _, array = str(p)[:-4].partition("/")
            assert png(top / "d" / archive, array) == want, p


def what_cannot_be_read_is_an_error():
    with folder() as top:
        with h5py.File(top / "f.h5", "w") as f:
            f.create_dataset("d", data=RNG.integers(0, 9, (100, 100)), chunks=(10, 100), compression="gzip", fletcher32=True)
            at = f["d"].id.get_chunk_info(5).byte_offset
        raw = bytearray(pathlib.Path(top / "f.h5").read_bytes())
        raw[at + 20] ^= 255
        (top / "f.h5").write_bytes(raw)
        said = arrayfs("--cat", top / "f.h5", ".arrayfs/png/d.png", code=1).stderr.decode()
        assert "fletcher32" in said or "deflate" in said or "d" in said and said.count("\n") == 1, said


if __name__ == "__main__":
    run_all([numbers_of_every_type_are_drawn, narrow_floats_are_drawn_by_their_values, large_matrices_are_averaged,
             what_is_not_finite_is_marked_or_clipped, the_range_is_that_of_most_cells, more_dimensions_are_tiles, channels_stay_together,
             extents_of_one_are_left_out, nothing_to_draw_is_no_file, arrays_without_end_are_sampled, a_sample_looks_like_the_whole,
             nulls_are_marked, fixtures_have_their_pictures, quantized_numbers_are_drawn_by_their_values,
             sizes_are_told_and_bytes_stay_the_same, what_cannot_be_read_is_an_error])
    done()
