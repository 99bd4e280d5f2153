"""What is held of a person, told to them: all of it, and nothing that they may not see."""

import asyncio
import json
import re
import tracemalloc
from io import BytesIO
from os import urandom
from zipfile import ZipFile, is_zipfile

import pytest

from api.archives import packed
from api.evidence.archive import PIECE
from api.reading import Readers
from desk_files import attached
from desk_talk import done, opened, refused
from domain.access.events import AccessRead
from domain.errors import Altered

SECRET, NOTE = "My knee hurts since Monday.", "She is a difficult case."


@pytest.fixture
def petras(house, alice, henry):
    """The numbers of two requests of one person, with a note on the first, and one of somebody else."""
    first = opened(alice, requester={"email": "Petra@example.org", "name": "Petra <Prosser>"}, description=SECRET)
    done(alice, first, "note", text=NOTE)
    done(alice, first, "reply", text="Please see a doctor.")
    done(alice, first, "link", kind="relates", other=opened(alice, requester={"email": "kim@example.org"}))
    second = opened(henry, "hr", requester={"email": "petra@example.org"}, title="Contract")
    house.catch_up()
    return first, second


def found(client, email: str) -> str:
    (one,) = client.get("/persons", params={"email": email}).json()["persons"]
    return one["person"]


def exported(house, client, person: str, **asked) -> dict:
    house.catch_up()
    answer = client.get(f"/persons/{person}/export", params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_person_is_found_by_their_address_and_that_is_recorded(house, admin, petras):
    before = house.desk.store.head()
    person = found(admin, " PETRA@example.org")
    assert person == admin.get(f"/tickets/{petras[0]}").json()["requester"]
    assert admin.get("/persons", params={"email": "nobody@example.org"}).json() == {"persons": []}
    house.settle()
    looks = [event for event in house.desk.feed(before, 100) if isinstance(event, AccessRead)]
    found_of = [[str(one) for one in look.persons] for look in looks if look.operation == "find-person"]
    assert found_of == [[person], []]
    assert not [look for look in looks if "petra" in look.question.lower()]


def test_the_export_holds_everything_the_person_may_see_and_no_note(house, admin, petras):
    told = exported(house, admin, found(admin, "petra@example.org"))
    assert told["schema"] == "acta.person-export.v1"
    assert [contact["name"] for contact in told["contacts"]] == ["Petra <Prosser>"]
    assert [str(request["number"]) for request in told["requests"]] == list(petras)
    assert [request["theirs"] for request in told["requests"]] == [True, True]
    assert [fact["type"] for fact in told["requests"][0]["facts"]] == ["ticket.opened.v1", "ticket.agent-replied.v1"]
    assert told["requests"][0]["facts"][0]["data"]["description"] == SECRET
    assert told["processing"]["recipients"] == ["the agents of IT", "the agents of People"]
    assert NOTE not in json.dumps(told)
    assert "kim" not in json.dumps(told)


def test_the_full_export_holds_notes_and_who_looked(house, admin, petras):
    person = found(admin, "petra@example.org")
    told = exported(house, admin, person, full=True)
    assert NOTE in json.dumps(told)
    assert all(fact["sentence"] for request in told["requests"] for fact in request["facts"])
    again = exported(house, admin, person, full=True)
    assert ("root", "export-person") in [(look["who"], look["operation"]) for look in again["looks"]]
    plain = exported(house, admin, person)
    assert {look["who"] for look in plain["looks"]} == {""}
    assert len(plain["looks"]) > len(again["looks"])


def test_a_requester_exports_themselves_and_nobody_else(house, rita, alice, petras):
    mine = opened(rita, title="Salary")
    done(alice, mine, "note", text=NOTE)
    done(rita, mine, "reply", text="Any news?")
    house.catch_up()
    told = rita.get("/me/export").json()
    assert [str(request["number"]) for request in told["requests"]] == [mine]
    assert [fact["by_person"] for fact in told["requests"][0]["facts"]] == [True, True]
    assert NOTE not in json.dumps(told)
    assert SECRET not in json.dumps(told)
    refused(rita.get(f"/persons/{told['person']}/export"), 403, "not-allowed")
    house.settle()
    looks = [event for event in house.desk.feed(0, 1000) if isinstance(event, AccessRead)]
    (look,) = [look for look in looks if look.operation == "export-me"]
    assert (look.act.actor.id, look.permission, [str(one) for one in look.persons]) == (
        "rita",
        "ticket.read-own",
        [told["person"]],
    )


def test_of_a_request_that_is_anothers_by_now_only_what_tells_of_the_person_is_told(house, admin, alice, petras):
    done(alice, petras[0], "change-requester", requester={"email": "kim@example.org"}, reason="It was for Kim.")
    done(alice, petras[0], "reply", text="Dear Kim, your salary is raised.")
    told = exported(house, admin, found(admin, "petra@example.org"))
    assert [request["theirs"] for request in told["requests"]] == [False, True]
    assert SECRET in json.dumps(told)
    assert "salary" not in json.dumps(told)


def test_what_a_person_wrote_on_the_request_of_another_is_told_and_nothing_else_of_it(
    house, admin, alice, rita, petras
):
    mine = opened(rita, title="My knee, too")
    done(alice, mine, "merge", into=petras[0], reason="The same.")
    done(rita, mine, "reply", text="Is there any news?")
    house.catch_up()
    own = rita.get("/me/export").json()
    assert [str(request["number"]) for request in own["requests"]] == [mine]
    for full in (False, True):
        told = exported(house, admin, own["person"], full=full)
        requests = {str(request["number"]): request for request in told["requests"]}
        assert set(requests) == {mine, petras[0]}
        (fact,) = requests[petras[0]]["facts"]
        assert (fact["data"]["text"], fact["by_person"]) == ("Is there any news?", True)
        assert SECRET not in json.dumps(told)


def test_the_page_is_whole_in_itself_and_shows_texts_as_texts(house, admin, alice):
    evil = "<script>alert(1)</script> & <img src=x>"
    number = opened(alice, requester={"email": "eve@example.org", "name": evil}, title=evil, description=evil)
    done(alice, number, "set-field", fields={"note": evil})
    house.catch_up()
    person = found(admin, "eve@example.org")
    for full in (False, True):
        house.catch_up()
        answer = admin.get(
            f"/persons/{person}/export", params={"format": "html", "full": full, "timezone": "Europe/Berlin"}
        )
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &lt;img src=x&gt;" in answer.text
        assert not re.search(r"<(script|img|link|iframe|a)\b", answer.text)
        assert answer.text.rstrip().endswith("</html>")
        assert f"Request {number}" in answer.text


def test_who_is_unknown_or_held_or_asked_for_by_the_wrong_one(house, admin, alice, petras):
    person = found(admin, "petra@example.org")
    house.catch_up()
    refused(admin.get("/persons/00000000-0000-4000-8000-000000000007/export"), 404, "not-known")
    refused(alice.get(f"/persons/{person}/export"), 403, "not-allowed")
    refused(alice.get("/persons", params={"email": "petra@example.org"}), 403, "not-allowed")
    local = house.caller("local", "compliance", "it")
    refused(local.get(f"/persons/{person}/export"), 403, "not-allowed")
    admin.post("/record/holds", json={"ground": "A claim.", "tickets": [petras[0]]})
    told = exported(house, admin, person)
    assert (told["processing"]["held"], told["processing"]["holds"]) == (True, [])
    assert [request["held"] for request in told["requests"]] == [True, False]
    assert len(exported(house, admin, person, full=True)["processing"]["holds"]) == 1


def test_the_export_says_how_long_a_request_is_kept(house, admin, alice, petras):
    admin.put("/setup/departments/it", json={"name": "IT", "default_group": "first", "retention": {"years": 7}})
    done(alice, petras[0], "cancel", reason="Not needed.")
    told = exported(house, admin, found(admin, "petra@example.org"))
    closed, kept = told["requests"][0]["closed_at"], told["requests"][0]["kept_until"]
    assert int(kept[:4]) == int(closed[:4]) + 7
    assert kept.endswith("T00:00:00Z")
    assert told["requests"][1]["kept_until"] is None
    shown = admin.get("/setup/departments/it").json()["retention"]
    assert shown == {"retention_version": 1, "years": 7, "days": 0, "persons": False}


def test_everything_that_is_shown_of_other_people_is_recorded(house, admin, alice, petras):
    done(alice, petras[0], "change-requester", requester={"email": "kim@example.org"}, reason="It was for Kim.")
    before = house.desk.store.head()
    person = found(admin, "petra@example.org")
    exported(house, admin, person, full=True)
    house.settle()
    looks = [event for event in house.desk.feed(before, 100) if isinstance(event, AccessRead)]
    (look,) = [look for look in looks if look.operation == "export-person"]
    assert {str(one) for one in look.persons} == {person, found(admin, "kim@example.org")}
    assert (look.permission, len(look.tickets)) == ("record.disclose", 2)


def test_the_files_of_a_person_are_in_an_archive_of_their_export(house, admin, alice, petras):
    """Those that they may see: none that is internal, in quarantine, or of somebody else."""
    first, _ = petras
    attached(alice, first, b"x-ray", "knee.txt")
    attached(alice, first, b"for the desk alone", internal=True)
    bad = attached(alice, first, b"a virus")
    done(alice, first, "quarantine", attachment=bad)
    attached(alice, opened(alice, requester={"email": "kim@example.org"}), b"of Kim")
    person = found(admin, "petra@example.org")
    house.catch_up()
    answer = admin.get(f"/persons/{person}/export", params={"format": "zip"})
    assert answer.headers["content-type"] == "application/zip"
    with ZipFile(BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        names = sorted(archive.namelist())
        files = [name for name in names if name.startswith("files/")]
        assert [name for name in names if name not in files] == ["export.html", "export.json"]
        assert [archive.read(name) for name in files] == [b"x-ray"]
        told = json.loads(archive.read("export.json"))
    (fact,) = [
        fact
        for request in told["requests"]
        for fact in request["facts"]
        if fact["type"] == "ticket.attachment-added.v1" and fact["data"]["name"] == "knee.txt"
    ]
    assert files == [f"files/{first}-{fact['version']}.txt"]
    house.catch_up()
    full = admin.get(f"/persons/{person}/export", params={"format": "zip", "full": True})
    with ZipFile(BytesIO(full.content)) as archive:
        assert sorted(archive.read(name) for name in archive.namelist() if name.startswith("files/")) == [
            b"for the desk alone",
            b"x-ray",
        ]


def test_a_file_that_is_damaged_where_it_lies_is_left_out_and_the_others_are_there(
    house, admin, alice, petras, attachments
):
    for content in (b"whole", b"broken", b"whole as well"):
        attached(alice, petras[0], content)
    (damaged,) = (
        file for file in attachments.rglob("*") if file.is_file() and file.stat().st_size == len(b"broken") + 28
    )
    damaged.write_bytes(bytes(34))
    person = found(admin, "petra@example.org")
    house.catch_up()
    answer = admin.get(f"/persons/{person}/export", params={"format": "zip"})
    assert answer.status_code == 200, answer.text
    with ZipFile(BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        files = [archive.read(name) for name in archive.namelist() if name.startswith("files/")]
    assert files == [b"whole", b"whole as well"]


def test_an_archive_leaves_as_it_is_packed_and_is_never_whole_in_memory(tmp_path):
    asked = 0

    async def pieces():
        nonlocal asked
        for asked in range(100):
            yield bytes(PIECE) if asked % 2 else urandom(PIECE)

    async def members():
        yield "first.json", pieces()
        yield "second.html", pieces()

    async def pack(into):
        async for block in packed(Readers(1), members()):
            if not into.tell():
                assert asked == 0
            into.write(block)

    tracemalloc.start()
    try:
        with (tmp_path / "export.zip").open("wb") as into:
            asyncio.run(pack(into))
        assert tracemalloc.get_traced_memory()[1] < 20 * PIECE
    finally:
        tracemalloc.stop()
    with ZipFile(tmp_path / "export.zip") as archive:
        assert archive.testzip() is None
        assert [one.file_size for one in archive.infolist()] == [100 * PIECE] * 2


def test_an_archive_whose_file_cannot_be_read_to_its_end_is_none():
    async def pieces():
        yield b"the first half"
        raise Altered("the other one is missing")

    async def members():
        yield "file.txt", pieces()

    blocks = []

    async def pack():
        blocks.extend([block async for block in packed(Readers(1), members())])

    with pytest.raises(Altered):
        asyncio.run(pack())
    assert not is_zipfile(BytesIO(b"".join(blocks)))


def test_a_requester_takes_their_own_files_along(house, rita):
    number = opened(rita)
    attached(rita, number, b"my own", "own.txt")
    house.catch_up()
    with ZipFile(BytesIO(rita.get("/me/export", params={"format": "zip"}).content)) as archive:
        (name,) = [name for name in archive.namelist() if name.startswith("files/")]
        assert archive.read(name) == b"my own"
