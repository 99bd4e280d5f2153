"""Origins: from where a request comes, blinded, so that a record tells the same source again and nobody's address."""

from functools import lru_cache

from starlette.requests import Request

from domain.store.keys import SubjectKeys

_REMEMBERED = 4_096


class Origins:
    """Sources of requests by address, as the record names them."""

    def __init__(self, keys: SubjectKeys) -> None:
        self._keys = keys
        self.of_host = lru_cache(_REMEMBERED)(self._blinded)

    def of(self, request: Request) -> str:
        """The source of a request."""
        return self.of_host(host_of(request))

    def _blinded(self, host: str) -> str:
        return f"http:{self._keys.blind('http source', host).hex()[:16]}" if host else "http"


def host_of(request: Request) -> str:
    """The address a request comes from; "" where the connection has none."""
    return request.client.host if request.client else ""
