# SPDX-License-Identifier: MIT
"""Thrift's compact protocol, enough to rewrite what a Parquet file says of itself:
a struct is a dict {field id: (type, value)}, a list a pair (type of elements, list).
"""
TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(1, 13)


class Reader:
    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def take(self, n):
        self.at += n
        return bytes(self.data[self.at - n:self.at])

    def varint(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def zigzag(self):
        n = self.varint()
        return n >> 1 ^ -(n & 1)

    def value(self, kind):
        if kind in (TRUE, FALSE):
            return kind == TRUE
        if kind == BYTE:
            return self.take(1)
        if kind in (I16, I32, I64):
            return self.zigzag()
        if kind == DOUBLE:
            return self.take(8)
        if kind == BINARY:
            return self.take(self.varint())
        if kind == LIST:
            head = self.take(1)[0]
            count = head >> 4 if head >> 4 < 15 else self.varint()
            of = head & 15
            return of, [self.take(1) if of in (TRUE, FALSE) else self.value(of) for _ in range(count)]
        assert kind == STRUCT, kind
        return self.struct()

    def struct(self):
        fields, last = {}, 0
        while head := self.take(1)[0]:
            last = last + (head >> 4) if head >> 4 else self.zigzag()
            fields[last] = (head & 15, self.value(head & 15))
        return fields


def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def zigzag(n):
    return varint((n << 1 ^ n >> 63) & (1 << 64) - 1)


def value(kind, v):
    if kind in (TRUE, FALSE):
        return b""
    if kind in (I16, I32, I64):
        return zigzag(v)
    if kind == BINARY:
        return varint(len(v)) + v
    if kind == LIST:
        of, items = v
        head = bytes([len(items) << 4 | of]) if len(items) < 15 else bytes([0xf0 | of]) + varint(len(items))
        return head + b"".join(i if of in (TRUE, FALSE) else value(of, i) for i in items)
    return struct(v) if kind == STRUCT else v


def struct(fields):
    out, last = b"", 0
    for number, (kind, v) in sorted(fields.items()):
        kind = (TRUE if v else FALSE) if kind in (TRUE, FALSE) else kind
        delta = number - last
        out += bytes([delta << 4 | kind]) if 0 < delta < 16 else bytes([kind]) + zigzag(number)
        out += value(kind, v)
        last = number
    return out + b"\0"


def footer(data):
    """Of a Parquet file."""
    return Reader(data, len(data) - 8 - int.from_bytes(data[-8:-4], "little")).struct()


def with_footer(data, fields):
    """The file with another footer."""
    new = struct(fields)
    return bytes(data[:len(data) - 8 - int.from_bytes(data[-8:-4], "little")]) + new + len(new).to_bytes(4, "little") + b"PAR1"


def chunks(fields):
    """Of a footer: (row group, column, ColumnMetaData), which may be changed."""
    for g, (_, group) in enumerate((STRUCT, g) for g in fields[4][1][1]):
        for i, chunk in enumerate(group[1][1][1]):
            yield g, i, chunk[3][1]


def pages(data, meta):
    """Of a chunk: (offset, header, offset of the payload, its length)."""
    at = min(meta[k][1] for k in (9, 11) if k in meta)
    end = at + meta[7][1]
    while at < end:
        r = Reader(data, at)
        header = r.struct()
        yield at, header, r.at, header[3][1]
        at = r.at + header[3][1]
