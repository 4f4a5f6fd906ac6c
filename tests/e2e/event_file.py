"""A reader of TensorBoard's event files that trusts nothing: every length and checksum is looked at."""

import struct


def _table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


TABLE = _table()


def masked_crc32c(content):
    crc = 0xFFFFFFFF
    for byte in content:
        crc = (crc >> 8) ^ TABLE[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def records(content):
    """The payloads of a TFRecord file; ValueError says where one is damaged or cut."""
    at = 0
    while at < len(content):
        if len(content) - at < 12:
            raise ValueError(f"byte {at}: a record is cut in its head")
        length, check = struct.unpack_from("<QI", content, at)
        if masked_crc32c(content[at : at + 8]) != check:
            raise ValueError(f"byte {at}: wrong checksum of a length")
        if len(content) - at < 16 + length:
            raise ValueError(f"byte {at}: a record of {length} bytes is cut")
        data = content[at + 12 : at + 12 + length]
        if masked_crc32c(data) != struct.unpack_from("<I", content, at + 12 + length)[0]:
            raise ValueError(f"byte {at}: wrong checksum of a record")
        yield data
        at += 16 + length


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift, at = shift + 7, at + 1
        if data[at - 1] < 128:
            return value, at


def fields(data):
    """(number, value) of a protocol buffer: int, 4 or 8 bytes, or bytes."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = varint(data, at)
        else:
            size = {1: 8, 5: 4}.get(kind)
            if kind == 2:
                size, at = varint(data, at)
            value, at = data[at : at + size], at + size
            if len(value) != size:
                raise ValueError("a field is longer than its message")
        yield key >> 3, value


def scalars(content):
    """[(step, {tag: number})] of an event file, in its order; the first record must name the version."""
    out = []
    for i, record in enumerate(records(content)):
        event = dict(fields(record))
        struct.unpack("<d", event[1])  # wall time
        if i == 0:
            if event.get(3) != b"brain.Event:2":
                raise ValueError(f"expected the version, found {event}")
            continue
        values = [dict(fields(value)) for number, value in fields(event[5]) if number == 1]
        out.append((event[2], {value[1].decode(): struct.unpack("<f", value[2])[0] for value in values}))
    return out
