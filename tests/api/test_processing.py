"""The register of processing: what it says is what the events, the roles and the configuration say."""

from domain.envelope import EVENT_TYPES, Act, Actor, personal_fields
from domain.setup.events import RetentionVersioned


def register(client) -> dict:
    answer = client.get("/record/processing")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_it_names_every_personal_field_and_whose_it_is(admin):
    facts = {fact["type"]: fact for fact in register(admin)["facts"]}
    assert {name: tuple(fact["fields"]) for name, fact in facts.items()} == {
        name: fields for name, kind in EVENT_TYPES.items() if (fields := personal_fields(kind))
    }
    whose = {name: facts[name]["of"] for name in ("ticket.opened.v1", "ticket.signed.v1", "access.glass-broken.v1")}
    assert list(whose.values()) == ["the requester", "the signer", "whoever looked"]
    assert all(fact["tells"] for fact in facts.values())


def test_who_may_read_is_told_by_department_and_changes_with_the_grants(house, admin):
    def readers(department: str) -> set[tuple[str, str]]:
        (place,) = [place for place in register(admin)["departments"] if place["department"] == department]
        return {(holder["principal"], holder["role"]) for holder in place["readers"]}

    before = readers("it")
    assert ("root", "admin") in before
    house.caller("erin", "compliance", "it")
    house.caller("ana", "analyst", "it")
    assert readers("it") - before == {("erin", "compliance")}
    assert ("erin", "compliance") not in readers("hr")


def test_it_is_for_those_who_may_disclose(house, alice):
    assert alice.get("/record/processing").status_code == 403
    assert house.caller("olga", "compliance", "it").get("/record/processing").status_code == 200


def test_what_is_kept_how_long_is_told_with_the_version_of_the_rule(house, admin):
    def kept(department: str) -> list[dict]:
        (place,) = [place for place in register(admin)["departments"] if place["department"] == department]
        return place["kept"]

    assert kept("it") == []
    rule = RetentionVersioned(department="it", retention_version=1, years=7, persons=True)
    house.desk.configure(lambda setup: [rule], Act(actor=Actor(kind="system", id="operator")))
    assert kept("it") == [{"request_type": "", "years": 7, "days": 0, "persons": True, "version": 1}]
    assert kept("hr") == []
