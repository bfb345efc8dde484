# SPDX-License-Identifier: MIT
"""Runs a file of cases against the program and prints TAP.

    harness.py ARRAYFS CASES.py [NAME...]

A case is a function called test_* that takes a Sandbox: a directory of its own in
which it makes archives, mounts them and looks.  An exception fails it, Skip skips
it, and with MUST_RUN=1 a skip is a failure.  Whatever a case leaves mounted or
running is ended behind it, and a daemon that does not end by itself fails it.
"""
import ctypes
import ctypes.util
import errno
import functools
import hashlib
import importlib.util
import inspect
import json
import os
import re
import shutil
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import time
import traceback

PATIENCE = 60.0  # seconds that anything may take, a sanitizer's build and a busy machine included
NOBODY = 65534
OPTIONS = os.environ.get("TEST_OPTIONS", "").split()  # for every run of the program
DATA = os.environ.get("TEST_DATA", os.path.join(os.path.dirname(__file__), "..", "data"))
SLOW = os.environ.get("TEST_SLOW")
libc = ctypes.CDLL(ctypes.util.find_library("c"), use_errno=True)


class Skip(Exception):
    pass


# --- archives ---------------------------------------------------------------

def pattern(seed, n):
    """n bytes that no other seed has."""
    out, i = bytearray(), 0
    while len(out) < n:
        out += hashlib.sha512(f"{seed}/{i}".encode()).digest() * min(64, 1 + (n - len(out)) // 64)
        i += 1
    return bytes(out[:n])


def archive_bytes(tensors, metadata=None):
    """tensors: a list of (name, dtype, shape, bytes), in the order of the header."""
    header, at = {}, 0
    if metadata is not None:
        header["__metadata__"] = metadata
    for name, dtype, shape, data in tensors:
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header, ensure_ascii=False).encode("utf-8", "surrogatepass")
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(t[3] for t in tensors)


def write(path, data):
    with open(path, "wb") as f:
        f.write(data)
    return path


def archive(path, tensors, metadata=None):
    return write(path, archive_bytes(tensors, metadata))


def simple(path, seed="x", n=100, name="a"):
    """One tensor of n bytes; returns them."""
    data = pattern(seed, n)
    archive(path, [(name, "U8", [n], data)])
    return data


def replace(path, data):
    """As careful writers do: another file takes the name."""
    os.rename(write(path + ".new~", data), path)


def read(path):
    with open(path, "rb") as f:
        return f.read()


def remove(top):
    """A tree, of which folders may be read-only."""
    os.chmod(top, 0o700)
    for folder, folders, _ in os.walk(top):
        for path in (os.path.join(folder, name) for name in folders):
            if not os.path.islink(path):
                os.chmod(path, 0o700)
    shutil.rmtree(top)


def names(path):
    return sorted(os.listdir(path))


# --- judging ----------------------------------------------------------------

def same(got, want, what=""):
    if got != want:
        raise AssertionError(f"{what}: {got!r:.600} instead of {want!r:.600}")


def holds(condition, what):
    if not condition:
        raise AssertionError(what)


def fails(code, function, *args, **more):
    """function must fail with that errno."""
    try:
        got = function(*args, **more)
    except OSError as e:
        same(errno.errorcode.get(e.errno), errno.errorcode[code], f"errno of {function.__name__}{args}")
        return
    raise AssertionError(f"{function.__name__}{args} gave {got!r:.100} instead of {errno.errorcode[code]}")


def until(condition, what, seconds=PATIENCE):
    """Polls; nobody sleeps and hopes."""
    end = time.monotonic() + seconds
    while True:
        got = condition()
        if got:
            return got
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(0.005)


# Each reason to skip names what would enable it: scripts/count tells them together.
PACKAGES = {"pgrep": "procps", "getfattr": "attr", "cmp": "diffutils", "diff": "diffutils", "setpriv": "util-linux", "unshare": "util-linux",
            "umount": "mount", "su": "util-linux", "dpkg-shlibdeps": "dpkg-dev", "strip": "binutils", "ninja": "ninja-build"}


def need(*tools):
    for tool in tools:
        if not shutil.which(tool):
            raise Skip(f"no {tool}: apt-get install {PACKAGES.get(tool, tool)}, as root")


def need_root():
    if os.geteuid():
        raise Skip("only root may do what is tried: sudo scripts/test mount")


def need_seccomp():
    with open("/proc/self/status") as f:
        if "\nSeccomp:" not in f.read():
            raise Skip("the kernel has no seccomp: one with CONFIG_SECCOMP_FILTER")


@functools.cache
def why_no_mount(user):
    """What scripts/can-mount says, which is asked as that user."""
    asked = {"__name__": "can-mount"}
    exec(read(os.path.join(os.path.dirname(__file__), "..", "..", "scripts", "can-mount")), asked)
    if user is None:
        return asked["why_not"]()
    out, into = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setgid(user)
            os.setuid(user)
            why = asked["why_not"]()
            os.write(into, f"{why} (for ordinary users)".encode() if why else b"")
        finally:
            os._exit(0)
    os.close(into)
    os.waitpid(pid, 0)
    with open(out, "rb") as f:
        return f.read().decode()


def fuse_works(user=None):
    why = why_no_mount(user)
    if why:
        raise Skip(why)


def another_user():
    """Somebody else who mounts: root's alone to become."""
    need_root()
    fuse_works(NOBODY)
    return NOBODY


def terminal():
    try:
        return os.openpty()
    except OSError:
        raise Skip("no terminal can be had: mount -t devpts -o ptmxmode=666 devpts /dev/pts, as root")


def place():
    """Where the cases' folders are: others must reach it, and shells and fstab take its name as it is."""
    for folder in (tempfile.gettempdir(), "/tmp", "/var/tmp"):
        parts = [folder[:i] for i, c in enumerate(folder) if c == "/" and i] + [folder]
        if os.access(folder, os.W_OK) and re.fullmatch("[A-Za-z0-9/._-]{,40}", folder) and all(os.stat(p).st_mode & 1 for p in parts):
            return folder
    return None


def mounts(path):
    """The types of what is mounted on that very path, the last on top."""
    found = []
    with open("/proc/self/mountinfo", "rb") as f:
        for line in f:
            fields, _, rest = line.decode("utf-8", "surrogateescape").partition(" - ")
            place = fields.split()[4].encode("utf-8", "surrogateescape").decode("unicode_escape").encode("latin-1")
            if place == os.fsencode(path):
                found.append((rest.split(), fields.split()[5]))
    return found


def rss_anon(pid):
    with open(f"/proc/{pid}/status") as f:
        return sum(int(line.split()[1]) for line in f if line.startswith(("RssAnon", "RssShmem"))) << 10


def sanitized(exe):
    with open(exe, "rb") as f:
        text = f.read()
    return b"__asan_init" in text or b"__tsan_init" in text


class Result:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err
        self.lines = err.decode("utf-8", "replace").splitlines()

    def ok(self):
        same((self.code, self.lines), (0, []), "exit code and stderr")
        return self

    def refused(self, *words, code=1):
        """That exit code, one line on stderr that begins as all do, and the words in it."""
        same(self.code, code, f"exit code (stderr {self.err!r})")
        same(len(self.lines), 1, f"lines on stderr {self.err!r}")
        self.told(*words)
        return self

    def told(self, *words):
        for line in self.lines:
            holds(line.startswith("arrayfs: "), f"stderr has {line!r}")
        for word in words:
            holds(word in self.err.decode("utf-8", "replace"), f"no {word!r} in {self.err!r}")
        return self


class Mount:
    """A daemon in the foreground and its mount."""

    def __init__(self, sandbox, process, path, log):
        self.sandbox, self.process, self.path, self.log_path = sandbox, process, path, log
        self.pid = process.pid
        self.ended = False

    def __truediv__(self, name):
        return os.path.join(self.path, name)

    def log(self):
        return read(self.log_path).decode("utf-8", "replace").splitlines()

    def fds(self):
        try:
            return os.listdir(f"/proc/{self.pid}/fd")
        except PermissionError:  # nobody may look into the daemon, not even its user
            need_root()
            raise

    def stop(self, sig=signal.SIGTERM, code=0):
        """Ends the daemon by a signal and checks how it ended."""
        self.ended = True
        self.process.send_signal(sig)
        same(self.wait(), code, f"exit status after signal {sig} (log {self.log()})")
        same(mounts(self.path), [], f"what is still mounted (log {self.log()})")

    def wait(self):
        self.ended = True
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError("the daemon does not end")

    def kill(self):
        self.ended = True
        self.process.kill()
        self.process.wait()


class Slow:
    """What lies in a directory, on a disk that can be stopped."""

    def __init__(self, s, source, path):
        self.flag, self.path = s.path("stalled"), path
        fuse_works()
        need_root()
        os.makedirs(path)
        self.process = subprocess.Popen([SLOW, source, path, self.flag], stdin=subprocess.DEVNULL)
        until(lambda: mounts(path), "the slow disk")

    def __enter__(self):
        return self

    def stall(self):
        write(self.flag, b"")

    def go(self):
        if os.path.exists(self.flag):
            os.unlink(self.flag)

    def __exit__(self, *_):
        self.go()
        self.process.terminate()
        self.process.wait(PATIENCE)
        if mounts(self.path):
            libc.umount2(self.path.encode(), 2)


class Sandbox:
    def __init__(self, exe):
        self.exe = exe
        self.dir = os.path.realpath(tempfile.mkdtemp(prefix="arrayfs-test-", dir=place()))
        os.chmod(self.dir, 0o755)
        self.mounted = []
        self.count = 0
        self.copy = None

    def exe_of(self, user):
        """Another user may not reach where it was built."""
        if user is None:
            return self.exe
        if not self.copy:
            self.copy = tempfile.mkdtemp(prefix="arrayfs-exe-", dir=place())
            os.chmod(self.copy, 0o755)
            os.chmod(shutil.copy(self.exe, self.copy), 0o755)
        return os.path.join(self.copy, os.path.basename(self.exe))

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def mkdir(self, *parts):
        os.makedirs(self.path(*parts), exist_ok=True)
        return self.path(*parts)

    def run(self, *args, user=None, input=None, stdout=subprocess.PIPE, timeout=PATIENCE, env=None, cwd=None):
        return self.command(self.exe_of(user), *OPTIONS, *args, user=user, input=input, stdout=stdout, timeout=timeout, env=env, cwd=cwd)

    def command(self, *args, user=None, input=None, stdout=subprocess.PIPE, timeout=PATIENCE, env=None, cwd=None,
                pass_fds=()):
        ids = {"user": user, "group": user, "extra_groups": []} if user is not None else {}
        # Standard error goes to a file: a daemon that kept a pipe open would hold us up.
        with tempfile.TemporaryFile() as err:
            p = subprocess.Popen(args, stdin=subprocess.PIPE if input else subprocess.DEVNULL, stdout=stdout, stderr=err,
                                 env=dict(os.environ, LC_ALL="C.UTF-8", **(env or {})), cwd=cwd, pass_fds=pass_fds, **ids)
            try:
                out, _ = p.communicate(input, timeout=timeout)
            except subprocess.TimeoutExpired:
                p.kill()
                raise AssertionError(f"{args} hangs")
            err.seek(0)
            return Result(p.returncode, out or b"", err.read())

    def tool(self, *args, **more):
        """A tool of the system, which must succeed and say nothing."""
        r = self.command(*args, **more)
        same((r.code, r.err), (0, b""), f"{args}")
        return r.out

    def mount(self, source, *options, at=None, user=None, made=True):
        """Mounts in the foreground; returns when the mount answers."""
        fuse_works(user)
        self.count += 1
        path = at or (self.mkdir if made else self.path)(f"mnt{self.count}")
        if user is not None and made and not at:
            os.chown(path, user, user)
        log = self.path(f"log{self.count}")
        ids = {"user": user, "group": user, "extra_groups": []} if user is not None else {}
        before = len(mounts(path))
        with open(log, "wb") as err:
            p = subprocess.Popen([self.exe_of(user), "-f", *OPTIONS, *options, source, path], stdin=subprocess.DEVNULL, stdout=err,
                                 stderr=err, **ids)
        m = Mount(self, p, path, log)
        self.mounted.append(m)

        def there():
            if p.poll() is not None:
                said = read(log).decode("utf-8", "replace")
                raise AssertionError(f"ended with {p.returncode}: {said}")
            return len(mounts(path)) > before
        until(there, f"{path} mounted")
        if user is None:
            os.stat(path)
        return m

    def close(self):
        """Returns what is wrong with the way in which the case's daemons ended."""
        wrong = []
        for m in reversed(self.mounted):
            if not m.ended:
                try:
                    # What is no longer mounted is ending by itself, and may be past
                    # the point where it heeds signals.
                    if mounts(m.path):
                        m.stop()
                    else:
                        same(m.wait(), 0, f"exit status (log {m.log()})")
                except AssertionError as e:
                    wrong.append(str(e))
                    m.process.kill()
            for line in m.log():
                if "Sanitizer" in line or "runtime error" in line or not line.startswith("arrayfs: "):
                    wrong.append(f"the log has {line!r}")
        with open("/proc/self/mountinfo") as f:
            places = [line.split()[4] for line in f]
        for place in reversed(places):
            if place.startswith(self.dir + "/"):
                wrong.append(f"{place} is still mounted")
                if libc.umount2(place.encode(), 2) < 0:
                    subprocess.run(["fusermount3", "-uz", place], stderr=subprocess.DEVNULL)
        try:
            remove(self.dir)
        except OSError as e:
            wrong.append(f"cannot be removed: {e}")
        if self.copy:
            shutil.rmtree(self.copy, ignore_errors=True)
        return wrong[:5]


# --- TAP --------------------------------------------------------------------

def run_case(exe, name, function, number):
    sandbox = Sandbox(exe)
    skip, wrong = None, []
    try:
        function(sandbox)
    except Skip as e:
        skip = str(e)
    except Exception as e:
        wrong = ([f"{type(e).__name__}: {e}"] if not isinstance(e, AssertionError) else [str(e)]) + \
            [line for line in traceback.format_exc().splitlines() if "line" in line][-2:]
    wrong += sandbox.close()
    if skip is not None and os.environ.get("MUST_RUN") == "1":
        wrong.append(f"skipped: {skip}")
        skip = None
    print(f"{'not ok' if wrong else 'ok'} {number} - {name[5:].replace('_', ' ')}" + (f" # SKIP {skip}" if skip else ""))
    for line in "\n".join(wrong).splitlines():
        print(f"# {line}")
    sys.stdout.flush()
    return bool(wrong)


def main():
    exe, cases = os.path.abspath(sys.argv[1]), sys.argv[2]
    sys.modules["harness"] = sys.modules["__main__"]
    spec = importlib.util.spec_from_file_location("cases", cases)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    tests = [(n, f) for n, f in vars(module).items() if n.startswith("test_") and inspect.isfunction(f)]
    if sys.argv[3:]:
        tests = [t for t in tests if t[0] in sys.argv[3:] or t[0][5:] in sys.argv[3:]]
    os.umask(0o022)
    print(f"1..{len(tests)}", flush=True)
    return any([run_case(exe, n, f, i + 1) for i, (n, f) in enumerate(tests)])


if __name__ == "__main__":
    sys.exit(main())
