"""Which addresses may be reached, looked at when a connection is made: a name can lead somewhere else every time.

The address that was looked at is the one connected to, so that no second question to the name service can change it.
Redirections are nobody's business here, and no proxy of the environment is used.
"""

import asyncio
import socket
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

import httpcore

from consumers.webhooks.short_answers import ShortAnswers

AT_ONCE = 2
"""Questions to the name service for one receiver: a service that hangs must not keep others' from being asked."""

ANOTHER_AFTER_S = 3.0
"""How long one of a host's addresses is waited for while there are others."""

Ip = IPv4Address | IPv6Address


class NotReachable(Exception):
    """The host's name leads to no address that may be reached."""


@dataclass(frozen=True)
class Reach:
    """What may be reached beside public addresses with TLS: these hosts without it, and these networks."""

    plain_hosts: Sequence[str] = ()
    networks: Sequence[IPv4Network | IPv6Network] = ()

    def allows(self, address: Ip) -> bool:
        """Whether an address is public, or in a network that is allowed by name."""
        return is_public(address) or any(address in network for network in self.networks)


def is_public(address: Ip) -> bool:
    """Whether an address is one of the open internet, and stands for no other one inside it."""
    if isinstance(address, IPv6Address) and (
        address.ipv4_mapped or address.sixtofour or address.teredo or address.is_site_local
    ):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


class Guarded(httpcore.AsyncNetworkBackend):
    """Connects to hosts as far as ``reach`` allows; ``names`` are the threads that ask the name service."""

    def __init__(self, reach: Reach, names: ThreadPoolExecutor) -> None:
        self._reach = reach
        self._names = names
        self._asking = asyncio.Semaphore(AT_ONCE)
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        allowed = [address for address in await self._addresses(host, port) if self._reach.allows(address)]
        if not allowed:
            raise NotReachable
        for other in allowed[:-1]:
            try:
                return await self._connect(other, port, ANOTHER_AFTER_S, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._connect(allowed[-1], port, timeout, local_address, socket_options)

    async def _connect(self, address: Ip, port: int, *more: Any) -> httpcore.AsyncNetworkStream:
        return ShortAnswers(await self._network.connect_tcp(str(address), port, *more))

    async def _addresses(self, host: str, port: int) -> list[Ip]:
        """Where a host's name leads now."""
        await self._asking.acquire()
        asked = asyncio.get_running_loop().run_in_executor(self._names, _look_up, host, port)
        # Whoever does not wait any longer leaves the thread waiting, which counts until it has its answer.
        asked.add_done_callback(self._answered)
        return await asyncio.shield(asked)

    def _answered(self, asked: "asyncio.Future[list[Ip]]") -> None:
        self._asking.release()
        if not asked.cancelled():
            asked.exception()  # has been seen, whoever waited for it


def _look_up(host: str, port: int) -> list[Ip]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    # An address of a link has its link behind it: as "fe80::1%eth0".
    return list(dict.fromkeys(ip_address(str(place[0]).partition("%")[0]) for *_, place in found))
