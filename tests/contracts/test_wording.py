"""Every event can be told in words, and no word of it shows what its reader may not see."""

from zoneinfo import ZoneInfo

import msgspec
import pytest

from domain.envelope import ERASED, EVENT_TYPES, SEALED, Event, Seal, personal_fields
from domain.store import codec
from examples import EXAMPLES, placed
from projections.audit import Names, sentence
from projections.audit.lines import audit
from projections.audit.wording import WORDING

NAMES = Names(agents={"alice": "Alice Archer"})
BERLIN = ZoneInfo("Europe/Berlin")

OURS = {name: kind for name, kind in EVENT_TYPES.items() if kind.__module__.startswith("domain.")}


def test_the_registers_know_every_event_type() -> None:
    assert codec.REGISTERED
    assert set(OURS.values()) <= set(WORDING)
    assert set(OURS.values()) <= audit.events()


@pytest.mark.parametrize("name", OURS)
def test_every_event_has_an_example_and_is_told_as_one_sentence(name: str) -> None:
    told = sentence(placed(EXAMPLES[name]), NAMES, BERLIN)
    assert told.startswith("On 2 March 2026 at 10:00:00 CET, Alice Archer ")
    assert told.endswith((".", "”"))
    assert not told.endswith((".”.", ".."))
    assert "  " not in told
    assert "None" not in told
    assert "{" not in told


def withheld(event: Event, how: str) -> Event:
    """The event as a reader gets it for whom its personal fields are not opened, or whose key is gone."""
    mark = {"sealed": SEALED, "erased": ERASED}[how]
    filled = {field: getattr(event, field) for field in personal_fields(type(event)) if getattr(event, field)}
    if not filled:
        return event
    seal = Seal(subject=event.stream, commitment="", fields=dict.fromkeys(filled, ""))
    blanks = {field: mark if isinstance(value, str) else {} for field, value in filled.items()}
    return msgspec.structs.replace(event, seal=seal, withheld=how, **blanks)


@pytest.mark.parametrize("how", ["sealed", "erased"])
@pytest.mark.parametrize("name", OURS)
def test_nothing_personal_is_told_unless_it_is_opened(name: str, how: str) -> None:
    event = placed(EXAMPLES[name])
    texts = [getattr(event, field) for field in personal_fields(type(event))]
    told = sentence(withheld(event, how), Names(), BERLIN)
    assert not [text for text in texts if isinstance(text, str) and text and text in told]
    assert "[sealed]" not in told
    assert "[erased]" not in told
