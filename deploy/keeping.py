"""The ledger and those who follow its folder, kept by one process."""

from collections.abc import Callable, Sequence
from threading import Event as Flag
from threading import Thread

from consumers.record.announcing import announce
from consumers.record.ledger import ledger
from consumers.record.mirroring import mirror
from deploy import wiring
from deploy.settings import Settings, SettingsError
from domain.desk import Desk
from domain.errors import Unreachable
from domain.store.places import Place, place_at
from projections.ledger import CHECKPOINT, Cosignatures, Folder, size_of

Work = Callable[[Flag], None]
"""What goes on until the flag is set."""


def keep_log(settings: Settings, desk: Desk) -> list[Work]:
    """The ledger, and the mirror if there is to be one."""
    folder, signer = settings.ledger_path, wiring.signer(settings)
    lease = wiring.url(settings.database_url, "ACTA_DATABASE_URL")
    bound_in = settings.ledger_signed_path
    works: list[Work] = [lambda stop: ledger(desk.store, lease, folder, signer, stop, bound_in=bound_in)]
    if settings.ledger_mirror:
        place = _place(settings)
        works.append(lambda stop: mirror(folder, signer.verifier, lease, place, stop))
    return works


def announce_log(settings: Settings) -> list[Work]:
    """What tells Kafka of the checkpoints, if there is Kafka."""
    if not settings.kafka:
        return []
    folder, verifier = settings.ledger_path, wiring.signer(settings).verifier
    lease = wiring.url(settings.database_url, "ACTA_DATABASE_URL")
    client, topic = wiring.kafka(settings), settings.checkpoint_topic
    return [lambda stop: announce(folder, verifier, lease, client, topic, stop)]


def how_far(settings: Settings) -> dict[str, int]:
    """How many events the ledger has signed, each witness cosigned, and the mirror shows.

    A mirror that cannot be asked counts as empty.
    """
    with Folder(settings.ledger_path) as log:
        found = {"ledger": log.signed_size()}
    cosignatures = Cosignatures(settings.cosignatures_path, settings.witnesses)
    found |= {witness.name: cosignatures.newest(witness) for witness in settings.witnesses}
    if settings.ledger_mirror:
        place = _place(settings)
        try:
            shown = place.read(CHECKPOINT) or b""
            found["mirror"] = size_of(shown.decode())
        except (Unreachable, ValueError):
            found["mirror"] = 0
    return found


def together(works: Sequence[Work], stop: Flag) -> None:
    """Do all of this at once. When one ends with an error, the others are ended as well, and it is raised."""
    faults: list[BaseException] = []

    def do(work: Work) -> None:
        try:
            work(stop)
        except BaseException as fault:
            faults.append(fault)
            stop.set()

    threads = [Thread(target=do, args=(work,), name="acta worker") for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]


def _place(settings: Settings) -> Place:
    try:
        return place_at(settings.ledger_mirror)
    except (ValueError, OSError) as fault:
        raise SettingsError(f"ACTA_LEDGER_MIRROR: {fault}") from None
