"""A port that is lent is given by the system to nobody else, and to a server that names it."""

import errno
import socket

import pytest

from deploy.child import free_ports


def test_a_free_port_is_kept_for_the_server_that_names_it():
    ports = free_ports(20)
    assert len(set(ports)) == 20
    for port in ports:
        with socket.socket() as other, pytest.raises(OSError) as why:
            other.bind(("127.0.0.1", port))
        assert why.value.errno == errno.EADDRINUSE
        with socket.create_server(("127.0.0.1", port)), socket.create_connection(("127.0.0.1", port)):
            pass
