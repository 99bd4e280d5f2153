"""Serving the application with uvicorn, so that streams end when the server is asked to stop."""

import logging
import socket

import uvicorn
from fastapi import FastAPI

from api.connection import Connection


class Server(uvicorn.Server):
    """A server that lets event streams end before it waits for its connections.

    There is no access log: addresses hold what people search for.
    """

    def __init__(self, app: FastAPI, *, host: str = "127.0.0.1", port: int = 8420) -> None:
        self._edge = app.state.edge
        logging.getLogger("uvicorn.access").disabled = True
        super().__init__(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                http=Connection,
                loop="uvloop",
                ws="none",
                access_log=False,
                server_header=False,
                log_config=None,
                timeout_graceful_shutdown=10,
            )
        )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, answer what is under way, stop."""
        self._edge.end_streams()
        await super().shutdown(sockets)
