"""Requests of departments' software as CloudEvents in JSON, described: a shape for each kind, told by ``type``."""

from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel, StringConstraints, create_model

from domain.request.asking import KINDS

EXAMPLE: dict[str, Any] = {
    "specversion": "1.0",
    "type": "acta.request.open.v1",
    "source": "/hr/onboarding",
    "id": "4711",
    "partitionkey": "HR-2026-0331",
    "data": {"title": "A laptop for our new colleague"},
}
_Handle = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern="^[ -~]*$")]


class Envelope(BaseModel):
    """What every request says of itself; other attributes of a CloudEvent may be there and mean nothing here."""

    model_config = ConfigDict(frozen=True, extra="allow")

    specversion: Literal["1.0"]
    source: _Handle = Field(description="Which of the sender's systems asks.", examples=["/hr/onboarding"])
    id: _Handle = Field(
        description="With `source`: sent again, it is done once, for ever. What is corrected after a refusal takes"
        " another.",
        examples=["4711"],
    )
    partitionkey: _Handle = Field(
        description="The sender's own reference: orders its requests, and names the ticket in later ones.",
        examples=["HR-2026-0331"],
    )
    traceparent: str = Field(
        default="",
        pattern="^(00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2})?$",
        description="W3C Trace Context; told again with what comes of it.",
    )


def _event(kind: str, body: type[BaseModel]) -> type[BaseModel]:
    needed = any(field.is_required() for field in body.model_fields.values())
    fields: dict[str, Any] = {"type": (Literal[kind], ...), "data": (body, ... if needed else Field(default={}))}
    made: type[BaseModel] = create_model(f"{body.__name__}Event", __base__=Envelope, __doc__=body.__doc__, **fields)
    return made


_EVENTS = tuple(_event(kind, body) for kind, body in KINDS.items())


class CloudEvent(RootModel[Annotated[reduce(or_, _EVENTS), Field(discriminator="type")]]):  # type: ignore[misc]
    """A request as a CloudEvent 1.0 in JSON; may be sent as `application/cloudevents+json`, too."""
