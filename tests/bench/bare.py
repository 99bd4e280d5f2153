"""A bare FastAPI application: one small Pydantic body, one row, inserts that wait together committed together.

What the stack allows without anything of ours; the limit that opening a ticket over HTTP is compared with.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from fastapi import FastAPI
from pydantic import BaseModel, Field

Waiting = asyncio.Queue[tuple[bytes, "asyncio.Future[None]"]]


class Asked(BaseModel):
    """What is asked for."""

    department: str = Field(max_length=64)
    title: str = Field(max_length=300)
    description: str = ""


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.waiting = Waiting()
    async with await psycopg.AsyncConnection.connect(os.environ["BENCH_DSN"], autocommit=True) as connection:
        task = asyncio.create_task(keep_inserting(connection, app.state.waiting))
        yield
        task.cancel()


async def keep_inserting(connection: psycopg.AsyncConnection[Any], waiting: Waiting) -> None:
    """Insert all that waits in one transaction, then all that has come meanwhile."""
    while True:
        batch = [await waiting.get()]
        while not waiting.empty():
            batch.append(waiting.get_nowait())
        await connection.execute("INSERT INTO plain (body) SELECT unnest(%s::bytea[])", ([body for body, _ in batch],))
        for _, done in batch:
            done.set_result(None)


app = FastAPI(lifespan=lifespan)


@app.post("/", status_code=201)
async def ask(asked: Asked) -> dict[str, str]:
    """Insert one row."""
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    app.state.waiting.put_nowait((asked.model_dump_json().encode(), done))
    await done
    return {"title": asked.title}
