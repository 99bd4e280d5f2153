"""The application does what its OpenAPI document says, for whatever fits it or does not: checked by schemathesis."""

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from desk_talk import opened


def is_no_fault(_, response, case) -> None:
    """A fault of ours is declared, so that clients know its shape, but it must not happen."""
    assert response.status_code != 500, case.as_curl_command()


@schemathesis.serializer("application/x-ndjson")
def lines_as_they_are(_, value) -> bytes:
    """A batch of requests is drawn as one text."""
    return str(value).encode(errors="replace")


@schemathesis.serializer("application/partial-upload", "*/*")
def bytes_as_they_are(_, value) -> bytes:
    """A file is bytes, whatever they say."""
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")


CHECKS = [
    is_no_fault,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]


@pytest.fixture
def house(build_house):
    """A desk whose reads do not wait long for a position that never comes."""
    house = build_house(wait_seconds=0.01)
    house.configure()
    return house


@pytest.fixture
def described(house, admin):
    """The document of a running desk with a few tickets."""
    for n in range(3):
        opened(admin, title=f"ticket {n}")
    house.catch_up()
    document = admin.get("/openapi.json").json()
    # Who asks is not what is tried here; left in, it would be made wrong and then put right again.
    for item in document["paths"].values():
        for operation in item.values():
            operation["security"] = []
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=house.url)
    return schema, admin.headers["authorization"]


EXAMPLES = 6


def _tried(operation, mode, authorization) -> str:
    """What is wrong with the answers of one operation; "" if nothing is."""

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(mode))
    def hold(case):
        case.call_and_validate(checks=CHECKS, headers={"Authorization": authorization})

    try:
        hold()
    except (AssertionError, BaseExceptionGroup, Unsatisfiable) as fault:
        return "" if isinstance(fault, Unsatisfiable) else f"{operation.label} ({mode}): {fault!r:.2000}"
    return ""


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=str)
def test_every_answer_is_one_that_the_document_declares(described, mode):
    schema, authorization = described
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) > 50
    faults = [fault for operation in operations if (fault := _tried(operation, mode, authorization))]
    assert not faults, "\n".join(faults)
