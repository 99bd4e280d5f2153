"""The bodies that webhooks are asked for with, and what is shown of them."""

from datetime import datetime, timedelta

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from api import parameters
from domain.desk.webhooks import LONGEST_OLD, OLD_FOR, Wanted
from domain.moments import Moment
from domain.setup.events import Tells
from domain.setup.webhook_address import LONGEST
from domain.store.deliveries import LoggedAttempt

HOUR = timedelta(hours=1)


class WebhookPart(BaseModel):
    """Where a webhook sends, and what."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    url: str = Field(
        min_length=1,
        max_length=LONGEST,
        pattern=r"^https?://[!-~]+$",
        description="An address with https; stored readable, so that nothing in it may be secret.",
    )
    tells: tuple[Tells, ...] = Field(
        default=("outcomes", "facts"),
        min_length=1,
        max_length=2,
        description="`outcomes`: what was decided of requests; `facts`: what happens to their tickets later.",
    )
    description: str = Field(default="", max_length=200, description="For people; stored readable.")

    def wanted(self) -> Wanted:
        return Wanted(url=self.url, tells=tuple(sorted(set(self.tells), reverse=True)), description=self.description)


class NewWebhook(WebhookPart):
    """A webhook of a department."""

    department: str = Field(min_length=1, max_length=64, description="Of whose requests it tells.", examples=["it"])


class Rotation(BaseModel):
    """For how long former secrets sign as well."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    old_for_hours: int = Field(
        default=int(OLD_FOR / HOUR),
        ge=0,
        le=int(LONGEST_OLD / HOUR),
        description="0: at once no more, since one was found out.",
    )


class Replay(BaseModel):
    """From where on everything is sent again: a position, or a time; one of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    from_position: int | None = Field(default=None, ge=1, le=parameters.LARGEST, description="This and all later ones.")
    from_time: Moment | None = Field(default=None, description="What was recorded after it.")


class WebhookShown(msgspec.Struct, kw_only=True):
    """A webhook as it stands. ``paused`` says why it sends nothing now: `asked`, `gone` or `exhausted`; empty: it does.

    ``stuck_at`` is the id of the message that its receiver did not take. ``old_secrets_until``: until then what is
    sent is signed with former secrets as well. Everything up to the position ``delivered_through`` is delivered; so
    many messages wait, of which some are ``failing``, and ``oldest`` is when the oldest of them was recorded. ``full``:
    so many wait that it reads no further, so that all of its messages wait for those that fail.
    """

    webhook: str
    department: str
    url: str
    tells: tuple[Tells, ...]
    description: str
    since: int
    paused: str
    stuck_at: str
    old_secrets_until: datetime | None
    delivered_through: int
    waiting: int
    failing: int
    full: bool
    oldest: datetime | None


class WebhookList(msgspec.Struct, kw_only=True):
    """Webhooks, by department."""

    webhooks: list[WebhookShown]


class WebhookIssued(WebhookShown, kw_only=True):
    """A webhook with its new secret, which is shown this once. It is recorded at ``position``."""

    secret: str
    position: int


class DeliveryLog(msgspec.Struct, kw_only=True):
    """Attempts to deliver, the newest first; ``next`` is the cursor of the next page, null on the last one."""

    attempts: list[LoggedAttempt]
    next: str | None


BODIES: tuple[type[BaseModel], ...] = (WebhookPart, NewWebhook, Rotation, Replay)
SHAPES: list[type[msgspec.Struct]] = [WebhookShown, WebhookList, WebhookIssued, LoggedAttempt, DeliveryLog]
