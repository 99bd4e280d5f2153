"""Settings: environment variables ``ACTA_…``, read here and nowhere else, validated at start."""

import re
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from domain.record.cosignature import Witness

PREFIX = "ACTA_"
FORBIDDEN = "POSTGRES_ENABLE_DB_FUNCTIONS"
"""Makes the eventsourcing library insert without its lock: followers then lose events for good."""

KEYS = ("kek", "ledger_key", "kafka_password")
"""The secrets that a setting may hold itself; with ``_file`` and ``_command`` behind it, it says where one is."""


class SettingsError(ValueError):
    """A setting is missing or wrong."""


def _names(value: Any) -> Any:
    return tuple(name.strip() for name in value.split(",") if name.strip()) if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_names)]


def _departments(value: Any) -> Any:
    names = _names(value)
    for name in names:
        if not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", name):
            raise ValueError("a department with a door is part of a topic's name: letters, digits, '.', '_' and '-'")
    return names


Departments = Annotated[tuple[str, ...], BeforeValidator(_departments)]


def _witnesses(value: Any) -> Any:
    return tuple(map(Witness.read, _names(value)))


def _networks(value: Any) -> Any:
    return tuple(map(ip_network, _names(value)))


Networks = Annotated[tuple[IPv4Network | IPv6Network, ...], BeforeValidator(_networks)]
Witnesses = Annotated[tuple[Witness, ...], BeforeValidator(_witnesses)]


def _media_types(value: Any) -> Any:
    names = _names(value)
    for name in names:
        if not re.fullmatch(r"[a-z*]{1,127}/[a-z0-9*!#$&^_.+-]{1,127}", name):
            raise ValueError("each must be a media type in lower case, such as application/pdf, image/* or */*")
    return names


MediaTypes = Annotated[tuple[str, ...], BeforeValidator(_media_types)]


class Settings(BaseModel):
    """How one process of Acta runs. Every field is the variable ``ACTA_<FIELD>``; its description is documentation."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    home: Path = Field(default=Path(".acta"), description="Folder of the embedded database, keys and `run.json`.")
    host: str = Field(default="127.0.0.1", description="Address on which the API listens.")
    port: int = Field(default=8080, ge=0, le=65535, description="Port of the API; 0 picks a free one.")
    database_url: SecretStr | None = Field(
        default=None, description="PostgreSQL as the role acta_app. Without it an embedded server is used."
    )
    projector_database_url: SecretStr | None = Field(
        default=None, description="PostgreSQL as the role acta_projector, which keeps the views."
    )
    owner_database_url: SecretStr | None = Field(
        default=None, description="PostgreSQL as a role that may create roles; used by `acta up` only."
    )
    kafka: Names = Field(
        default=(),
        description="Bootstrap servers, comma-separated, such as that of `acta broker`. Without them there is no"
        " relay.",
    )
    kafka_security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT", description="How Kafka is reached: `PLAINTEXT`, `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`."
    )
    kafka_sasl: Literal["SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        default="SCRAM-SHA-512", description="How the password is proved, with `SASL_…`; or `SCRAM-SHA-256`."
    )
    kafka_user: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9._-]{0,200}$",
        description="Who this process is for Kafka, with `SASL_…`; see `deploy/kafka/README.md`.",
    )
    kafka_password_file: Path | None = Field(default=None, description="File with its password.")
    kafka_password: SecretStr | None = Field(default=None, description="The password itself, instead.")
    kafka_password_command: SecretStr | None = Field(default=None, description="A command that prints it, instead.")
    kafka_ca_file: Path | None = Field(
        default=None, description="Authorities that vouch for the brokers (PEM), with `…SSL`. Default: the system's."
    )
    kafka_certificate_file: Path | None = Field(
        default=None, description="Certificate of this process (PEM), where the brokers ask for one; with `…SSL`."
    )
    kafka_certificate_key_file: Path | None = Field(
        default=None, description="Its private key (PEM, not encrypted). Default: in the same file."
    )
    topic: str = Field(default="acta.events", description="Topic of the events.")
    checkpoint_topic: str = Field(
        default="acta.checkpoints", description="Topic of the transparency log's checkpoints."
    )
    partitions: int = Field(
        default=6, ge=1, le=1000, description="Partitions of the topic of the events; fixed once it exists."
    )
    doors: Departments = Field(
        default=(), description="Departments whose software hands in requests over Kafka, comma-separated."
    )
    door_topics: str = Field(
        default="acta",
        pattern=r"^[A-Za-z0-9._-]{1,100}$",
        description="Beginning of their topics' names: `acta.requests.<department>`.",
    )
    kek_file: Path | None = Field(
        default=None,
        description="File with the key-encryption key: 32 bytes, raw, hexadecimal or base64. Default: HOME/kek.",
    )
    kek: SecretStr | None = Field(default=None, description="The key itself, in hexadecimal or base64, instead.")
    kek_command: SecretStr | None = Field(
        default=None, description="A command that prints the key (no shell), instead; for a key-management service."
    )
    ledger_dir: Path | None = Field(
        default=None, description="Folder of the transparency log; the API reads it, too. Default: HOME/ledger."
    )
    ledger_origin: str = Field(
        default="acta.local/record",
        pattern=r"^[!-*,-~]{1,200}$",
        description="Name of the log and of its key, as a URL without scheme; never changed once something is signed.",
    )
    ledger_key_file: Path | None = Field(
        default=None,
        description="File with the key that signs the log: 32 bytes, like the other. Default: HOME/ledger.key.",
    )
    ledger_key: SecretStr | None = Field(default=None, description="That key itself, instead.")
    ledger_key_command: SecretStr | None = Field(default=None, description="A command that prints it, instead.")
    ledger_signed_file: Path | None = Field(
        default=None,
        description="File with what was signed last, once more: on another disk than folder and database, and never put"
        " back with them. Default: HOME/ledger.signed.",
    )
    ledger_mirror: str = Field(
        default="",
        description="Where the log is mirrored as files for a web server: a folder, or"
        " `s3://bucket/prefix?endpoint_override=HOST&scheme=https&region=R`, with keys as AWS' tools find them.",
    )
    witnesses: Witnesses = Field(
        default=(),
        description="Verifier keys of the witnesses whose cosignatures are taken, comma-separated; `acta witness`"
        " prints its own.",
    )
    cosignatures_dir: Path | None = Field(
        default=None,
        description="Folder of the cosignatures, to which the API writes. Default: HOME/cosignatures.",
    )
    erasures_file: Path | None = Field(
        default=None,
        description="List of all erasures, to be kept apart from the database's backups. Default: HOME/erasures.",
    )
    attachments: str = Field(
        default="",
        description="Where attachments lie, sealed: a folder, or `s3://…` like the mirror of the log. Default:"
        " HOME/attachments.",
    )
    max_attachment_bytes: int = Field(
        default=104_857_600, ge=1, le=1_073_741_824, description="Largest file that is taken as an attachment."
    )
    attachment_types: MediaTypes = Field(
        default=(),
        description="Media types of files that are taken, comma-separated; `image/*` for a whole kind, `*/*` for all."
        " Default: documents, pictures, sound, video, text, mail, archives.",
    )
    upload_hours: int = Field(
        default=24, ge=1, le=720, description="How long an upload waits to be completed and attached."
    )
    source: str = Field(default="/acta", description="`ce_source` of the events on Kafka.")
    webhook_plain_hosts: Names = Field(
        default=(),
        description="Hosts to which webhooks may send without TLS, comma-separated; for trying things out. On this"
        " machine: `127.0.0.1`, with `127.0.0.0/8` among ACTA_WEBHOOK_NETWORKS.",
    )
    webhook_networks: Networks = Field(
        default=(),
        description="Networks to which webhooks may send although they are not public, such as `10.20.0.0/16`,"
        " comma-separated.",
    )
    webhook_ca_file: Path | None = Field(
        default=None, description="Authorities that vouch for the receivers of webhooks (PEM). Default: the system's."
    )
    webhook_log_days: int = Field(
        default=30, ge=1, le=3650, description="How long it is known what became of each attempt to deliver a webhook."
    )
    oidc_issuer: str = Field(default="", description="OpenID Connect issuer whose tokens are accepted.")
    oidc_audience: str = Field(default="", description="Audience that the tokens must name.")
    oidc_jwks_url: str = Field(default="", description="Its keys; default: found through the issuer's discovery.")
    oidc_roles_claim: str = Field(default="roles", description="Claim that lists roles: `agent`, or `agent:it`.")
    oidc_departments_claim: str = Field(default="departments", description="Claim that lists departments.")
    oidc_everyone: Names = Field(default=(), description="Roles that every accepted token has: `requester:*`.")
    sign_in_seconds: int = Field(
        default=300, ge=10, le=3600, description="How long ago a signer may have signed in at the issuer (`auth_time`)."
    )
    max_body_bytes: int = Field(default=1_048_576, ge=1024, description="Largest request body.")
    workers: int = Field(default=1, ge=1, le=64, description="API processes.")
    log_level: str = Field(default="info", pattern="^(debug|info|warning|error)$", description="How much is logged.")

    @property
    def ledger_path(self) -> Path:
        """Where the transparency log is."""
        return self.ledger_dir or self.home / "ledger"

    @property
    def ledger_signed_path(self) -> Path:
        """Where it stands once more what was signed last."""
        return self.ledger_signed_file or self.home / "ledger.signed"

    @property
    def cosignatures_path(self) -> Path:
        """Where the cosignatures are."""
        return self.cosignatures_dir or self.home / "cosignatures"

    @property
    def attachments_address(self) -> str:
        """Where attachments lie."""
        return self.attachments or str(self.home / "attachments")

    @property
    def erasures_path(self) -> Path:
        """Where the list of erasures is."""
        return self.erasures_file or self.home / "erasures"


def read(environment: Mapping[str, str]) -> Settings:
    """The settings of an environment; raises ``SettingsError`` naming the variable at fault."""
    if environment.get(FORBIDDEN):
        raise SettingsError(f"{FORBIDDEN} must not be set: it makes followers lose events.")
    given = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environment.items()
        if name.startswith(PREFIX) and not name.startswith(("ACTA_TEST_", "ACTA_REQUIRE_")) and value != ""
    }
    try:
        settings = Settings.model_validate(given)
    except ValidationError as faults:
        said = ((fault["loc"], fault["msg"].removeprefix("Value error, ")) for fault in faults.errors())
        lines = [f"{PREFIX}{'_'.join(map(str, place)).upper()}: {rule}" for place, rule in said]
        raise SettingsError("\n".join(lines)) from None
    for key in KEYS:
        _must_have_one_source(settings, key)
    _must_reach_kafka_as_meant(settings)
    return settings


def _must_have_one_source(settings: Settings, key: str) -> None:
    given = [f"{PREFIX}{name.upper()}" for name in (key, *_beside(key)) if getattr(settings, name) is not None]
    if len(given) > 1:
        raise SettingsError(f"{', '.join(given)}: each says where the same secret is; keep one of them.")


def _must_reach_kafka_as_meant(settings: Settings) -> None:
    """Refuse what would be left unused: who sets a password or an authority believes that it protects something."""
    security = settings.kafka_security
    passwords = ("kafka_password", *_beside("kafka_password"))
    certificates = ("kafka_certificate_file", "kafka_certificate_key_file")
    for part, ways, names in (
        ("SASL_", "SASL_SSL or SASL_PLAINTEXT", ("kafka_user", *passwords)),
        ("SSL", "SASL_SSL or SSL", ("kafka_ca_file", *certificates)),
    ):
        given = ", ".join(f"{PREFIX}{name.upper()}" for name in names if getattr(settings, name))
        if given and part not in security:
            raise SettingsError(
                f"{given}: not used with ACTA_KAFKA_SECURITY={security}; choose {ways}, or leave it out."
            )
    if "SASL_" in security and not settings.kafka_user:
        raise SettingsError(f"ACTA_KAFKA_USER: needed with ACTA_KAFKA_SECURITY={security}.")
    if "SASL_" in security and not any(getattr(settings, name) for name in passwords):
        raise SettingsError(f"ACTA_KAFKA_PASSWORD_FILE: needed with ACTA_KAFKA_SECURITY={security}.")
    if settings.kafka_certificate_key_file and not settings.kafka_certificate_file:
        raise SettingsError("ACTA_KAFKA_CERTIFICATE_KEY_FILE: is of no use without ACTA_KAFKA_CERTIFICATE_FILE.")


def _beside(key: str) -> tuple[str, str]:
    return f"{key}_file", f"{key}_command"


def without_keys(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment for a program that needs no secret of ours."""
    keys = {f"{PREFIX}{key.upper()}" for key in KEYS}
    return {name: value for name, value in environment.items() if name not in keys}
