"""What the header of a JPEG says, without decoding it (ITU-T T.81, annex B)."""

import struct

_SIZES = {0xC0, 0xC2}
"""Frame headers of baseline and progressive JPEGs with Huffman codes, which every decoder knows."""
_OTHER_SIZES = set(range(0xC0, 0xD0)) - _SIZES - {0xC4, 0xC8, 0xCC}
_EXIF, _ADOBE, _SCAN = 0xE1, 0xEE, 0xDA


def is_plain_jpeg(data: bytes | memoryview, size: tuple[int, int]) -> bool:
    """Whether bytes begin as a JPEG of 8 bits in YCbCr, of a size and with no Exif block that might turn it.

    Args:
        data: Encoded image, as it is stored.
        size: Height and width that it must have.
    """
    if data[:2] != b"\xff\xd8":
        return False
    place, found = 2, False
    while place + 4 <= len(data):
        if data[place] != 0xFF:
            return False
        marker = data[place + 1]
        if marker == 0xFF:  # fill bytes may come before a marker
            place += 1
            continue
        if marker == _SCAN:
            return found
        (length,) = struct.unpack_from(">H", data, place + 2)
        body = bytes(data[place + 4 : place + 2 + length])
        is_turned = marker == _EXIF and body.startswith(b"Exif")
        is_other_colour = marker == _ADOBE and body.startswith(b"Adobe") and body[11:12] != b"\x01"
        if marker in _OTHER_SIZES or is_turned or is_other_colour:
            return False
        if marker in _SIZES:
            if len(body) < 6 or struct.unpack_from(">BHHB", body) != (8, *size, 3):
                return False
            found = True
        place += 2 + length
    return False
