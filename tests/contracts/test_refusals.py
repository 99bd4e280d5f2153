"""Every refusal has a meaning over HTTP and a page that says what to do."""

import pytest

from api.problems import kinds, meaning_of, page
from domain import errors

KINDS = kinds()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.code)
def test_every_refusal_has_a_status_and_an_advice(kind):
    meaning = meaning_of(kind)
    assert 400 <= meaning.status < 600
    assert meaning.advice


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.code)
def test_every_refusal_has_a_page(kind):
    text = page(kind)
    assert kind.code in text
    assert kind().title in text


@pytest.mark.parametrize("code", sorted({kind.code for kind in KINDS}))
def test_a_code_means_one_thing(code):
    assert len({(kind().title, meaning_of(kind).status) for kind in KINDS if kind.code == code}) == 1


def test_a_refusal_of_the_domain_is_nobodys_fault_but_the_callers():
    for kind in kinds(errors.Refused):
        if kind.__module__.startswith("domain."):
            assert meaning_of(kind).status < 500
