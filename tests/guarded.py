"""A broker that asks who comes (SCRAM, over TLS with certificates of both sides) and allows nothing by itself."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from secrets import token_urlsafe

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from kafka import KafkaAdminClient
from kafka.admin import UserScramCredentialUpsertion

from consumers.kafka.topics import Client
from deploy import wiring
from deploy.broker import EmbeddedKafka
from deploy.settings import read

ADMIN = "acta-admin"
_BROKER = "the-broker"
_PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"


class Authority:
    """Vouches for certificates; all are PEM files in ``folder``, a certificate and its key in one."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.file = folder / f"{name}.pem"
        folder.mkdir(parents=True, exist_ok=True)
        made = self._signed(self._name, self._key.public_key(), x509.BasicConstraints(ca=True, path_length=0))
        self.file.write_bytes(made.public_bytes(Encoding.PEM))

    def certify(self, name: str) -> Path:
        """A certificate for this machine's own address."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path = self._folder / f"{name}.pem"
        path.write_bytes(secret + self._signed(subject, key.public_key(), address).public_bytes(Encoding.PEM))
        return path

    def _signed(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, extension: x509.ExtensionType
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        made = x509.CertificateBuilder(self._name, subject, key, x509.random_serial_number())
        made = made.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=2))
        return made.add_extension(extension, critical=True).sign(self._key, hashes.SHA256())


class GuardedKafka(EmbeddedKafka):
    """A broker of its own, whose users are made with ``admit``; ``ADMIN`` may do everything."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.authority = Authority(self.folder / "certificates")
        self._certificate = self.authority.certify("broker")
        self._certificate_of_clients = self.authority.certify("clients")
        self._passwords = {ADMIN: token_urlsafe(), _BROKER: token_urlsafe()}

    @property
    def client(self) -> Client:
        return self.client_of(ADMIN)

    def client_of(self, user: str, **settings: str) -> Client:
        """What a process with these settings gives its clients."""
        return wiring.kafka(read(self.environment(user, **settings)))

    def environment(self, user: str, **settings: str) -> Mapping[str, str]:
        """The settings of a process that comes as this user."""
        path = self.folder / f"{user}.password"
        path.touch(mode=0o600)
        path.write_text(f"{self._passwords[user]}\n")
        return {
            "ACTA_KAFKA": self.bootstrap,
            "ACTA_KAFKA_SECURITY": "SASL_SSL",
            "ACTA_KAFKA_USER": user,
            "ACTA_KAFKA_PASSWORD_FILE": str(path),
            "ACTA_KAFKA_CA_FILE": str(self.authority.file),
            "ACTA_KAFKA_CERTIFICATE_FILE": str(self._certificate_of_clients),
            **settings,
        }

    def admit(self, *users: str) -> None:
        """Let these users in, whichever way they prove their password."""
        self._passwords |= {user: token_urlsafe() for user in users}
        admin = KafkaAdminClient(**self.client)
        for way in ("SCRAM-SHA-256", "SCRAM-SHA-512"):
            made = [UserScramCredentialUpsertion(user, way, self._passwords[user]) for user in users]
            assert not any(admin.alter_user_scram_credentials(made).values())
        admin.close()

    def settings(self) -> str:
        port, controller_port = self._ports
        broker = self._passwords[_BROKER]
        return f"""
listeners=CLIENTS://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=CLIENTS://127.0.0.1:{port}
listener.security.protocol.map=CLIENTS:SASL_SSL,CONTROLLER:SASL_PLAINTEXT
inter.broker.listener.name=CLIENTS
sasl.mechanism.inter.broker.protocol=SCRAM-SHA-512
sasl.mechanism.controller.protocol=PLAIN
listener.name.clients.sasl.enabled.mechanisms=SCRAM-SHA-256,SCRAM-SHA-512
listener.name.clients.scram-sha-512.sasl.jaas.config={_SCRAM} required username="{_BROKER}" password="{broker}";
listener.name.clients.scram-sha-256.sasl.jaas.config={_SCRAM} required;
listener.name.controller.sasl.enabled.mechanisms=PLAIN
listener.name.controller.plain.sasl.jaas.config={_PLAIN} required username="{_BROKER}" password="{broker}" \\
  user_{_BROKER}="{broker}";
ssl.keystore.type=PEM
ssl.keystore.location={self._certificate}
ssl.truststore.type=PEM
ssl.truststore.location={self.authority.file}
listener.name.clients.ssl.client.auth=required
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=false
super.users=User:{_BROKER};User:{ADMIN}
"""

    def format_options(self) -> list[str]:
        return [
            word
            for user in (ADMIN, _BROKER)
            for word in ("--add-scram", f"SCRAM-SHA-512=[name={user},password={self._passwords[user]}]")
        ]
