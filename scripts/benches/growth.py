# SPDX-License-Identifier: MIT
"""How the cost grows: with the number of arrays, of archives, of bytes and of readers."""
import os
import time

from measure import ARRAYFS, DATA, PYTHON, RESULTS, Mount, make, resident, run, say, timed, wait_read_ahead
from hdf5 import cube

# Threads that read a part each.
READERS = """
import os, sys, threading
size, count = os.path.getsize(sys.argv[1]), int(sys.argv[2])
def read(part):
    fd, buffer = os.open(sys.argv[1], os.O_RDONLY), bytearray(1 << 20)
    for at in range(size // count * part, size // count * (part + 1), len(buffer)): os.preadv(fd, [buffer], at)
readers = [threading.Thread(target=read, args=(part,)) for part in range(count)]
for r in readers: r.start()
for r in readers: r.join()"""


def show(what, step, **figures):
    """Seconds are told in ms, bytes in MiB, everything else as it is."""
    RESULTS.append({"case": f"growth, {what}", "step": step, **figures})
    units = {"seconds": (1e3, "ms"), "bytes": (2 ** -20, "MiB")}
    said = []
    for name, value in figures.items():
        factor, unit = units.get(name.rsplit("_", 1)[-1], (1, ""))
        said.append(f"{(name.rsplit('_', 1)[0] if unit else name).replace('_', ' ')} {value * factor:.{1 if unit else 0}f} {unit}".strip())
    say(f"{what:<10} {step:>10}   " + "   ".join(said))


def mounted(*command):
    """A mount, and the seconds until its root was listed."""
    m = Mount(ARRAYFS, "-f", *command)
    start = time.perf_counter()
    m.__enter__()
    return m, time.perf_counter() - start


def arrays():
    for power in range(3, 7):
        count = 10 ** power
        path = make(f"growth-{count}.safetensors", f"""
import json, struct, sys
names = [f"layers.{{i // 9}}.sub{{i % 9}}.w{{i}}" for i in range({count})]
header = json.dumps({{n: {{"dtype": "F32", "shape": [2, 3], "data_offsets": [24 * i, 24 * i + 24]}} for i, n in enumerate(names)}},
                    separators=(",", ":")).encode()  # the format allows 100 MB
open(sys.argv[1], "wb").write(struct.pack("<Q", len(header)) + header + bytes(24 * {count}))""")
        listing = min(timed(lambda: run(ARRAYFS, "--list", path)) for _ in range(3))
        m, opened = mounted(path)
        with_nothing = resident(m.daemon.pid)
        find = timed(lambda: run("find", m.point, "-size", "+0"))
        show("arrays", f"{count:,}", list_seconds=listing, mount_and_ls_seconds=opened, find_seconds=find,
             mounted_bytes=with_nothing, found_bytes=resident(m.daemon.pid))
        m.__exit__()


def archives():
    source = make("growth-10.safetensors", """
import sys, numpy as np
from safetensors.numpy import save_file
save_file({f"tensor{i}": np.full((100,), i, np.float32) for i in range(10)}, sys.argv[1])""")
    content = source.read_bytes()
    for count in (1, 10, 100, 1_000, 10_000):
        folder = DATA / f"growth-files-{count}"
        if not folder.exists():
            folder.mkdir()
            for i in range(count):
                (folder / f"{i:05}.safetensors").write_bytes(content)
        m, opened = mounted(folder)
        find = timed(lambda: run("find", m.point, "-size", "+0"))
        cat = timed(lambda: run("sh", "-c", f"cat {m.point}/*/tensor3"))
        show("archives", f"{count:,}", mount_and_ls_seconds=opened, find_seconds=find, cat_seconds=cat,
             resident_bytes=resident(m.daemon.pid), descriptors=len(os.listdir(f"/proc/{m.daemon.pid}/fd")))
        m.__exit__()


def sizes():
    """One sparse array: its last MiB, and as much of it as 2 GiB."""
    for mib in (1, 32, 1_024, 20_480):
        path = make(f"growth-{mib}.sparse.safetensors", f"""
import json, struct, sys
header = json.dumps({{"a": {{"dtype": "U8", "shape": [{mib << 20}], "data_offsets": [0, {mib << 20}]}}}}).encode()
with open(sys.argv[1], "wb") as f:
    f.write(struct.pack("<Q", len(header)) + header)
    f.truncate(8 + len(header) + ({mib} << 20))""")
        m, opened = mounted(path)
        wait_read_ahead(m.point)
        last = timed(lambda: run("dd", f"if={m.point / 'a'}", "of=/dev/null", "bs=1M", "count=1", f"skip={mib - 1}", "status=none"))
        some = min(mib, 2_048)
        first = timed(lambda: run("dd", f"if={m.point / 'a'}", "of=/dev/null", "bs=1M", f"count={some}", "status=none"))
        status = open(f"/proc/{m.daemon.pid}/status").read()
        own = sum(int(status.split(k)[1].split()[0]) for k in ("RssAnon:", "RssShmem:")) << 10
        show("size", f"{mib:,} MiB", mount_and_ls_seconds=opened, last_MiB_seconds=last, **{"first_2_GiB_seconds" if mib > some else "whole_seconds": first},
             own_bytes=own)
        m.__exit__()


def readers():
    """A part each of 1 GiB, decoded or as it stands."""
    for name in ("contiguous", "shuffle + deflate 1"):
        path = cube(name)
        for count in (1, 2, 4, 8, 16, 32, 64):
            m, _ = mounted("-o", "cache=64M", path)
            wait_read_ahead(m.point)
            seconds = timed(lambda: run(PYTHON, "-c", READERS, m.point / "cube", count))
            status = open(f"/proc/{m.daemon.pid}/status").read()
            own = sum(int(status.split(k)[1].split()[0]) for k in ("RssAnon:", "RssShmem:")) << 10
            show("readers", count, **{f"{name.split()[0]}_1_GiB_seconds": seconds}, own_bytes=own,
                 threads=len(os.listdir(f"/proc/{m.daemon.pid}/task")))
            m.__exit__()


def case_growth(runs):
    """10^3 to 10^6 arrays, 1 to 10,000 archives, 1 MiB to 20 GiB, 1 to 64 readers: time and resident size; by name only"""
    for part in (arrays, archives, sizes, readers):
        part()
