"""Content: a file is not plainly another than it is declared to be, and no program unless it is declared as octets."""

import gzip
import wave
from io import BytesIO
from zipfile import ZipFile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import ContentNotAsDeclared
from domain.ticket.content import must_be_as_declared


def zipped(*names: str) -> bytes:
    into = BytesIO()
    with ZipFile(into, "w") as archive:
        for name in names:
            archive.writestr(name, "content")
    return into.getvalue()


def sound() -> bytes:
    into = BytesIO()
    with wave.open(into, "wb") as file:
        file.setparams((1, 2, 8_000, 0, "NONE", ""))
        file.writeframes(bytes(100))
    return into.getvalue()


COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
GENUINE = {
    "image/png": [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"],
    "image/jpeg": [b"\xff\xd8\xff\xe0\0\x10JFIF\0", b"\xff\xd8\xff\xe1\0\x10Exif\0"],
    "image/gif": [b"GIF89a\1\0\1\0", b"GIF87a\1\0\1\0"],
    "image/webp": [b"RIFF\x0a\x0d\0\0WEBPVP8 "],
    "image/tiff": [b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"],
    "image/heic": [b"\0\0\0\x0a" + b"ftypheic"],
    "video/mp4": [b"\0\0\0\x20" + b"ftypisom"],
    "audio/wav": [sound()],
    "audio/x-wav": [sound()],
    "application/pdf": [b"%PDF-1.7\n", b"\xef\xbb\xbf\n" + b"%PDF-1.4\n"],
    "application/rtf": [b"{\\rtf1\\ansi}"],
    "application/zip": [zipped("one.txt"), zipped()],
    "application/gzip": [gzip.compress(b"content")],
    "application/x-7z-compressed": [b"7z\xbc\xaf\x27\x1c\0\4"],
    WORD: [zipped("[Content_Types].xml"), COMPOUND],
    "application/vnd.ms-excel.sheet.macroenabled.12": [zipped("[Content_Types].xml")],
    "application/vnd.oasis.opendocument.spreadsheet": [zipped("mimetype")],
    "application/vnd.ms-outlook": [COMPOUND],
}
OTHERS = [b"", b"plain text", b"<!doctype html><script>", b"<svg xmlns=", b"#!/bin/sh\n", b"PK", b"\0" * 2_000]
PROGRAMS = [
    b"MZ\x90\0\3\0\0\0" + bytes(500),
    b"\x7fELF\2\1\1\0",
    b"\xcf\xfa\xed\xfe\7\0\0\1",
    b"\xca\xfe\xba\xbe\0\0\0\x41",
    b"L\0\0\0\1\x14\2\0\0\0\0\0",
]


@pytest.mark.parametrize("kind", GENUINE)
def test_what_has_the_signature_of_its_type_is_taken_and_nothing_else(kind: str) -> None:
    for content in GENUINE[kind]:
        must_be_as_declared(kind, content)
        must_be_as_declared(kind, content + b"<script>" * 10_000)
    for content in OTHERS + PROGRAMS:
        with pytest.raises(ContentNotAsDeclared):
            must_be_as_declared(kind, content)


def test_what_has_no_signature_is_what_it_is_said_to_be() -> None:
    for kind in (
        "text/plain",
        "text/html",
        "image/svg+xml",
        "application/json",
        "application/vnd.ms-excel",
        "audio/mpeg",
    ):
        for content in (
            *OTHERS,
            b"MZ means Mainz, and this is a text about it, not a program for Windows",
            zipped("x"),
        ):
            must_be_as_declared(kind, content)


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/json", "image/svg+xml", "video/x-msvideo", "message/rfc822"]
)
def test_a_program_passes_for_nothing_else(kind: str) -> None:
    for content in PROGRAMS:
        with pytest.raises(ContentNotAsDeclared):
            must_be_as_declared(kind, content)


@given(st.binary(max_size=100), st.sampled_from([b"", *PROGRAMS]))
def test_octets_promise_nothing(content: bytes, begins: bytes) -> None:
    must_be_as_declared("application/octet-stream", begins + content)
