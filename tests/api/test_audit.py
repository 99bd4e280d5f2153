"""The audit journal over HTTP: filtered, paged, in words, and of nothing that its reader may not see."""

from desk_talk import done, looks, opened, refused
from domain.access.principal import ROLES

NOTE = "internalmurmur"
TITLE = "salaryquestion"


def lines(client, **asked):
    """All lines that this caller gets."""
    answer = client.get("/audit", params={"limit": 1000, **asked})
    assert answer.status_code == 200, answer.text
    return answer.json()["lines"]


def test_every_act_is_a_line_with_its_sentence(house, alice, admin):
    number = opened(alice, title=TITLE)
    done(alice, number, "note", text=NOTE)
    last = done(alice, number, "transfer", department="hr")["position"]
    house.catch_up()
    found = lines(admin, ticket=number, wait_for=last)
    told = {line["type"]: line for line in found}
    assert told["ticket.noted.v1"]["sentence"].endswith(f"Alice Ames wrote an internal note: “{NOTE}”.")
    assert told["ticket.noted.v1"]["withheld"] == ["text"]
    assert NOTE not in str(told["ticket.noted.v1"]["content"])
    assert told["ticket.transferred.v1"]["content"] == {"old": "it", "new": "hr"}
    assert {line["department"] for line in found} == {"hr"}
    assert {line["number"] for line in found} == {int(number)}


def test_an_auditor_who_is_told_of_a_refusal_is_recorded_to_have_seen_its_ticket(house, alice, henry, admin):
    number = opened(henry, "hr")
    alice.get(f"/tickets/{number}")
    house.settle()
    house.catch_up()
    (line,) = lines(admin, type="access.refused.v1")
    assert line["number"] == int(number)
    (look,) = looks(house)
    assert look.tickets == (house.desk.find(number),)


def test_lines_are_filtered(house, alice, henry, admin):
    number, other = opened(alice), opened(henry, "hr")
    house.catch_up()
    stream = admin.get(f"/tickets/{other}").json()["ticket"]
    assert {line["actor"]["id"] for line in lines(admin, actor="alice")} == {"alice"}
    assert {line["number"] for line in lines(admin, ticket=stream)} == {int(other)}
    assert {line["number"] for line in lines(admin, department="it", type="ticket.opened.v1")} == {int(number)}
    assert {line["type"] for line in lines(admin, type="setup.group-defined.v1")} == {"setup.group-defined.v1"}
    assert lines(admin, to="2001-01-01T00:00:00Z") == []
    assert lines(admin, **{"from": "2101-01-01T00:00:00Z"}) == []
    assert lines(admin, ticket="99999") == []
    for wrong in ({"ticket": "x"}, {"type": "x"}, {"timezone": "Mars"}, {"cursor": "x"}, {"number": "1"}):
        refused(admin.get("/audit", params=wrong), 422, "not-valid")


def test_lines_are_paged_without_a_gap(house, alice, admin):
    for _ in range(3):
        opened(alice)
    house.catch_up()
    head = house.desk.store.head()
    found, cursor = [], None
    while True:
        page = admin.get("/audit", params={"limit": 4} | ({"cursor": cursor} if cursor else {})).json()
        found += [line["position"] for line in page["lines"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert found == list(range(1, head + 1))


def test_times_are_told_in_the_readers_zone(house, alice, admin):
    number = opened(alice)
    house.catch_up()
    asked = {"ticket": number, "timezone": "Asia/Tokyo", "type": "ticket.opened.v1"}
    assert " JST, " in lines(admin, **asked)[0]["sentence"]
    told = alice.get(f"/tickets/{number}/events", params={"timezone": "Asia/Tokyo"}).json()["events"]
    assert " JST, Alice Ames opened ticket" in told[0]["sentence"]
    assert " UTC, Alice Ames opened ticket" in alice.get(f"/tickets/{number}/events").json()["events"][0]["sentence"]


def test_an_auditor_sees_the_lines_of_their_departments_only(house, alice, henry, admin):
    auditor = house.caller("carol", "compliance", "it")
    mine, theirs, moved = opened(alice), opened(henry, "hr", title=TITLE), opened(alice, title=TITLE)
    done(henry, theirs, "note", text=NOTE)
    done(alice, moved, "transfer", department="hr")
    done(admin, mine, "link", kind="relates", other=theirs)
    refused(alice.get(f"/tickets/{theirs}"), 404, "ticket-not-found")
    house.settle()
    house.catch_up()
    told = auditor.get("/audit", params={"limit": 1000})
    assert {line["number"] for line in told.json()["lines"]} == {int(mine), None}
    hidden = [admin.get(f"/tickets/{number}").json()["ticket"] for number in (theirs, moved)]
    for one in (NOTE, TITLE, f"ticket #{theirs}", "access.refused.v1", *hidden):
        assert one not in told.text
    for asked in (theirs, moved, *hidden):
        assert lines(auditor, ticket=asked) == []
    assert lines(auditor, department="hr") == []
    assert len(lines(admin, type="access.refused.v1")) == 1


def test_personal_text_is_sealed_for_who_may_not_read_notes(house, monkeypatch, alice):
    number = opened(alice, title=TITLE)
    done(alice, number, "note", text=NOTE)
    house.catch_up()
    monkeypatch.setitem(ROLES, "analyst", ROLES["analyst"] | {"audit.read"})
    told = lines(house.caller("dora", "analyst", "it"), ticket=number)
    assert "internal note (the text is sealed)" in str(told)
    assert NOTE not in str(told)
    assert TITLE not in str(told)


def test_the_journal_is_for_auditors(alice, rita):
    for client in (alice, rita):
        refused(client.get("/audit"), 403, "not-allowed")


def test_a_requester_is_told_no_sentences(rita, alice):
    number = opened(rita, title=TITLE)
    done(alice, number, "note", text=NOTE)
    assert {event["sentence"] for event in rita.get(f"/tickets/{number}/events").json()["events"]} == {""}
    told = [event["sentence"] for event in alice.get(f"/tickets/{number}/events").json()["events"]]
    assert all(one.startswith("On ") for one in told)


def test_a_sentence_names_no_ticket_that_its_reader_may_not_see(house, admin, alice):
    mine, other = opened(admin), opened(admin, "hr")
    done(admin, mine, "link", kind="relates", other=other)
    linked = next(
        event
        for event in alice.get(f"/tickets/{mine}/events").json()["events"]
        if event["type"].startswith("ticket.linked")
    )
    assert linked["sentence"].endswith("ticket #….")
    assert f"#{other}" not in linked["sentence"]
