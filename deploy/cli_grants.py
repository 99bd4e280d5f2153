"""`acta grants`: what each process and each department's software may do on Kafka, shown or granted."""

import os
from typing import Annotated

import typer

from consumers import acls
from deploy import wiring
from deploy.settings import read


def grants(
    show: Annotated[bool, typer.Option("--show", help="Only print what would be granted, a line for each.")] = False,
) -> None:
    """Grant each process of the desk and each department of ACTA_DOORS what it needs on Kafka, and nothing else.

    For brokers that allow nothing by themselves; as one of their super users. Can be repeated. The users are those of
    deploy/kafka/README.md; nothing is taken away from anybody.
    """
    settings = read(os.environ)
    wanted = acls.grants(settings.topic, settings.checkpoint_topic, wiring.doors(settings))
    if not show:
        acls.grant(wiring.kafka(settings), wanted)
    for each in wanted:
        typer.echo(each)
