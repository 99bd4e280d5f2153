"""`acta keys rotate`: another key-encryption key in place of the old one, while the desk runs."""

import os
from pathlib import Path
from typing import Annotated

import psycopg
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from deploy import running, wiring
from deploy.key_sources import KeySource, draw_key, keys_from, put_whole, secret_bytes, source_of
from deploy.settings import Settings, SettingsError, read
from domain.setup.events import KeyEncryptionKeyRotated, SetupEvent
from domain.setup.state import Setup
from domain.store import rotation
from domain.store.keyring import KeyRing

console = Console()


def rotate(
    new_kek_file: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            help="The new key, drawn into this file if there is none; keep a copy of it elsewhere first.",
        ),
    ] = None,
) -> None:
    """Wrap every person's key by the newest key-encryption key; the desk goes on meanwhile, and no event is touched.

    Processes must know both keys. With --new-kek-file the new key is put before the old one in ACTA_KEK_FILE, where
    the processes of this machine find it. Where they have their key from elsewhere, put the new key before the old one
    there, a line each; processes that have it from a file or a command find it when they meet it, others are to be
    started again. Then run this without the option.

    It may be killed and run again. It ends with the proof that no key is under the old one any more. Keep the old one
    for as long as backups of the persons' keys from before may have to be restored. Needs ACTA_OWNER_DATABASE_URL.
    """
    with wiring.database(read(os.environ)) as found:
        source = source_of(found, "kek")
        if new_kek_file is not None:
            _put_first(source, new_kek_file)
        with wiring.desk(found) as desk:
            ring = desk.keys.ring
            if len(ring.ids) < 2:
                raise SettingsError(f"{source.variable}: holds one key only; name the new one in --new-kek-file.")
            rotated = _rotated(found, ring)

            def once(setup: Setup) -> list[SetupEvent]:
                if setup.kek == rotated.new:
                    return []
                return [KeyEncryptionKeyRotated(new=rotated.new, old=rotated.old, keys=rotated.keys)]

            position = desk.configure(once, running.OPERATOR)
    _tell(rotated, source, position)


def _put_first(source: KeySource, new: Path) -> None:
    """Put the new key before the others where processes look for them."""
    if source.text is not None or source.command is not None:
        raise SettingsError(
            f"{source.variable}: put the new key before the old one there, a line each, for every process; then run"
            " this without --new-kek-file."
        )
    known = keys_from(source)
    if draw_key(new):
        console.print(
            f"A new key-encryption key was drawn into {new}: keep a copy of it elsewhere.",
            highlight=False,
            soft_wrap=True,
        )
    key = secret_bytes(new, "--new-kek-file")
    wanted = (key, *(one for one in known if one != key))
    if wanted != known:
        path = source.file.resolve()
        lines = "".join(f"{one.hex()}\n" for one in wanted)
        try:
            put_whole(path, lines.encode(), os.replace, like=path.stat())
        except OSError as fault:
            raise SettingsError(
                f"{source.variable}: {path} cannot be changed ({fault.strerror}): put the new key before the old one"
                " there, a line each; then run this without --new-kek-file."
            ) from None


def _rotated(settings: Settings, ring: KeyRing) -> rotation.Rotated:
    columns = (TextColumn("keys wrapped, then opened"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        psycopg.connect(wiring.url(settings.owner_database_url, "ACTA_OWNER_DATABASE_URL"), autocommit=True) as owner,
        Progress(*columns, console=Console(stderr=True), transient=True) as bar,
    ):
        owner.execute("SET ROLE acta_owner")
        task = bar.add_task("keys", total=None)
        return rotation.rotate(owner, ring, lambda done, total: bar.update(task, completed=done, total=total))


def _tell(rotated: rotation.Rotated, source: KeySource, position: int) -> None:
    old = ", ".join(rotated.old)
    for line in (
        f"All {rotated.keys:,} keys of persons are under the key-encryption key {rotated.new}, each was opened with it;"
        f" {rotated.rewrapped:,} were wrapped anew. None is under {old} any more.",
        f"Recorded at position {position}." if position else "That was recorded before.",
        f"Keep {old} as long as a backup of the persons' keys from before may be restored; then take it out of"
        f" {source.file if source.variable.endswith('_FILE') else source.variable}.",
    ):
        console.print(line, highlight=False, soft_wrap=True)
