"""Files in evidence bundles: which are there, that none can be another, and that none is ever whole in memory."""

import tracemalloc
import zipfile
from collections.abc import Callable
from hashlib import sha256
from io import BytesIO
from mmap import ACCESS_READ, mmap
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import pytest

from api.evidence.archive import Archive, BundleRefused, pack, unpack
from api.evidence.attached import suffix_of
from api.evidence.checking import check
from api.evidence.making import make
from desk_talk import done, opened
from desks import give
from domain.desk import Desk
from domain.store.chunks import CHUNK_BYTES, path_of
from domain.store.handing_out import chunks_of
from domain.store.places import Directory
from evidence import AUDITOR, Files, bundle_of, listed, retold
from ledgers import sign_now
from lying_files import put_to
from projections.ledger import Folder

CONTENT = Random(4).randbytes(CHUNK_BYTES + 54_321)
Made = Callable[[], bytes]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ledger")


@pytest.fixture(scope="module")
def attachments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("attachments")


@pytest.fixture(scope="module")
def place(attachments: Path) -> Directory:
    return Directory(attachments)


@pytest.fixture(scope="module")
def desk(shared_house: Any) -> Desk:
    found: Desk = shared_house.desk
    return found


@pytest.fixture(scope="module")
def number(shared_house: Any, desk: Desk, place: Directory) -> str:
    """A ticket with a file in two parts, an empty one, and one with a hostile name."""
    ticket = opened(shared_house.caller("root", "admin", "*"), title="VPN drops")
    put_to(desk, place, ticket, CONTENT, "Capture.PCAP", "application/octet-stream")
    put_to(desk, place, ticket, b"", "empty.txt", internal=True)
    put_to(desk, place, ticket, b"<script>alert(1)</script>", "<b>../../x.html", "text/html")
    return ticket


@pytest.fixture(scope="module")
def bundle(desk: Desk, folder: Path, place: Directory, number: str) -> bytes:
    return bundle_of(desk, folder, desk.find(number), place=place)


@pytest.fixture
def files(bundle: bytes) -> Files:
    return {name: bytes(content) for name, content in unpack(bundle).items()}  # type: ignore[arg-type]


def fault(packed: bytes) -> str:
    with pytest.raises(BundleRefused) as why:
        check(packed)
    return str(why.value)


def named(files: Files, folder: str) -> list[str]:
    return sorted(name for name in files if name.startswith(f"{folder}/"))


def test_the_files_of_a_ticket_are_in_its_bundle_under_safe_names_and_it_holds(bundle: bytes, files: Files) -> None:
    capture, empty, script = named(files, "attachments")
    assert files[capture] == CONTENT
    assert files[empty] == b""
    assert [name.rpartition(".")[2] for name in (capture, empty, script)] == ["pcap", "txt", "html"]
    story = check(bundle).story
    assert len(story.bundle.attached) == 3
    with zipfile.ZipFile(BytesIO(bundle)) as archive:
        assert archive.testzip() is None
        assert archive.read(capture) == CONTENT
    html = files["evidence.html"].decode()
    assert capture in html
    assert sha256(CONTENT).hexdigest() in html
    assert "<script>" not in html
    assert not any(key in html for key in keys_of(story.ticket))


def keys_of(told: Any) -> list[str]:
    return [one.event.key for one in told if one.event.TYPE == "ticket.attachment-added.v1"]


def test_the_same_ticket_has_the_same_files_in_its_next_bundle(
    desk: Desk, folder: Path, place: Directory, number: str, files: Files
) -> None:
    again = unpack(bundle_of(desk, folder, desk.find(number), place=place))
    for name in (*named(files, "attachments"), *named(files, "nonces")):
        assert again[name] == files[name]


@pytest.mark.parametrize("at", [0, CHUNK_BYTES - 1, CHUNK_BYTES, len(CONTENT) - 1])
def test_no_byte_of_a_file_can_be_another_even_when_the_manifest_is_made_to_match(files: Files, at: int) -> None:
    capture, *_ = named(files, "attachments")
    changed = bytearray(files[capture])
    changed[at] ^= 1
    part = 1 + at // CHUNK_BYTES
    forged = files | {capture: bytes(changed)}
    assert fault(listed(forged)) == f"{capture} is not the file that was put to the ticket: its part {part} is another"
    assert fault(retold(forged)) == fault(listed(forged))


def test_a_file_can_be_neither_longer_nor_shorter_nor_another_of_the_ticket(files: Files) -> None:
    capture, empty, script = named(files, "attachments")
    for forged in (files | {capture: CONTENT + b"\0"}, files | {capture: CONTENT[:-1]}, files | {empty: b"\0"}):
        assert "is not as long as the file" in fault(listed(forged))
    swapped = files | {script: files[script][::-1]}
    assert "is another" in fault(listed(swapped))


def test_nonces_cannot_be_others_fewer_or_missing(files: Files) -> None:
    first, *_ = named(files, "nonces")
    lines = files[first].splitlines(keepends=True)
    assert "is another" in fault(listed(files | {first: b"".join(reversed(lines))}))
    assert "does not name as many parts" in fault(listed(files | {first: lines[0]}))
    assert "does not name as many parts" in fault(listed(files | {first: b"".join(lines * 2)}))
    assert "not nonces" in fault(listed(files | {first: b"nonsense\n"}))
    assert f"{first} is missing" in fault(listed({name: files[name] for name in files if name != first}))
    upper = files | {first: files[first].upper()}
    assert upper == files or f"{first} is not what" in fault(listed(upper))


def test_a_file_that_no_event_put_to_the_ticket_is_refused(files: Files) -> None:
    assert "belongs to no event" in fault(
        listed(files | {"attachments/000000001.txt": b"x", "nonces/000000001.txt": b""})
    )
    for name in (
        "attachments/1.txt",
        "attachments/readme",
        "attachments/000000001.a.b",
        "attachments/000000001.longsuffix",
    ):
        assert "is called as no file is" in fault(listed(files | {name: b"x"}))
    assert "belongs to nothing" in fault(listed(files | {"nonces/000000001.txt": b""}))
    renamed = {name.replace(".pcap", ".exe"): content for name, content in files.items()}
    assert "is not called as the file" in fault(listed(renamed))


def test_a_file_without_the_key_of_its_event_is_refused(files: Files) -> None:
    capture, *_ = named(files, "attachments")
    key = f"keys/{capture[12:21]}.hex"
    assert "cannot be compared" in fault(listed({name: files[name] for name in files if name != key}))


def test_path_names_and_bombs_are_no_way_in(files: Files) -> None:
    for name in ("attachments/../../x", "attachments/a/b", "attachments/.htaccess", "attachments/A.txt"):
        assert "a name that none has" in fault(pack(files | {name: b"x"}))
    bomb = BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            archive.writestr(name, files[name])
        archive.writestr("attachments/000000009.txt", bytes(50_000_000))
    assert fault(bomb.getvalue())


def test_a_file_that_is_left_out_is_told_as_that(files: Files) -> None:
    """Whoever makes a bundle can leave a file out, and the document of the rest says that it is not there."""
    capture, *_ = named(files, "attachments")
    position = capture[12:21]
    rest = {name: files[name] for name in files if name not in (capture, f"nonces/{position}.txt")}
    assert fault(listed(rest)) == "evidence.html is not what the events of this bundle give"
    assert b"it was missing or damaged where it lay" in check(retold(rest)).document


def test_files_in_quarantine_are_named_and_not_handed_out(
    shared_house: Any, desk: Desk, folder: Path, place: Directory
) -> None:
    admin = shared_house.caller("root", "admin", "*")
    number = opened(admin, title="A strange file")
    put_to(desk, place, number, b"EVIL" * 1000, "evil.bin")
    (file,) = desk.ticket(desk.find(number)).attachments
    give(desk, "quarantine", number, attachment=file.attachment, reason="a virus")
    packed = bundle_of(desk, folder, desk.find(number), place=place)
    assert b"EVIL" not in packed
    checked = check(packed)
    assert checked.story.bundle.attached == {}
    assert "no: it is in quarantine" in checked.document.decode()
    assert "evil.bin" in checked.document.decode()
    done(admin, number, "release-attachment", attachment=str(file.attachment))
    assert b"EVIL" in bundle_of(desk, folder, desk.find(number), place=place)


@pytest.mark.parametrize("damage", ["removed", "changed", "cut short"])
def test_a_file_that_is_damaged_where_it_lies_is_left_out_and_told_as_that(
    shared_house: Any, desk: Desk, folder: Path, place: Directory, attachments: Path, damage: str
) -> None:
    number = opened(shared_house.caller("root", "admin", "*"), title="A file")
    put_to(desk, place, number, CONTENT)
    ticket = desk.find(number)
    chunk = attachments / path_of(chunks_of(desk.history(ticket))[1])
    if damage == "removed":
        chunk.unlink()
    else:
        chunk.write_bytes(b"x" + chunk.read_bytes()[1:] if damage == "changed" else chunk.read_bytes()[:-1])
    checked = check(bundle_of(desk, folder, ticket, place=place))
    assert checked.story.bundle.attached == {}
    assert "no: it was missing or damaged where it lay" in checked.document.decode()


def test_no_file_is_ever_whole_in_memory(
    shared_house: Any, desk: Desk, folder: Path, place: Directory, tmp_path: Path
) -> None:
    number = opened(shared_house.caller("root", "admin", "*"), title="A large file")
    large = 48 * CHUNK_BYTES
    put_to(desk, place, number, bytes(large))
    ticket: UUID = desk.find(number)
    sign_now(desk.store, folder)
    file = tmp_path / "bundle.zip"
    tracemalloc.start()
    try:
        with Folder(folder) as log, file.open("wb") as out:
            made = make(desk, log, ticket, at=desk.now(), by=AUDITOR, zone="UTC", place=place)
            for piece in made:
                out.write(piece)
        assert file.stat().st_size == made.length > large
        with file.open("rb") as packed, mmap(packed.fileno(), 0, access=ACCESS_READ) as mapped:
            view = memoryview(mapped)
            checked = check(view)
            assert len(checked.story.bundle.attached) == 1
            del checked
            view.release()
        assert tracemalloc.get_traced_memory()[1] < large / 3
    finally:
        tracemalloc.stop()


def test_an_archive_is_that_of_every_other_packer(files: Files) -> None:
    """Also where it has more members than a plain archive counts."""
    for some in (files, {f"f{number:06}": b"" for number in range(66_000)}):
        packed = BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
            for name in sorted(some):
                member = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
                member.create_system, member.external_attr = 3, 0o100644 << 16
                archive.writestr(member, some[name])
        assert pack(some) == packed.getvalue()
        assert Archive(some).length == len(packed.getvalue())


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("a.PDF", ".pdf"),
        ("a.tar.gz", ".gz"),
        ("a", ""),
        ("a.", ""),
        ("a.p df", ""),
        ("a.longsuffix", ""),
        ("a.é", ""),
        (".txt", ".txt"),
    ],
)
def test_of_a_name_only_a_plain_ending_is_left(name: str, suffix: str) -> None:
    assert suffix_of(name) == suffix
