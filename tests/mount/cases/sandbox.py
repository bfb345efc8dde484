# SPDX-License-Identifier: MIT
"""What the daemon may still do, and what becomes of a mount whose processes are killed."""
from harness import *

CAP_DAC_READ_SEARCH = 1 << 2


def status(pid):
    with open(f"/proc/{pid}/status") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def keeper_of(m):
    with open(f"/proc/{m.pid}/task/{m.pid}/children") as f:
        return int(f.read().split()[0])


def is_confined(m, capabilities):
    need_seccomp()
    for task in os.listdir(f"/proc/{m.pid}/task"):
        told = status(f"{m.pid}/task/{task}")
        same((told["NoNewPrivs"], told["Seccomp"]), ("1", "2"), f"thread {task}")
        holds(int(told["CapEff"], 16) & ~capabilities == 0, f"capabilities {told['CapEff']}")
        same(int(told["CapPrm"], 16), int(told["CapEff"], 16))
    with open(f"/proc/{m.pid}/limits") as f:
        same([line.split()[4:6] for line in f if line.startswith("Max core")], [["0", "0"]])


def test_an_archive(s):
    data = simple(s.path("m.safetensors"))
    m = s.mount(s.path("m.safetensors"))
    same(read(m / "a"), data)
    is_confined(m, 0)


def test_a_directory(s):
    data = simple(s.path("m.safetensors"))
    m = s.mount(s.dir, at=s.mkdir("mnt"))
    same(read(m / "m.safetensors/a"), data)
    is_confined(m, CAP_DAC_READ_SEARCH)
    later = simple(s.path("later.safetensors"), seed="later")
    same(until(lambda: os.path.isdir(m / "later.safetensors") and read(m / "later.safetensors/a"), "a later file"), later)


def test_root_reads_what_others_keep_to_themselves(s):
    need_root()
    d = s.mkdir("d")
    data = simple(os.path.join(d, "m.safetensors"))
    os.chown(os.path.join(d, "m.safetensors"), NOBODY, NOBODY)
    os.chmod(os.path.join(d, "m.safetensors"), 0o600)
    os.chown(d, NOBODY, NOBODY)
    os.chmod(d, 0o700)
    m = s.mount(d)
    same(read(m / "m.safetensors/a"), data)


def test_a_user(s):
    user = None if os.geteuid() else NOBODY
    data = simple(s.path("m.safetensors"))
    m = s.mount(s.path("m.safetensors"), user=user)
    same(s.tool("cat", m / "a", user=user), data)
    is_confined(m, 0)


def test_the_keeper_has_what_unmounting_takes(s):
    need_root()
    need_seccomp()
    simple(s.path("m.safetensors"))
    m = s.mount(s.path("m.safetensors"))
    told = until(lambda: (lambda t: t if t["Seccomp"] == "2" else None)(status(keeper_of(m))), "its sandbox")
    same((told["NoNewPrivs"], int(told["CapEff"], 16) & ~(1 << 21 | 1 << 1)), ("1", 0))


def test_without(s):
    data = simple(s.path("m.safetensors"))
    m = s.mount(s.path("m.safetensors"), "-o", "sandbox=no")
    same((status(m.pid)["Seccomp"], status(m.pid)["NoNewPrivs"]), ("0", "0"))
    same(read(m / "a"), data)


def test_daemon_killed(s):
    simple(s.path("m.safetensors"))
    m = s.mount(s.path("m.safetensors"), at=s.path("mnt"))
    keeper = keeper_of(m)
    m.kill()
    until(lambda: not os.path.exists(f"/proc/{keeper}"), "the keeper's end")
    fails(errno.ENOTCONN, os.listdir, m.path)   # not an empty directory that passes for an archive
    s.run("-u", m.path).ok()
    holds(not os.path.exists(m.path), "the mountpoint is gone")


def test_keeper_killed(s):
    need_root()
    data = simple(s.path("m.safetensors"))
    m = s.mount(s.path("m.safetensors"))
    keeper = keeper_of(m)
    os.kill(keeper, signal.SIGKILL)
    until(lambda: status(keeper)["State"].startswith("Z"), "its end")
    same(read(m / "a"), data)
    s.run("-u", m.path).ok()
    same(m.wait(), 0)
