"""Where a webhook may send: an address that is read once, in one way, and names nothing but a host, a port and a page.

What the host's name leads to is looked at when a connection is made; only then does it count.
"""

import re
from collections.abc import Collection
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

from domain.errors import WebhookAddressNotAllowed

LONGEST = 2_000
_WRITTEN = re.compile(rf"[!-~]{{1,{LONGEST}}}")
_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_]([a-z0-9_-]{0,62}))*\.?")
_PORTS = {"https": 443, "http": 80}


class Address(NamedTuple):
    """An address in its parts; ``target`` is path and query, as they are asked for."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """Host and port, as a request names them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def address_of(url: str, plain_hosts: Collection[str] = ()) -> Address:
    """The address in a URL; raises ``WebhookAddressNotAllowed``. ``plain_hosts`` may be reached without TLS."""
    if not _WRITTEN.fullmatch(url) or "\\" in url:
        raise _refused(
            f"must be printable ASCII, at most {LONGEST:,} characters; write a name in other letters as punycode"
        )
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise _refused("is no URL") from None
    if parts.scheme not in _PORTS:
        raise _refused("must begin with https://")
    if "@" in parts.netloc:
        raise _refused("must not hold a user or password: what is sent is signed instead")
    if "#" in url:
        raise _refused("must not name a part of a page (#)")
    if not (_NAME.fullmatch(host) or _is_literal(host)) or len(host) > 253:
        raise _refused("must name a host")
    if port == 0:
        raise _refused("must not name port 0")
    if parts.scheme == "http" and host not in map(str.lower, plain_hosts):
        raise _refused("must begin with https://; this desk sends to no such host without TLS")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Address(parts.scheme, host, port or _PORTS[parts.scheme], target)


def _is_literal(host: str) -> bool:
    try:
        return ip_address(host) is not None and "%" not in host
    except ValueError:
        return False


def _refused(rule: str) -> WebhookAddressNotAllowed:
    return WebhookAddressNotAllowed(f"The address {rule}.", field="url")
