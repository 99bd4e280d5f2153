"""What a signer hands in with an act: what the signature means, and what proves that it is them, here and now."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator


class SignatureGiven(BaseModel):
    """An electronic signature as it is given: its meaning, and either a fresh token of the issuer or a signing PIN.

    Token and PIN never leave this: they are shown masked, and what is kept of a request has them masked.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        str_strip_whitespace=True,
        hide_input_in_errors=True,
        json_schema_extra={"oneOf": [{"required": ["token"]}, {"required": ["pin"]}]},
    )

    meaning: str = Field(
        min_length=1, max_length=64, description="What it means, as configured.", examples=["approved"]
    )
    comment: str = Field(default="", max_length=10_000)
    token: SecretStr | None = Field(
        default=None,
        max_length=16_384,
        description="A token of the issuer for the caller, whose auth_time says that they have just signed in.",
    )
    pin: SecretStr | None = Field(
        default=None, max_length=64, description="The signing PIN of the holder of the API key in use."
    )

    @model_validator(mode="before")
    @classmethod
    def _has_one_proof(cls, given: Any) -> Any:
        if isinstance(given, dict) and (given.get("token") is None) == (given.get("pin") is None):
            raise ValueError("either a token or a PIN")
        return given
