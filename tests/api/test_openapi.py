"""The OpenAPI document: complete, and every example in it valid."""

import json

import pytest

from api.app import described_api
from api.examples import COMMAND_EXAMPLES
from deploy.wiring import sent_by_webhooks
from domain.request.asking import KINDS
from domain.ticket.commands import COMMANDS


@pytest.mark.parametrize("verb", COMMANDS)
def test_every_command_has_a_valid_example(verb):
    COMMANDS[verb].model_validate_json(json.dumps(COMMAND_EXAMPLES[verb]), strict=True)


def test_every_operation_is_named_and_declares_its_problems(stranger):
    document = stranger.get("/openapi.json").json()
    operations = [operation for item in document["paths"].values() for operation in item.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names))
    for operation in operations:
        assert operation["summary"]
        assert operation.get("description")
        assert {"404", "422", "500", "503"} <= set(operation["responses"])


def test_each_shape_has_one_name_by_which_code_generators_call_it(stranger):
    schemas = stranger.get("/openapi.json").json()["components"]["schemas"]
    assert {name: schema["title"] for name, schema in schemas.items()} == {name: name for name in schemas}


def test_it_is_known_without_a_desk(stranger):
    assert stranger.get("/openapi.json").json() == json.loads(json.dumps(described_api(sent_by_webhooks())))


def test_the_topics_are_described_to_everybody(stranger):
    answer = stranger.get("/asyncapi.json")
    assert answer.status_code == 200
    assert answer.json()["asyncapi"] == "3.0.0"
    assert "ticket.opened.v1" in answer.json()["components"]["messages"]


def test_the_body_of_each_kind_of_request_is_described_and_an_answer_in_one_way_only(stranger):
    document = stranger.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    assert list(document["paths"]["/requests"]["post"]["requestBody"]["content"]) == ["application/json"]
    events = schemas["CloudEvent"]["discriminator"]["mapping"]
    assert events.keys() == KINDS.keys()
    for kind, event in events.items():
        described = schemas[event.rpartition("/")[2]]["properties"]
        assert described["type"]["const"] == kind
        assert described["data"]["$ref"] == f"#/components/schemas/{KINDS[kind].__name__}"
    answers = [
        answer["content"]
        for item in document["paths"].values()
        for operation in item.values()
        for answer in operation["responses"].values()
        if "content" in answer
    ]
    assert not [content for content in answers if {"schema": {}} in content.values() and len(content) > 1]


def test_every_tag_is_explained(stranger):
    document = stranger.get("/openapi.json").json()
    used = {tag for item in document["paths"].values() for operation in item.values() for tag in operation["tags"]}
    assert used == {tag["name"] for tag in document["tags"]}
