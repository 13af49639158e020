"""A small PNG that looks like a QR code."""

import struct
import zlib

_SIZE = 29
_SCALE = 4
_FINDER = 7


def qr_png(seed: int) -> bytes:
    """A valid black-and-white PNG with the three corners of a QR code; it encodes nothing."""
    pixels = b"".join(_row(y // _SCALE, seed) for y in range(_SIZE * _SCALE))
    side = _SIZE * _SCALE
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    parts = (_chunk(b"IHDR", header), _chunk(b"IDAT", zlib.compress(pixels)), _chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _row(y: int, seed: int) -> bytes:
    dots = b"".join(bytes([0 if _dark(x, y, seed) else 255]) * _SCALE for x in range(_SIZE))
    return b"\0" + dots  # each row begins with its filter: none


def _dark(x: int, y: int, seed: int) -> bool:
    margin, last = 2, _SIZE - 3
    if not (margin <= x <= last and margin <= y <= last):
        return False
    corners = ((margin, margin), (last - _FINDER + 1, margin), (margin, last - _FINDER + 1))
    for left, top in corners:
        dx, dy = x - left, y - top
        if -1 <= dx <= _FINDER and -1 <= dy <= _FINDER:
            ring = max(abs(dx - 3), abs(dy - 3))
            return ring in (0, 1, 3)
    return zlib.crc32(struct.pack(">III", x, y, seed & 0xFFFFFFFF)) % 2 == 0


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
