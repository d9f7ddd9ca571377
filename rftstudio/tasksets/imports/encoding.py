"""Which encoding a text file is in, and what is no text file at all."""

import codecs
from pathlib import Path

from rftstudio.engine.errors import SpecError

CHUNK = 1 << 20
_SAVE_AS = "Save it as CSV (UTF-8) and upload that."
_FOREIGN = (
    (b"PK\x03\x04", "an Excel workbook or a zip file"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"PAR1", "a Parquet file"),
    (b"%PDF", "a PDF"),
    (b"\x1f\x8b", "a gzip file"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"SQLite format 3", "a database"),
    (b"{\\rtf", "a formatted document"),
)


def refuse_foreign_file(head: bytes, name: str) -> None:
    """Raises `SpecError` for files that are clearly something else."""
    for mark, what in _FOREIGN:
        if head.startswith(mark):
            raise SpecError(f"“{name[:80]}” is {what}, not a text file.", path="file", fix=_SAVE_AS)


def find_encoding(path: Path, head: bytes) -> tuple[str, str]:
    """The codec's name, and a note for a person where it had to be guessed. Raises `SpecError`."""
    if head.startswith(codecs.BOM_UTF8):
        return _checked(path, "utf-8-sig"), ""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _checked(path, "utf-16"), "The file is in UTF-16, as some spreadsheets save it."
    nulls = head.count(b"\0")
    if nulls > len(head) // 5:
        even = head[::2].count(b"\0")
        guess = "utf-16-be" if even > nulls // 2 else "utf-16-le"
        if _fails_at(path, guess) is None and max(even, nulls - even) > nulls * 0.9:
            return guess, "The file is in UTF-16, as some spreadsheets save it."
        raise SpecError("The file is not text: it is full of NUL bytes.", path="file", fix=_SAVE_AS)
    failure = _fails_at(path, "utf-8")
    if failure is None:
        return "utf-8", ""
    place, byte = failure
    guess = "cp1252" if _fails_at(path, "cp1252") is None else "latin-1"
    note = (
        f"The file is not in UTF-8 (byte 0x{byte:02X} at position {place:,}), so it was read as Western European "
        "(Latin-1). Look at the accented letters below; if they are wrong, save it again as UTF-8."
    )
    return guess, note


def _checked(path: Path, encoding: str) -> str:
    if failure := _fails_at(path, encoding):
        message = f"The file claims to be {encoding.upper()}, but is broken at byte {failure[0]:,}."
        raise SpecError(message, path="file", fix=_SAVE_AS)
    return encoding


def _fails_at(path: Path, encoding: str) -> tuple[int, int] | None:
    """Position and value of the first byte that is not in this encoding."""
    decoder = codecs.getincrementaldecoder(encoding)()
    done = 0
    with path.open("rb") as file:
        while True:
            chunk = file.read(CHUNK)
            pending = len(decoder.getstate()[0])
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                place = error.start if error.start < len(error.object) else len(error.object) - 1
                value = error.object[place] if error.object else 0
                return done - pending + place, value
            if not chunk:
                return None
            done += len(chunk)
