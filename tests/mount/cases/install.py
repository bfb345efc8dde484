# SPDX-License-Identifier: MIT
"""What `meson install` puts where, and what the package holds."""
import base64
import glob
import gzip
import re
import zipfile

from harness import *

TOP = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
PAGES = sorted(os.path.relpath(path, TOP) for path in glob.glob(f"{TOP}/docs/**/*.md", recursive=True))
PAGES_AND_PICTURES = sorted(PAGES + [os.path.relpath(path, TOP) for path in glob.glob(f"{TOP}/docs/pictures/*.svg")])
MANUAL = sorted(f"share/man/man7/arrayfs-{os.path.basename(page)[:-3]}.7" for page in PAGES if page != "docs/inside.md")
INSTALLED = [
    "bin/arrayfs",
    "sbin/mount.fuse.arrayfs",
    "share/bash-completion/completions/arrayfs",
    "share/doc/arrayfs/CHANGELOG.md",
    "share/doc/arrayfs/README.md",
    *(f"share/doc/arrayfs/{page}" for page in PAGES_AND_PICTURES),
    "share/doc/arrayfs/examples/arrayfs.service",
    "share/doc/arrayfs/examples/fstab",
    "share/doc/arrayfs/examples/mnt-model.mount",
    "share/fish/vendor_completions.d/arrayfs.fish",
    "share/man/man1/arrayfs.1",
    *MANUAL,
    "share/man/man8/mount.fuse.arrayfs.8",
    "share/zsh/site-functions/_arrayfs",
]
# The same as Debian has it.
PACKAGED = sorted(
    ["usr/" + {"share/doc/arrayfs/CHANGELOG.md": "share/doc/arrayfs/changelog.gz",
               "share/zsh/site-functions/_arrayfs": "share/zsh/vendor-completions/_arrayfs"}
     .get(name, name + ".gz" if "/man/" in name else name) for name in INSTALLED] +
    ["usr/share/doc/arrayfs/changelog.Debian.gz", "usr/share/doc/arrayfs/copyright"])


def build_of(s):
    build = os.path.dirname(os.path.dirname(os.path.abspath(s.exe)))
    if not os.path.isdir(os.path.join(build, "meson-info")):
        raise Skip("not built by meson: scripts/test mount_install")
    return build


def version():
    with open(os.path.join(TOP, "meson.build"), encoding="utf-8") as f:
        return f.read().split("version : '")[1].split("'")[0]


def files_in(top):
    return sorted(os.path.relpath(os.path.join(folder, name), top)
                  for folder, dirs, names_ in os.walk(top) for name in names_ + [d for d in dirs if os.path.islink(os.path.join(folder, d))])


def test_version_comes_from_one_place(s):
    same(s.run("--version").ok().out.decode(), f"arrayfs {version()}\n")
    for folder in ("mount", "scripts"):
        for name in files_in(os.path.join(TOP, folder)):
            text = read(os.path.join(TOP, folder, name)).decode("utf-8", "replace")
            holds(not re.search(r"(?<![\d.])" + re.escape(version()) + r"(?![\d.])", text), f"{name} has the version, too")


def test_meson_install(s):
    need("meson")
    build = build_of(s)
    options = json.loads(s.command("meson", "introspect", build, "--buildoptions").out)
    prefix = next(o["value"] for o in options if o["name"] == "prefix")
    s.tool("meson", "install", "-C", build, "--destdir", s.path("root"), "--no-rebuild", "--quiet")
    root = s.path("root") + prefix
    made = os.path.exists(os.path.join(build, "docs", "arrayfs-shown.7"))     # by lowdown, if it was there
    installed = [name for name in INSTALLED if made or name not in MANUAL]
    same(files_in(root), installed)
    same(files_in(s.path("root")), sorted(os.path.relpath(os.path.join(root, n), s.path("root")) for n in installed), "elsewhere")
    for name in installed:
        mode = os.lstat(os.path.join(root, name)).st_mode & 0o777
        same(oct(mode), oct(0o777 if os.path.islink(os.path.join(root, name)) else 0o755 if name == "bin/arrayfs" else 0o644), name)
    same(s.command(os.path.join(root, "sbin/mount.fuse.arrayfs"), "-f", "a", "b").code, 0, "the helper")
    for page in ("man1/arrayfs.1", "man8/mount.fuse.arrayfs.8"):
        holds(f'"arrayfs {version()}"'.encode() in read(os.path.join(root, "share/man", page)), f"the version in {page}")


def test_deb(s):
    need("dpkg-deb", "dpkg-shlibdeps", "meson", "ninja", "strip", "gzip")
    if sanitized(s.exe):
        return      # it is compiled anew, and would be the same
    build = build_of(s)
    r = s.command(os.path.join(TOP, "scripts", "package"), "--build", os.path.join(build, "package"), s.path("out"), timeout=600)
    same((r.code, r.err), (0, b""), r.out)
    machine = s.tool("dpkg", "--print-architecture").decode().strip()
    deb = s.path("out", f"arrayfs_{version()}-1_{machine}.deb")
    same((r.out.decode(), names(s.path("out"))), (deb + "\n", [os.path.basename(deb)]))
    lines = [line.split(None, 5) for line in s.tool("dpkg-deb", "-c", deb).decode().splitlines()]
    same(sorted(line[5].split(" -> ")[0][2:] for line in lines if not line[0].startswith("d")), PACKAGED)
    for mode, owner, _, _, _, name in lines:
        want = "drwxr-xr-x" if name.endswith("/") else "lrwxrwxrwx" if " -> " in name else \
            "-rwxr-xr-x" if "/bin/" in name else "-rw-r--r--"
        same((owner, mode), ("root/root", want), name)
    same(len({(line[3], line[4]) for line in lines}), 1, "times other than the commit's")
    fields = dict(line.split(": ", 1) for line in s.tool("dpkg-deb", "-f", deb).decode().splitlines() if line[0] != " ")
    same((fields["Package"], fields["Version"], fields["Architecture"]), ("arrayfs", version() + "-1", machine))
    for library in ("libc6", "libfuse3-[34]", "libseccomp2", "libssl3(t64)?", "fuse3"):  # Debian 12 has libfuse3-3, 13 has libfuse3-4
        holds(any(re.fullmatch(library, d.split()[0]) for d in fields["Depends"].split(", ")), f"{library} in {fields['Depends']}")
    s.tool("dpkg-deb", "-R", deb, s.path("root"))
    program = s.path("root", "usr/bin/arrayfs")
    same(s.command(program, "--version").out.decode(), f"arrayfs {version()}\n")
    holds(b"options_parse" not in read(program), "symbols are stripped")
    for line in read(s.path("root", "DEBIAN/md5sums")).decode().splitlines():
        digest, name = line.split("  ")
        same(hashlib.md5(read(s.path("root", name))).hexdigest(), digest, name)
    text = gzip.decompress(read(s.path("root", "usr/share/doc/arrayfs/changelog.Debian.gz"))).decode()
    holds(text.startswith(f"arrayfs ({version()}-1) "), text)
    same(gzip.decompress(read(s.path("root", "usr/share/doc/arrayfs/changelog.gz"))), read(os.path.join(TOP, "CHANGELOG.md")))
    license_ = read(os.path.join(TOP, "LICENSE")).decode().split()
    have = [w for w in read(s.path("root", "usr/share/doc/arrayfs/copyright")).decode().split() if w != "."]
    holds(" ".join(license_[license_.index("Permission"):]) in " ".join(have), "the licence in copyright")


def test_wheel(s):
    """Of the program as it was built here, so that it goes along with all that it loads; scripts/package --wheel
    links it anew, and its --check installs and uses it."""
    need("dpkg", "meson", "ninja", "ldd", "objdump", "gcc")
    if sanitized(s.exe):
        return      # it loads what no wheel has
    build, name = build_of(s), f"arrayfs-{version()}"
    s.tool("meson", "install", "-C", build, "--destdir", s.path("root"), "--no-rebuild", "--quiet")
    prefix = os.path.dirname(os.path.dirname(next(p for p in files_in(s.path("root")) if p.endswith("bin/arrayfs"))))
    for out in ("one", "two"):
        s.mkdir(out)
        made = s.tool("env", "SOURCE_DATE_EPOCH=1700000000", os.path.join(TOP, "scripts/packaging/wheel"), version(), build,
                      s.path("root", prefix), s.path(out)).decode().strip()
    wheel = os.path.basename(made)
    holds(re.fullmatch(rf"{name}-py3-none-manylinux_2_\d+_\w+\.whl", wheel), wheel)
    same(read(s.path("one", wheel)), read(s.path("two", wheel)), "twice the same")
    with zipfile.ZipFile(made) as z:
        files = {i.filename: z.read(i) for i in z.infolist()}
        runs = {i.filename for i in z.infolist() if i.external_attr >> 16 & 0o111}
        same({i.date_time for i in z.infolist()}, {(2023, 11, 14, 22, 13, 20)}, "times")
    rows = [line.rsplit(",", 2) for line in files[f"{name}.dist-info/RECORD"].decode().splitlines()]
    same([r[0] for r in rows], list(files), "what RECORD lists")
    for path, digest, size in rows[:-1]:
        data = files[path]
        same((digest, size), ("sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode(), str(len(data))), path)
    same(rows[-1], [f"{name}.dist-info/RECORD", "", ""])
    same(files[f"{name}.data/scripts/arrayfs"], read(s.path("root", prefix, "bin/arrayfs")))
    same(runs, {p for p in files if ".data/scripts/" in p or "/libexec/" in p}, "what can be run")
    holds("arrayfs/py.typed" in files and f"{name}.data/data/share/man/man1/arrayfs.1" in files, list(files))
    holds(f"Tag: {wheel[len(name) + 1:-4]}\n" in files[f"{name}.dist-info/WHEEL"].decode(), "the tag")
    fields = files[f"{name}.dist-info/METADATA"].decode().split("\n\n")[0].splitlines()
    holds(f"Version: {version()}" in fields and "Requires-Python: >=3.9" in fields, fields)
    licences = {p.rpartition("/")[2] for p in files if "/licenses/" in p}
    same({f[14:] for f in fields if f.startswith("License-File: ")}, licences)
    holds({"LICENSE", "NOTICE", "LGPL-2.1", "libfuse3.copyright", "libzstd.copyright"} <= licences, licences)


def test_examples_are_systemds(s):
    if not shutil.which("systemd-analyze"):
        return      # not every system is systemd's
    s.mkdir("units"), s.mkdir("bin")
    os.symlink(s.exe, s.path("bin", "arrayfs"))
    examples = os.path.join(TOP, "mount", "examples")
    for name in ("mnt-model.mount", "arrayfs.service"):
        text = read(os.path.join(examples, name)).replace(b"=arrayfs ", b"=" + s.path("bin", "arrayfs").encode() + b" ")
        r = s.command("systemd-analyze", "verify", write(s.path("units", name), text))
        same((r.code, [line for line in r.lines if s.dir in line or name in line]), (0, []), name)
