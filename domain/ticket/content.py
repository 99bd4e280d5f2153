"""What a file begins with, held against the type that it is declared to have.

A type is what somebody said. Programs go by it, and so do people who are to open a file; hence what is said must not be
plainly untrue. Of types that have one, the signature must be there, as it is registered or as the format's own
specification has it; and no file is a program by its first bytes unless it is declared as octets, which promises
nothing. Formats without a signature, text above all, are what they are said to be. Nothing is unpacked or parsed:
whether a file is harmless, only a scanner can tell.
"""

import re

from domain.errors import ContentNotAsDeclared

_ZIP, _GZIP, _OLE = rb"PK(\x03\x04|\x05\x06|\x07\x08)", rb"\x1f\x8b", rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ISO_MEDIA = rb".{4}ftyp"
# An office document that has a password is a compound file, whatever it is without one.
_OFFICE = rb"%s|%s" % (_ZIP, _OLE)
_BEGINS = [
    (re.compile(types), re.compile(begins, re.DOTALL))
    for types, begins in (
        (r"image/png", rb"\x89PNG\r\n\x1a\n"),
        (r"image/jpe?g", rb"\xff\xd8\xff"),
        (r"image/gif", rb"GIF8[79]a"),
        (r"image/webp", rb"RIFF.{4}WEBP"),
        (r"image/bmp", rb"BM"),
        (r"image/tiff", rb"II[*+]\x00|MM\x00[*+]"),
        (r"image/(heic|heif|avif)", _ISO_MEDIA),
        (r"video/(mp4|quicktime)|audio/mp4", rb".{4}(ftyp|moov|mdat|wide|free|skip)"),
        (r"video/webm|audio/webm|video/x-matroska", rb"\x1a\x45\xdf\xa3"),
        (r"audio/ogg|video/ogg|application/ogg", rb"OggS"),
        (r"audio/(x-|vnd\.)?wave?", rb"(RIFF|RF64|BW64).{4}WAVE"),
        # Readers take a document whose header comes a little later, and mail gateways write such.
        (r"application/pdf", rb".{0,1019}%PDF-"),
        (r"application/rtf|text/rtf", rb"\s*\{\\rt"),
        (r"application/zip|application/epub\+zip", _ZIP),
        (r"application/gzip", _GZIP),
        (r"application/x-7z-compressed", rb"7z\xbc\xaf\x27\x1c"),
        (r"application/vnd\.(openxmlformats-officedocument\..*|ms-.*macroenabled\..*)", _OFFICE),
        (r"application/vnd\.oasis\.opendocument\.(text|spreadsheet|presentation|graphics)(-template)?", _ZIP),
        (r"application/vnd\.ms-outlook", _OLE),
    )
]
_PROGRAM = re.compile(
    rb"MZ.{0,62}\x00"  # Windows and DOS
    rb"|\x7fELF"
    rb"|\xfe\xed\xfa[\xce\xcf]|[\xce\xcf]\xfa\xed\xfe|\xca\xfe\xba\xbe"  # macOS; Java
    rb"|L\x00\x00\x00\x01\x14\x02\x00"  # a shortcut
    rb"|\x00asm",
    re.DOTALL,
)
_MAY_BE_PROGRAMS = re.compile(r"application/(octet-stream|vnd\.microsoft\.portable-executable|wasm|java-archive)")
_LOOKED_AT = 1_024


def must_be_as_declared(media_type: str, content: bytes) -> None:
    """Refuse a file that by its first bytes, at best a thousand of them, is no file of its declared type."""
    beginning = content[:_LOOKED_AT]
    if _PROGRAM.match(beginning) and not _MAY_BE_PROGRAMS.fullmatch(media_type):
        raise ContentNotAsDeclared("By its first bytes it is a program.")
    for types, begins in _BEGINS:
        if types.fullmatch(media_type) and not begins.match(beginning):
            raise ContentNotAsDeclared("It does not begin as files of that type do.")
