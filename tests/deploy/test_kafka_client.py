"""What Kafka's clients are given holds the password and shows it nowhere; a file of no use is named at the start."""

import ssl
from pathlib import Path

import pytest

from consumers.kafka.topics import Client
from deploy import wiring
from deploy.settings import SettingsError, read
from guarded import Authority

PASSWORD = "s3cr3t of kafka"


def client(**settings: object) -> Client:
    given = {f"ACTA_KAFKA_{name.upper()}": str(value) for name, value in settings.items()}
    return wiring.kafka(read({"ACTA_KAFKA": "127.0.0.1:9", "ACTA_KAFKA_USER": "acta-relay", **given}))


@pytest.fixture
def password(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.touch(mode=0o600)
    path.write_text(f"{PASSWORD}\n")
    return path


def test_a_password_comes_from_a_file_a_command_or_the_environment(password: Path) -> None:
    for source in ({"password": PASSWORD}, {"password_file": password}, {"password_command": f"cat {password}"}):
        given = client(security="SASL_PLAINTEXT", sasl="SCRAM-SHA-256", **source)
        assert given == {
            "bootstrap_servers": ["127.0.0.1:9"],
            "security_protocol": "SASL_PLAINTEXT",
            "sasl_mechanism": "SCRAM-SHA-256",
            "sasl_plain_username": "acta-relay",
            "sasl_plain_password": PASSWORD,
        }
        assert PASSWORD not in repr(given)


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe"])
def test_a_file_that_holds_no_password_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "password"
    path.touch(mode=0o600)
    path.write_bytes(content)
    with pytest.raises(SettingsError, match="ACTA_KAFKA_PASSWORD_FILE: the password is"):
        client(security="SASL_PLAINTEXT", password_file=path)


def test_a_certificate_that_cannot_be_read_is_named(tmp_path: Path, password: Path) -> None:
    made = Authority(tmp_path)
    scram = {"security": "SASL_SSL", "password_file": password}
    for name, path in {
        "ca_file": tmp_path / "missing",
        "certificate_file": made.file,  # its key is not in it
    }.items():
        with pytest.raises(SettingsError, match=f"ACTA_KAFKA_{name.upper()}: {path}"):
            client(**scram, **{name: path})
    with pytest.raises(SettingsError, match="ACTA_KAFKA_CA_FILE"):
        client(**scram, ca_file=password)


def test_brokers_must_show_a_certificate_that_names_them(tmp_path: Path, password: Path) -> None:
    context = client(security="SASL_SSL", password_file=password, ca_file=Authority(tmp_path).file)["ssl_context"]
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
