"""Which addresses may be reached: public ones and those of networks named; what was looked at is what is reached."""

import socket
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest

from consumers.webhooks.reaching import Reach, is_public
from consuming import until
from desks import ACT
from domain.desk import webhooks as w
from guarded import Authority
from receivers import Receiver, receiving
from webhook_talk import HERE, LATER, Line


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.215.14", "2606:4700:4700::1111", "2a00:1450:4001::1"])
def test_the_open_internet_is_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "fe80::1",
        "fec0::1",
        "fd00::1",
        "ff02::1",
        "2002:7f00:1::",
        "64:ff9b::a00:1",
        "64:ff9b:1::a00:1",
        "2001:0:7f00:1::",
        "64:ff9b::7f00:1",
        "2001:db8::1",
    ],
)
def test_what_is_inside_or_stands_for_it_is_not(address: str) -> None:
    assert not is_public(ip_address(address))
    assert not Reach(networks=(ip_network("10.99.0.0/16"), ip_network("fd99::/16"))).allows(ip_address(address))


def test_a_network_is_allowed_by_name_and_no_other() -> None:
    reach = Reach(networks=(ip_network("10.20.0.0/16"), ip_network("fd12::/32")))
    assert reach.allows(ip_address("10.20.255.1"))
    assert reach.allows(ip_address("fd12::1"))
    assert not reach.allows(ip_address("10.21.0.1"))
    assert not reach.allows(ip_address("127.0.0.1"))


def answering(*answers: list[str]) -> Any:
    """A name service that says something else each time it is asked, and the last thing from then on."""
    asked = iter(answers)
    last = [answers[-1]]

    def getaddrinfo(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        addresses = next(asked, last[0])
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    return getaddrinfo


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ([["127.0.0.1"]], "address-not-allowed"),
        ([["10.0.0.1", "169.254.169.254"]], "address-not-allowed"),
        ([["127.0.0.9"], ["127.0.0.1"]], "not-connected"),
    ],
    ids=["inside", "all of them inside", "inside the second time"],
)
def test_a_name_that_leads_inside_is_not_followed(
    line: Line, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, answers: list[list[str]], error: str
) -> None:
    """The third is allowed the first time, with nobody there; were the name looked up again, it would be reached."""
    webhook = _registered(line, receiver)
    monkeypatch.setattr(socket, "getaddrinfo", answering(*answers))
    reach = Reach(plain_hosts=("hooks.example.org",), networks=(ip_network("127.0.0.9/32"),))
    with line.delivering(reach, schedule=LATER) as run:
        until(lambda: len(line.log(webhook)) == 1, run)
    assert line.log(webhook)[0].error == error
    assert receiver.came == []


def test_of_several_addresses_the_first_that_answers_is_taken(
    line: Line, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook = _registered(line, receiver)
    monkeypatch.setattr(socket, "getaddrinfo", answering(["10.0.0.1", "127.0.0.9", "127.0.0.1"]))
    reach = Reach(plain_hosts=("hooks.example.org",), networks=HERE.networks)
    with line.delivering(reach, schedule=LATER) as run:
        until(lambda: line.settled(webhook), run)
    assert receiver.came[0].headers["host"] == f"hooks.example.org:{receiver.port}"


def _registered(line: Line, receiver: Receiver) -> w.Done:
    url = f"http://hooks.example.org:{receiver.port}/"
    webhook = w.register(
        line.desk, ACT, "it", w.Wanted(url=url, tells=("outcomes",)), plain_hosts=("hooks.example.org",)
    )
    line.send("open", "HR-1", title="A laptop")
    return webhook


def test_a_name_that_is_nobodys_is_a_failure(line: Line) -> None:
    webhook = line.register("https://nobody.invalid/")
    line.send("open", "HR-1", title="A laptop")
    with line.delivering(schedule=LATER) as run:
        until(lambda: len(line.log(webhook)) == 1, run)
    assert line.log(webhook)[0].error == "host-not-found"


def test_with_tls_only_a_server_is_believed_that_an_authority_vouches_for(line: Line, tmp_path: Path) -> None:
    ours, theirs = Authority(tmp_path), Authority(tmp_path, "another")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(ours.certify("receiver"))
    with receiving(tls=server) as receiver:
        webhook = line.register(receiver)
        line.send("open", "HR-1", title="A laptop")
        line.now = datetime(2026, 3, 2, 9, tzinfo=UTC)
        for number, tls in enumerate((None, ssl.create_default_context(cafile=theirs.file)), 1):
            with line.delivering(schedule=LATER, tls=tls) as run:
                until(lambda number=number: len(line.log(webhook)) == number, run)  # type: ignore[misc]
            line.now += timedelta(hours=2)
        assert [one.error for one in line.log(webhook)] == ["tls-failed"] * 2
        w.change(line.desk, ACT, webhook.webhook.webhook, w.Wanted(url=receiver.url + "/", tells=("outcomes",)))
        with line.delivering(tls=ssl.create_default_context(cafile=ours.file)) as run:
            until(lambda: line.settled(webhook), run)
    assert len(receiver.taken) == 1


def test_a_certificate_of_another_host_is_not_believed(line: Line, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(authority.certify("receiver"))
    with receiving(tls=server) as receiver:
        webhook = line.register(receiver.url.replace("127.0.0.1", "localhost"))
        line.send("open", "HR-1", title="A laptop")
        with line.delivering(schedule=LATER, tls=ssl.create_default_context(cafile=authority.file)) as run:
            until(lambda: len(line.log(webhook)) == 1, run)
    assert line.log(webhook)[0].error == "tls-failed"
    assert receiver.came == []
