"""PostgreSQL or the broker is killed under load and comes back: everybody goes on, nothing is lost or doubled."""

from pathlib import Path

from deploy.embedded import EmbeddedPostgres
from desks import prepare
from machines import Broker
from stages import Stage, make_stage


def test_postgresql_is_killed_under_load(
    mortal_postgres: EmbeddedPostgres, kafka: Broker, topics: str, tmp_path: Path
) -> None:
    prepare(mortal_postgres.dsn())
    stage = make_stage(mortal_postgres.dsn(), kafka, topics, tmp_path)
    try:
        writer, relay, projector = stage.start("write"), stage.start("relay"), stage.start("project")
        stage.until(lambda: stage.complete_to() > 100, writer, relay, projector)
        for _ in range(2):
            mortal_postgres.kill()
            mortal_postgres.start()
            stage.more(100, writer, relay, projector)
        writer.end()
        stage.settle(relay, projector)
        stage.must_be_whole()
    finally:
        stage.clear()


def test_the_broker_is_killed_under_load(stage: Stage, mortal_kafka: Broker) -> None:
    writer, relay, projector = stage.start("write"), stage.start("relay"), stage.start("project")
    stage.until(lambda: stage.complete_to() > 100, writer, relay, projector)
    mortal_kafka.kill()
    stage.more(50, writer)
    mortal_kafka.start()
    stage.more(50, writer)
    writer.end()
    stage.settle(relay, projector)
    stage.must_be_whole()
