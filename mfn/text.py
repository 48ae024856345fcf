"""Text from files and file names, made fit for people to read."""

import unicodedata


def printable(text: str) -> str:
    r"""The text on one line that any terminal, log, page and event file takes.

    Bytes of file names that are no UTF-8 (Python holds them as lone surrogates) become ``\xff``, line breaks, control
    characters and those that turn the writing direction ``\n``, ``\x1b`` and ``\u202e``; blanks of any kind stay.
    """
    return text if text.isprintable() else "".join(map(_shown, text))


def _shown(character: str) -> str:
    if character.isprintable() or unicodedata.category(character) == "Zs":
        return character
    code = ord(character)
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else ascii(character)[1:-1]
