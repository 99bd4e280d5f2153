"""The facts of a person who asks. Each person is a stream; tickets hold its id only."""

from uuid import UUID

from domain.envelope import Event, Personal


class PersonEvent(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A fact of one person."""


class PersonRegistered(PersonEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The desk met this person."""

    TYPE = "person.registered.v1"

    name: Personal[str] = ""
    email: Personal[str] = ""
    handle: Personal[str] = ""
    department: str = ""
    tier: str = ""
    language: str = ""


class ContactChanged(PersonEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The person has another name, address or tier from now on."""

    TYPE = "person.contact-changed.v1"

    name: Personal[str] = ""
    email: Personal[str] = ""
    department: str = ""
    tier: str = ""
    language: str = ""


class PersonErasureOrdered(PersonEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The person is to be forgotten: the key of ``subject`` is destroyed, and with it all that was sealed under it.

    That is the person, or who stands in their place when they were erased before. ``ground`` is public and stays.
    """

    TYPE = "person.erasure-ordered.v1"

    subject: UUID
    ground: str
