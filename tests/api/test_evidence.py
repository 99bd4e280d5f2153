"""Evidence bundles: what is in one, and that nothing in it can be changed unnoticed."""

import io
import json
import zipfile
from contextlib import suppress
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.evidence.archive import BundleRefused, pack, unpack
from api.evidence.checking import DocumentOfOthers, check
from desk_talk import done, opened
from domain.envelope import ERASED
from domain.record.note import Checkpoint, Signer
from domain.record.proof import read as read_proof
from evidence import Files, bundle_of, listed, retold
from ledgers import SIGNER, kept

GOLDEN = Path(__file__).parent.parent / "golden"
TITLE = "VPN <script>alert(1)</script> & “drops”"
HOSTILE = "From home only.\nSee \u202eexe.gpj\u202c, \u200bhidden, \x07bell; שלום."


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ledger")


@pytest.fixture(scope="module")
def ticket(shared_house) -> Any:
    """A ticket on which much has happened, with those of others beside it; its stream."""
    admin = shared_house.caller("root", "admin", "*")
    petra = {"email": "petra@example.org", "name": "Petra Prosser"}
    number = opened(admin, title=TITLE, description=HOSTILE, requester=petra)
    opened(admin, title="another one", requester={"email": "paul@example.org", "name": "Paul Pauper"})
    done(admin, number, "assign", assignee="alice", reason="She knows the network")
    done(admin, number, "note", text="Looks like the old certificate.")
    done(admin, number, "hold", reason="requester")
    opened(admin, title="one more")
    done(admin, number, "resume")
    done(admin, number, "resolve", code="solved", notes="A new certificate")
    return shared_house.desk.find(number)


@pytest.fixture(scope="module")
def made(shared_house, folder, ticket) -> tuple[bytes, Checkpoint]:
    """A bundle, and the checkpoint that was the newest then."""
    first = bundle_of(shared_house.desk, folder, ticket)
    old = check(first).checkpoint.size
    shared_house.grant("nina", "agent", "hr")
    return bundle_of(shared_house.desk, folder, ticket, kept=[old]), kept(folder)[-1]


@pytest.fixture(scope="module")
def bundle(made) -> bytes:
    return made[0]


@pytest.fixture(scope="module")
def checkpoint(made) -> Checkpoint:
    return made[1]


@pytest.fixture
def files(bundle) -> Files:
    return unpack(bundle)


def fault(packed: bytes, **given: Any) -> str:
    with pytest.raises(BundleRefused) as why:
        check(packed, **given)
    return str(why.value)


def description(files: Files) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(files["bundle.json"])
    return found


def redescribed(files: Files, **changes: Any) -> Files:
    said = json.dumps({**description(files), **changes}, indent=2, ensure_ascii=False)
    return files | {"bundle.json": said.encode() + b"\n"}


# What is in it


def test_a_bundle_holds_the_stored_bytes_their_entries_and_their_proofs(
    shared_house, ticket, bundle, checkpoint, files
):
    checked = check(bundle)
    own = shared_house.desk.store.events_of(ticket)
    assert [event.originator_version for event in own] == [told.event.version for told in checked.story.ticket]
    for event in own:
        number = f"{event.position:09}"
        assert files[f"events/{number}.json"] == event.state
        entry = files[f"entries/{number}.json"]
        assert json.loads(entry)["sha256"] == sha256(event.state).hexdigest()
        proof = read_proof(files[f"proofs/{number}.tlog-proof"].decode())
        assert proof.checked(entry, SIGNER.verifier) == checkpoint


def test_any_zip_tool_reads_it(bundle, files):
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == files


def test_the_same_moment_gives_the_same_bytes(bundle, files):
    assert retold(files) == bundle


def test_the_configuration_that_applies_is_there_and_no_other(bundle):
    told = {str(one.event.TYPE) for one in check(bundle).story.configuration}
    assert {"setup.department-defined.v1", "setup.policy-versioned.v1", "setup.calendar-versioned.v1"} <= told
    assert "setup.api-key-issued.v1" not in told
    words = [one.words.what for one in check(bundle).story.configuration]
    assert not any("nina" in one or "People" in one for one in words)


def test_only_keys_of_its_own_messages_are_disclosed(shared_house, files):
    keys = {content.strip().decode() for name, content in files.items() if name.startswith("keys/")}
    subjects = shared_house.desk.keys
    everybody = {event.seal.subject for event in shared_house.desk.feed(0, 10_000) if event.seal is not None}
    assert not keys & {key.hex() for key in subjects.find(everybody).values()}
    assert b"Paul Pauper" not in b"".join(files.values())


def test_a_bundle_says_who_made_it_and_as_of_what(bundle, checkpoint):
    checked = check(bundle)
    assert checked.story.bundle.description.made_by.id == "audrey"
    assert checked.checkpoint == checkpoint
    assert b"Made by</dt><dd>audrey (agent)" in checked.document


class _Tags(HTMLParser):
    """The tags and addresses of a document."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href") or name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.words += data


def test_the_document_is_text_only_whatever_was_written(files):
    read = _Tags()
    read.feed(files["evidence.html"].decode())
    assert not read.tags & {"script", "link", "iframe", "object", "embed", "form", "base", "svg"}
    assert all(address.startswith(("#", "data:image/svg+xml;base64,")) for address in read.addresses)
    assert TITLE in read.words
    assert "exe.gpj" in read.words
    assert "[U+202E]exe.gpj[U+202C], [U+200B]hidden, [U+0007]bell; שלום." in read.words
    assert not set("\u202e\u202c\u200b\x07") & set(read.words)


def test_the_document_tells_times_in_its_zone_and_in_utc(shared_house, folder, ticket):
    html = check(bundle_of(shared_house.desk, folder, ticket, zone="Asia/Kolkata")).document.decode()
    assert "When (Asia/Kolkata)" in html
    assert "+05:30<small>" in html
    assert "Asia/Kolkata; UTC beneath" in html


def test_a_signature_is_shown_with_name_time_and_meaning_and_bound_to_what_stands_before_it(shared_house, folder):
    admin = shared_house.caller("root", "admin", "*")
    alice = shared_house.caller("alice", "agent", "it")
    code = admin.post("/setup/pins", json={"holder": "alice"}).json()["code"]
    assert alice.put("/me/pin", json={"pin": "740 211", "code": code}).status_code == 200
    number = opened(alice)
    done(alice, number, "resolve", code="fixed", signature={"meaning": "approved", "pin": "740 211"})
    packed = bundle_of(shared_house.desk, folder, shared_house.desk.find(number))
    story = check(packed).story
    (one,) = story.signatures
    assert (one.signed.name, one.signed.meaning, one.fits) == ("Alice Ames", "approved", True)
    read = _Tags()
    read.feed(check(packed).document.decode())
    assert "Alice Amesaliceapproved, with the act “resolve”" in read.words
    assert f"{one.signed.digest}yes" in read.words
    assert not any(told.event.TYPE.startswith("setup.pin") for told in story.configuration)


# Nothing can be changed unnoticed


@settings(max_examples=400, deadline=None)
@given(at=st.integers(0, 10**9), by=st.integers(1, 255))
def test_no_byte_of_a_bundle_can_be_another(bundle, at, by):
    changed = bytearray(bundle)
    changed[at % len(bundle)] ^= by
    with pytest.raises(BundleRefused):
        check(bytes(changed))


@settings(max_examples=200, deadline=None)
@given(which=st.integers(0, 10**9), at=st.integers(0, 10**9), by=st.integers(1, 255))
def test_no_byte_of_any_file_can_be_another_even_when_the_manifest_is_made_to_match(bundle, which, at, by):
    files = unpack(bundle)
    names = sorted(set(files) - {"manifest.json", "bundle.json"})
    name = names[which % len(names)]
    changed = bytearray(files[name])
    changed[at % len(changed)] ^= by
    with pytest.raises(BundleRefused):
        check(listed(files | {name: bytes(changed)}))


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10_000_000))
def test_a_bundle_that_is_cut_short_is_refused(bundle, length):
    with pytest.raises(BundleRefused):
        check(bundle[: length % len(bundle)])


def test_every_file_must_be_there_and_no_other(files):
    for name in files:
        rest = {other: content for other, content in files.items() if other != name}
        assert f"{name} is missing" in fault(pack(rest)), name
        if not name.startswith(("consistency/", "manifest", "keys/")):
            assert name in fault(listed(rest)), name
    assert "extra.txt is not in manifest.json" in fault(pack(files | {"extra.txt": b""}))
    assert "extra.txt belongs to nothing" in fault(listed(files | {"extra.txt": b""}))


def position_of(files: Files, nth: int) -> int:
    position: int = description(files)["parts"]["ticket"][nth]
    return position


def test_a_changed_event_is_named(files):
    name = f"events/{position_of(files, 3):09}.json"
    changed = files | {name: files[name] + b" "}
    assert fault(pack(changed)).startswith(f"{name} is not the file whose digest")
    assert fault(listed(changed)).startswith(f"{name}: these are not the stored bytes")


def test_an_event_whose_entry_was_made_to_match_is_named(files):
    number = f"{position_of(files, 3):09}"
    event, entry, proof = f"events/{number}.json", f"entries/{number}.json", f"proofs/{number}.tlog-proof"
    body = files[event] + b" "
    said = files[entry].replace(sha256(files[event]).hexdigest().encode(), sha256(body).hexdigest().encode())
    one = read_proof(files[proof].decode())
    forged = type(one)(one.index, one.hashes, one.note, said).text.encode()
    assert fault(listed(files | {event: body, entry: said, proof: forged})).startswith(f"{proof}: it does not lead")


def without(files: Files, part: str, position: int) -> Files:
    """A bundle that never heard of an event."""
    rest = {name: content for name, content in files.items() if f"/{position:09}." not in name}
    parts = description(files)["parts"]
    return redescribed(rest, parts=parts | {part: [one for one in parts[part] if one != position]})


@pytest.mark.parametrize("nth", [1, 3])
def test_a_ticket_with_an_event_left_out_is_refused(files, nth):
    assert "does not follow on" in fault(listed(without(files, "ticket", position_of(files, nth))))


def test_a_ticket_without_its_first_event_is_refused(files):
    assert "does not follow on 0" in fault(listed(without(files, "ticket", position_of(files, 0))))


def test_that_the_newest_was_left_out_only_the_version_tells(bundle, files):
    shorter = without(files, "ticket", position_of(files, -1))
    assert check(retold(shorter)).story.today.version == check(bundle).story.today.version - 1


def test_a_person_with_an_event_left_out_is_refused(files):
    (first, *_) = description(files)["parts"]["persons"]
    assert "Petra" not in check(retold(without(files, "persons", first))).story.names.people.values()


def test_that_a_key_was_left_out_the_document_tells_as_erased(files):
    key = f"keys/{position_of(files, 0):09}.hex"
    rest = {name: content for name, content in files.items() if name != key}
    assert fault(listed(rest)) == "evidence.html is not what the events of this bundle give"
    assert check(retold(rest)).story.today.title == ERASED


def test_a_key_of_another_event_is_refused(files):
    first, other = sorted(name for name in files if name.startswith("keys/"))[-2:]
    assert fault(listed(files | {first: files[other]})).startswith(f"{first} is not the key with which")


def test_a_key_of_nothing_is_refused(files):
    some = next(content for name, content in files.items() if name.startswith("keys/"))
    events = (name.removeprefix("events/")[:-5] for name in files if name.startswith("events/"))
    key = next(f"keys/{number}.hex" for number in events if f"keys/{number}.hex" not in files)
    assert fault(listed(files | {key: some})).startswith(f"{key} is a key of nothing")


def test_a_document_that_says_something_else_is_refused(files):
    changed = files | {"evidence.html": files["evidence.html"].replace(b"Petra Prosser", b"Paula Prosser")}
    assert fault(listed(changed)) == "evidence.html is not what the events of this bundle give"


def test_a_document_by_other_software_is_not_taken_for_an_altered_one(files):
    older = redescribed(files, software="acta 1234, zones 2020.1, characters 9.0.0")
    with pytest.raises(DocumentOfOthers, match=r"the events hold, but evidence\.html was made by other software"):
        check(listed(older))


def test_events_of_other_streams_are_not_taken_for_the_tickets(files):
    parts = description(files)["parts"]
    mixed = {**parts, "ticket": parts["persons"] + parts["ticket"], "persons": []}
    assert fault(listed(redescribed(files, parts=mixed))) == "bundle.json lists events of another ticket"
    swapped = {**parts, "persons": parts["configuration"][:1], "configuration": parts["configuration"][1:]}
    assert "takes the event at position" in fault(listed(redescribed(files, parts=swapped)))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"number": 4711}, "was not opened as #4711"),
        ({"ticket": "00000000-0000-0000-0000-000000000007"}, "events of another ticket"),
        ({"zone": "../../etc/passwd"}, "not a known IANA time zone"),
        ({"zone": "localtime"}, "not a known IANA time zone"),
        ({"format": "acta evidence 2"}, "bundle.json"),
        ({"made_at": "yesterday"}, "bundle.json"),
        ({"more": 1}, "bundle.json"),
        ({"parts": {"ticket": []}}, "lists no event"),
        ({"parts": {"ticket": [999_999_999]}}, "events/999999999.json is missing"),
    ],
)
def test_a_description_that_does_not_fit_is_refused(files, changes, said):
    assert said in fault(listed(redescribed(files, **changes)))


@pytest.mark.parametrize("file", sorted(GOLDEN.glob("evidence-*.zip")), ids=lambda file: file.stem)
def test_a_bundle_that_was_handed_out_once_is_read_for_ever(file):
    with suppress(DocumentOfOthers):
        check(file.read_bytes(), vkey=SIGNER.verifier.vkey)
    assert check(retold(unpack(file.read_bytes()))).story.today.title == TITLE


# The log that is trusted


def test_another_key_than_the_known_one_is_refused(bundle):
    assert check(bundle, vkey=SIGNER.verifier.vkey + "\n")
    other = Signer("acta.example/log", bytes(32)).verifier.vkey
    assert "is another key than the one to trust" in fault(bundle, vkey=other)


def test_a_bundle_signed_by_another_key_is_told_by_the_known_one(bundle, files):
    forger = Signer("acta.example/log", bytes(32))
    checkpoint = check(bundle).checkpoint
    note = forger.note(checkpoint.size, checkpoint.root)
    forged = {
        name: content.replace(files["checkpoint.txt"], note.encode()) if name.startswith("proofs/") else content
        for name, content in files.items()
    }
    forged |= {"checkpoint.txt": note.encode(), "log.vkey": forger.verifier.vkey.encode() + b"\n"}
    assert check(retold(forged)).story.bundle.vkey == forger.verifier.vkey
    assert "log.vkey is another key" in fault(retold(forged), vkey=SIGNER.verifier.vkey)
    assert "checkpoint.txt: " in fault(listed(forged | {"log.vkey": files["log.vkey"]}))


def notes(folder: Path) -> list[str]:
    lines = (folder / "checkpoints").read_text().splitlines(keepends=True)
    return ["".join(lines[at : at + 5]) for at in range(0, len(lines), 5)]


def test_the_log_is_shown_to_go_on_from_a_checkpoint_that_was_kept(bundle, folder):
    size = check(bundle).checkpoint.size
    old, same = [note for note in notes(folder) if int(note.split("\n")[1]) <= size][-2:]
    assert check(bundle, kept=[old, same]).kept == (int(old.split("\n")[1]), size)


def test_a_checkpoint_of_another_history_is_found_out(bundle):
    size = check(bundle).checkpoint.size
    assert "is another history" in fault(bundle, kept=[SIGNER.note(size, bytes(32))])
    assert "have it made anew with kept=3" in fault(bundle, kept=[SIGNER.note(3, bytes(32))])
    assert "only" in fault(bundle, kept=[SIGNER.note(size + 1, bytes(32))])
    assert "that was kept: not" in fault(bundle, kept=["no note"])


# Hostile archives


def zipped(members: list[tuple[str, bytes]], how: int = zipfile.ZIP_STORED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", how) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return packed.getvalue()


def doubled(name: str) -> bytes:
    """An archive that has a member twice."""
    once = zipped([(name, b"1")])
    return once[: once.index(b"PK\1\2")] + once


@pytest.mark.parametrize(
    ("packed", "said"),
    [
        (b"", "no bundle"),
        (b"PK\5\6" + bytes(18), "no bundle"),
        (b"hello", "no bundle"),
        (b"PK\3\4" + b"\xff" * 26, "no bundle"),
        (zipped([("../../etc/passwd", b"x")]), "a name that none has"),
        (zipped([("/etc/passwd", b"x")]), "a name that none has"),
        (zipped([("a\\b", b"x")]), "a name that none has"),
        (zipped([("events/", b"")]), "a name that none has"),
        (zipped([("e" * 5_000, b"")]), "a name that none has"),
        (doubled("bundle.json"), "bundle.json is in the archive twice"),
        (zipped([("bundle.json", b"{}")]), "manifest.json is missing"),
        (zipped([("manifest.json", b'{"sha256":{}}')]), "manifest.json says other things"),
        (zipped([("manifest.json", b"[" * 100_000)]), "manifest.json"),
        (zipped([("bundle.json", bytes(50_000_000))], zipfile.ZIP_DEFLATED), "manifest.json is missing"),
    ],
    ids=range(14),
)
def test_a_hostile_archive_is_refused_in_a_line(packed, said):
    assert said in fault(packed)


def test_a_packed_bundle_that_others_made_of_the_same_files_is_refused(files):
    assert "the archive itself was changed" in fault(zipped(sorted(files.items())))


def test_a_compressed_bundle_is_refused(files):
    assert fault(zipped(sorted(files.items()), zipfile.ZIP_DEFLATED))


# Erased


def test_what_was_erased_is_shown_as_erased_and_still_proved(shared_house, folder, ticket, database_of):
    number = opened(shared_house.caller("root", "admin", "*"), title="a secret of Petra's")
    done(shared_house.caller("root", "admin", "*"), number, "note", text="another secret")
    stream = shared_house.desk.find(number)
    with psycopg.connect(database_of, autocommit=True) as connection:
        connection.execute("DELETE FROM acta.message_keys WHERE stream = %s AND version = 1", (stream,))
    checked = check(bundle_of(shared_house.desk, folder, stream))
    assert checked.story.today.title == ERASED
    html = checked.document.decode()
    assert "a secret of Petra" not in html
    assert "another secret" in html
    assert "(the text was erased)" in html


@pytest.fixture
def database_of(shared_house) -> str:
    """The database of the shared house, as its owner."""
    with shared_house.views.connection() as connection:
        return connection.info.dsn
