# SPDX-License-Identifier: MIT
"""Records without an index: in directories, while they grow, and when they are cut short; and how they are asked for."""
import errno
import gzip
import os
import struct
import subprocess

from harness import *

LINES = b"".join(b'{"id":%d,"s":"n%d"}\n' % (i, i) for i in range(1000))


def ints(path):
    data = read(path)
    return list(struct.unpack(f"<{len(data) // 8}q", data))


def attribute(path, name):
    return os.getxattr(path, "user." + name).decode()


def test_in_a_directory_they_are_tables_if_that_is_asked_for(s):
    d = s.mkdir("d")
    write(os.path.join(d, "log.jsonl"), LINES)
    write(os.path.join(d, "log.csv.gz"), gzip.compress(b"a,b\n1,x\n2,\n"))
    write(os.path.join(d, "notes.txt"), b"no table\n")
    write(os.path.join(d, "broken.jsonl"), b'{"a":1}\nno object\n')
    m = s.mount(d)
    same([os.path.isfile(m / n) for n in ("log.jsonl", "log.csv.gz", "notes.txt")], [True] * 3)
    same(read(m / "log.jsonl"), LINES)
    m.stop()
    m = s.mount(d, "-o", "records")
    same(names(m.path), ["broken.jsonl", "log.csv.gz", "log.jsonl", "notes.txt"])
    same(names(m / "log.jsonl"), ["id", "s"])
    same(ints(m / "log.jsonl/id"), list(range(1000)))
    same(attribute(m / "log.jsonl", "arrayfs.format"), "jsonl")
    same(names(m / "log.csv.gz"), ["a", "b", "b.validity"])
    same(read(m / "notes.txt"), b"no table\n")
    same(read(m / "broken.jsonl"), b'{"a":1}\nno object\n')
    holds("line 2: a line that is no object" in attribute(m / "broken.jsonl", "arrayfs.error"), "why it is no table")
    same(read(m / ".arrayfs/text/log.jsonl/s.txt").split()[:2], [b"n0", b"n1"])
    m.stop()
    m = s.mount(d, "-o", "records,bad-records=skip")
    same(ints(m / "broken.jsonl/a"), [1])
    same(attribute(m / "broken.jsonl", "arrayfs.bad_records"), "1")


def test_what_is_appended_is_there_within_a_second(s):
    d = s.mkdir("d")
    path = os.path.join(d, "log.jsonl")
    write(path, LINES)
    m = s.mount(d, "-o", "records")
    same(len(ints(m / "log.jsonl/id")), 1000)
    held = open(m / "log.jsonl/id", "rb")
    with open(path, "ab") as log:
        log.write(b'{"id":1000,"s":"last"}\n{"id":10')
    until(lambda: len(ints(m / "log.jsonl/id")) == 1001, "the line that is whole")
    same(ints(m / "log.jsonl/id")[-1], 1000)
    with held:
        same(len(held.read()), 8000, "who holds the old one reads that")
    with open(path, "ab") as log:
        log.write(b'01,"s":"now"}\n{"id":1.5}\n')
    until(lambda: os.path.getsize(m / "log.jsonl/id") == 8 * 1003, "the next ones")
    same(attribute(m / "log.jsonl/id", "array.dtype"), "float64")
    holds("s.validity" in names(m / "log.jsonl"), "and a null")


def test_a_file_that_is_cut_short_is_eio_where_bytes_are_missing(s):
    path = s.path("log.jsonl")
    write(path, LINES * 300)
    m = s.mount(path)
    same(len(ints(m / "id")), 300_000)
    m.stop()
    m = s.mount(path)
    os.truncate(path, 100)
    fails(errno.EIO, read, m / "id")
    same(names(m.path), ["id", "s"])


def test_several_readers_of_a_compressed_file(s):
    """More than there are threads that decode: none waits for another that waits for it."""
    path = s.path("log.jsonl.gz")
    write(path, gzip.compress(LINES * 600, 1))
    m = s.mount(path, "-o", "threads=1,cache=16M")
    readers = [subprocess.Popen(["cmp", "-n", "4800000", m / "id", m / name]) for name in ("id", "id", "id", "id", "id", "id")]
    readers += [subprocess.Popen(["cat", m / "s/values"], stdout=subprocess.DEVNULL) for _ in range(6)]
    for r in readers:
        same(r.wait(120), 0)


def test_options_are_told_what_is_wrong(s):
    write(s.path("t.csv"), b"a;b\n1;NA\n")
    for options, words in (("records=xml", ["records=xml", "jsonl"]), ("delimiter=ab", ["delimiter=ab"]), ("schema=x", ["message"]),
                           ("records=csv,schema=x,message=M", ["schema is for protobuf"]), ("message=M", ["schema"]), ("quote=maybe", ["quote=maybe"]),
                           ("framing=x", ["framing=x"]), ("bad-records=keep", ["bad-records=keep"]), ("records=protobuf", ["protoc"]),
                           ("records=jsonl,null=NA", ["null is for csv"])):
        r = s.run("--list", "-o", options, s.path("t.csv"))
        same(r.code, 2, options)
        r.told(*words)
    r = s.run("--list", "-o", "schema=missing,message=M", s.path("t.csv"))
    same(r.code, 1)
    r.told("schema=missing", "No such file")
    same(s.run("--list", "--long", "-o", "delimiter=;,null=NA", s.path("t.csv")).ok().out.split(), b"int64 [1] 8 a null [1] 0 b".split())
    write(s.path("c.csv"), b"a,b\n1,\\N\n")
    same(s.run("--list", "-o", "null=\\N,delimiter=\\,", s.path("c.csv")).ok().out.split(), [b"a", b"b"])


def test_a_file_that_has_grown_is_what_it_would_be_anew(s):
    """What was passed is not passed again; and a file that is another now is."""
    d = s.mkdir("d")
    path = os.path.join(d, "log.jsonl")
    write(path, LINES * 90)
    m = s.mount(d, "-o", "records")

    def as_anew(rows):
        there = m / "log.jsonl/id"
        until(lambda: os.path.isfile(there) and os.path.getsize(there) == 8 * rows, f"{rows} rows")
        for name in s.run("--list", path).out.decode().split():   # which may say that a line is left out
            same(read(m / f"log.jsonl/{name}"), s.run("--cat", path, name).out, name)
            same(os.path.getsize(m / f"log.jsonl/{name}") > 0, True, name)
    as_anew(90_000)
    rows = 90_000
    for lines in (b'{"id":1,"s":"x"}\n', b'{"id":2,"new":[1,2,"x"]}\n' * 7, b'{"id":3,"s":null}\n{"id', b'":4}\n', LINES * 70, b'{"id":"text"}\n{"id":[1]}\n'):
        with open(path, "ab") as log:
            log.write(lines)
        rows += lines.count(b"\n")
        if lines.endswith(b"[1]}\n"):   # the column is text now
            until(lambda: "offsets" in names(m / "log.jsonl/id") if os.path.isdir(m / "log.jsonl/id") else False, "a mixed column")
            same(read(m / "log.jsonl/id/values"), s.run("--cat", path, "id/values").ok().out)
        else:
            as_anew(rows)
    write(path, b'{"id":9,"other":1}\n' * 200_000)
    as_anew(200_000)
    same(names(m / "log.jsonl"), ["id", "other"])
    data = bytearray(read(path))
    data[1_900_000:1_900_019] = b'{"id":8,"other":2}\n'
    replace(path, bytes(data) + b'{"id":7,"other":3}\n')
    as_anew(200_001)


def masked_crc(data):
    """CRC-32C, as TFRecord has it."""
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 & -(crc & 1))
    crc ^= 0xffffffff
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xa282ead8) & 0xffffffff)


def tf_record(i):
    """Of an Example: {id: int64_list [i], pad: bytes_list of 100}."""
    def field(n, body):
        return bytes([n << 3 | 2, len(body)]) + body
    entries = field(1, field(1, b"id") + field(2, field(3, field(1, bytes([i]))))) + field(1, field(1, b"pad") + field(2, field(1, field(1, bytes(100)))))
    raw = b"\x0a" + bytes([len(entries) & 127 | 128, len(entries) >> 7]) + entries
    length = struct.pack("<Q", len(raw))
    return length + masked_crc(length) + raw + masked_crc(raw)


def grows(m, path, expected, steps):
    """steps: what is appended, the ids that are whole then, and how many records are broken."""
    there = m / os.path.basename(path)
    ids_of = os.path.join(there, "id")
    same(ints(ids_of), expected)
    for more, ids, bad in steps:
        with open(path, "ab") as out:
            out.write(more)
        expected += ids
        until(lambda: os.path.getsize(ids_of) == 8 * len(expected), f"{len(expected)} rows")
        same(ints(ids_of), expected)
        until(lambda: ("user.arrayfs.bad_records" in os.listxattr(there)) == bool(bad), "how many are broken")
        if bad:
            same(attribute(there, "arrayfs.bad_records"), str(bad))


def test_a_file_that_ended_within_a_record_is_read_on_from_there(s):
    """The record that was not whole is read anew, not passed over; behind a length that is wrong nothing is."""
    d = s.mkdir("d")
    path = os.path.join(d, "t.tfrecord")
    ten = [tf_record(i) for i in range(10)]
    write(path, b"".join(ten) * 1000)                # over a MiB: what was passed of it is kept
    m = s.mount(d, "-o", "records,bad-records=skip")
    grows(m, path, list(range(10)) * 1000, (
        (ten[7][:30], [], 1), (ten[7][30:] + ten[8] + ten[3][:5], [7, 8], 1), (ten[3][5:], [3], 0), (ten[4][:-1], [], 1),
        (ten[4][-1:] + ten[5][:12], [4], 1), (ten[5][12:] + ten[6], [5, 6], 0), (b"\1" + ten[1][1:] + ten[2], [], 1), (ten[2] * 20, [], 1)))
    m.stop()
    write(path, b"".join(ten) * 1000 + ten[7][:30])  # else it is a file until the record is whole
    m = s.mount(d, "-o", "records")
    holds("record 10001: the file ends within it" in attribute(m / "t.tfrecord", "arrayfs.error"), "why it is no table")
    with open(path, "ab") as out:
        out.write(ten[7][30:])
    until(lambda: os.path.isdir(m / "t.tfrecord"), "a table")
    same(ints(m / "t.tfrecord/id"), list(range(10)) * 1000 + [7])


def test_so_do_delimited_messages(s):
    def field(n, body):
        return bytes([n << 3 | 2, len(body)]) + body
    message = field(1, b"M") + field(2, field(1, b"id") + b"\x18\x01\x20\x01\x28\x03")
    write(s.path("m.desc"), field(1, field(1, b"m.proto") + field(4, message) + field(12, b"proto3")))
    d = s.mkdir("d")
    path = os.path.join(d, "m.pb")
    ten = [bytes([104]) + b"\x08" + bytes([i]) + field(15, bytes(100)) for i in range(10)]
    write(path, b"".join(ten) * 1100)
    for framing in ("framing=delimited,", ""):
        m = s.mount(d, "-o", f"records,bad-records=skip,{framing}schema={s.path('m.desc')},message=M")
        grows(m, path, ints(m / "m.pb/id"), ((ten[7][:30], [], 1), (ten[7][30:] + ten[8] + ten[3][:1], [7, 8], 1), (ten[3][1:], [3], 0)))
        m.stop()


def test_a_log_that_is_written_in_pieces_cut_anywhere(s):
    """With lists, and with lines that are broken: each time what is whole is what it would be anew."""
    d = s.mkdir("d")
    path = os.path.join(d, "log.jsonl")
    lines = [b'{"id":%d,"v":[%s]}\n' % (i, b", ".join(b"%d.%d" % (i % 7, k * k) for k in range(i % 90))) for i in range(3000)]
    lines[::700] = [b'{"id":1,"v":[0.5, 01]}\n'] * len(lines[::700])
    text = b"".join(lines)
    write(path, b"")
    m = s.mount(d, "-o", "records=jsonl,bad-records=skip")
    at = 0
    for end in (7, 100_003, 100_020, 300_001, 650_050, len(text)):
        with open(path, "ab") as log:
            log.write(text[at:end])
        at = end
        whole = text[:end].splitlines(keepends=True)
        good = [line for line in whole if line.endswith(b"\n") and b" 01]" not in line]
        if not good:
            continue
        until(lambda: os.path.isfile(m / "log.jsonl/id") and os.path.getsize(m / "log.jsonl/id") == 8 * len(good), f"{len(good)} rows")
        same(attribute(m / "log.jsonl", "arrayfs.bad_records"), str(sum(b" 01]" in line for line in whole)))
        values = [float(x) for line in good for x in line.split(b"[")[1].split(b"]")[0].split(b", ") if x]
        same(read(m / "log.jsonl/v/values"), struct.pack(f"<{len(values)}d", *values))
        same(len(ints(m / "log.jsonl/v/offsets")), len(good) + 1)
