# SPDX-License-Identifier: MIT
"""arrayfs status, and what it asks: .arrayfs/status.json and .arrayfs/metrics."""
import fcntl
import json
import os
import re
import struct
import termios
import time

from harness import *


def told(s, *args, **more):
    """The mounts of this test's folder by mountpoint: others may have theirs."""
    r = s.run("status", "--json", *args, **more)
    same((r.code, [line for line in r.lines if s.dir in line]), (0, []))
    all = [json.loads(line) for line in r.out.splitlines()]
    return {m["mountpoint"]: m for m in all if m["mountpoint"].startswith(s.dir)}


def make(s):
    simple(s.path("m.safetensors"), "m", 300000)
    return s.path("m.safetensors")


def test_what_is_mounted(s):
    path = make(s)
    m = s.mount(path, "-o", "cache=64M", "-o", "split=.")
    other = s.mount(s.mkdir("d"))
    got = told(s)
    same(sorted(got), sorted([m.path, other.path]))
    one = got[m.path]
    same((one["source"], one["state"], one["pid"], one["user"], one["options"], one["failed_reads"], one["log"]),
         (path, "serving", m.pid, os.geteuid(), "cache=64M,split=.", 0, "stderr"))
    same(one["version"], s.run("--version").ok().out.decode().split()[1])
    holds(0 <= one["uptime"] < 60 and one["resident_most"] > 1 << 20, one)
    holds(abs(time.time() - time.mktime(time.strptime(one["since"], "%Y-%m-%dT%H:%M:%SZ")) + time.timezone) < 60, one)
    same((got[other.path]["source"], got[other.path]["options"]), (s.path("d"), ""))
    same(sorted(told(s, m.path)), [m.path])
    same(told(s, os.path.basename(m.path), cwd=s.dir)[m.path]["pid"], m.pid)

    lines = s.run("status").out.decode().splitlines()
    same(lines[0].split(), ["MOUNTPOINT", "SOURCE", "PID", "UP", "FAILED", "READS", "STATE"])
    row = next(line.split() for line in lines if line.split()[0] == m.path)
    same((row[1], row[2], row[-2], row[-1]), (path, str(m.pid), "0", "serving"))
    facts = s.run("status", m.path).ok().out.decode()
    for words in (f"mountpoint +{m.path}", f"source +{path}", "state +serving", f"daemon +pid {m.pid}, user {os.geteuid()}, arrayfs ",
                  "log +standard error", "options +cache=64M,split=[.]", "failed reads +0"):
        holds(re.search(rf"^{words}", facts, re.M), f"{words} in {facts}")


def test_where_the_log_goes(s):
    path, log = make(s), s.path("a.log")
    m = s.mount(path, "-o", f"log={log}")
    same(told(s)[m.path]["log"], log)
    holds(f"log           {log}\n" in s.run("status", m.path).ok().out.decode(), "the file")


def test_failed_reads_are_counted(s):
    path = make(s)
    m = s.mount(path)
    os.truncate(path, 5000)
    fails(errno.EIO, read, m / "a")
    failed = told(s)[m.path]["failed_reads"]
    holds(failed > 0, "none")
    same(metrics(m)["arrayfs_failed_reads_total"][1], {"": float(failed)})


def test_a_daemon_that_died(s):
    m = s.mount(make(s))
    m.kill()
    same(told(s)[m.path], {"mountpoint": m.path, "source": s.path("m.safetensors"), "state": "dead"})
    r = s.run("status", m.path)
    same((r.code, r.lines), (0, [f"arrayfs: {m.path}: its daemon has died; arrayfs unmount {m.path} cleans up"]))
    holds(any(line.endswith("dead") for line in s.run("status").out.decode().splitlines()), "dead in the table")
    s.run("unmount", m.path).ok()
    same(told(s), {})


def test_a_mount_that_does_not_answer(s):
    m, other = s.mount(make(s)), s.mount(s.mkdir("d"))
    os.kill(m.pid, signal.SIGSTOP)
    try:
        begun = time.monotonic()
        got = told(s)
        same((got[m.path]["state"], got[other.path]["state"]), ("silent", "serving"))
        holds(time.monotonic() - begun < 15, "in time")
        same(s.run("status", m.path).told("no answer", f"arrayfs unmount {m.path}").code, 0)
    finally:
        os.kill(m.pid, signal.SIGCONT)
    same(told(s)[m.path]["state"], "serving")


def test_what_is_no_mount(s):
    make(s)
    s.mkdir("d")
    s.run("status", s.path("d")).refused("nothing is mounted there; arrayfs status lists the mounts")
    s.run("status", s.path("none")).refused("No such file or directory", "arrayfs status lists the mounts")
    s.run("status", "/proc").refused("a mount of type proc, not arrayfs's")
    same(s.run("status", "--json", s.path("d")).code, 1)
    same(s.run("status", "a", "b").code, 2)


def test_another_users_mount(s):
    user = another_user()
    os.chmod(make(s), 0o644)
    m = s.mount(s.path("m.safetensors"), user=user)
    same(told(s)[m.path]["state"], "closed")
    s.run("status", m.path).told("only the user who mounted it")
    same(told(s, user=user)[m.path]["pid"], m.pid)


def test_below_another_mount(s):
    need_root()
    m = s.mount(make(s))
    s.tool("mount", "-t", "tmpfs", "none", m.path)
    try:
        same(told(s)[m.path]["state"], "covered")
        s.run("status", m.path).refused("a mount of type tmpfs")
    finally:
        s.tool("umount", m.path)
    same(told(s)[m.path]["state"], "serving")


def test_within_the_terminal(s):
    """No line is wider, and no name moves the cursor."""
    simple(s.path("a" * 60 + ".safetensors"))
    m = s.mount(s.path("a" * 60 + ".safetensors"), at=s.mkdir("b\x1b[31mc" + "d" * 60))
    for width in (120, 80, 60, 40):
        for args in ((), (m.path,)):
            main, end = terminal()
            fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
            s.run("status", *args, stdout=end)
            os.close(end)
            got = b""
            try:
                while chunk := os.read(main, 4096):
                    got += chunk
            except OSError:
                pass
            os.close(main)
            lines = got.decode().replace("\r", "").split("\n")
            holds("\x1b" not in got.decode(), "an escape")
            holds(len(lines) > 2, lines)
            holds(max(map(len, lines)) <= width, f"{width}: {lines}")


# --- metrics ------------------------------------------------------------------

def metrics(m):
    """The text format 0.0.4, strictly: {name: (type, {labels: value})}."""
    text, found, name, kind = read(m / ".arrayfs/metrics").decode("ascii"), {}, None, None
    holds(text.endswith("\n") and not text.endswith("\n\n"), "ends with one newline")
    for line in text.split("\n")[:-1]:
        if line.startswith("# HELP "):
            name, help = re.fullmatch(r"# HELP ([a-z_]+) (\S.*)", line).groups()
            holds(name not in found and "\\" not in help, line)
        elif line.startswith("# TYPE "):
            of, kind = re.fullmatch(r"# TYPE ([a-z_]+) (counter|gauge)", line).groups()
            same(of, name, "TYPE follows HELP")
            same(kind == "counter", name.endswith("_total"), name)
            found[name] = (kind, {})
        else:
            of, labels, value = re.fullmatch(r'([a-z_]+)(\{[a-z_]+="[^"\\]*"(?:,[a-z_]+="[^"\\]*")*\})? (\d+(?:\.\d+)?)', line).groups()
            same(of, name, "samples follow their TYPE")
            holds((labels or "") not in found[name][1], line)
            found[name][1][labels or ""] = float(value)
    holds(all(samples for _, samples in found.values()), "a family without samples")
    return found


def test_metrics(s):
    m = s.mount(make(s))
    before = metrics(m)
    same(read(m / "a"), pattern("m", 300000))
    after = metrics(m)
    same(before.keys(), after.keys())
    for name, (kind, samples) in before.items():
        holds(name.startswith("arrayfs_"), name)
        same([k for k, v in samples.items() if kind == "counter" and after[name][1][k] < v], [], name)
    holds(after["arrayfs_read_bytes_total"][1][""] - before["arrayfs_read_bytes_total"][1][""] >= 300000, "bytes that were read")
    stats = json.loads(read(m / ".arrayfs/stats.json"))
    same(after["arrayfs_requests_total"][1]['{kind="read"}'], stats["requests"]["read"])
    same(after["arrayfs_cache_budget_bytes"][1][""], stats["cache"]["budget"])
    same(list(after["arrayfs_build_info"][1].values()), [1.0])
    holds(abs(after["arrayfs_start_time_seconds"][1][""] - time.time()) < 600, "since when")
    same(os.stat(m / ".arrayfs/metrics").st_size, 0)
    holds(b"arrayfs_requests_total" in s.run("cat", s.path("m.safetensors"), ".arrayfs/metrics").ok().out, "without a mount")
    try:
        from prometheus_client.parser import text_string_to_metric_families
    except ImportError:
        return
    same(len(list(text_string_to_metric_families(read(m / ".arrayfs/metrics").decode()))), len(after))
