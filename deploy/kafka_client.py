"""What every client of Kafka is given, so that it is let in, knows whom it talks to, and nobody listens."""

import ssl
from typing import Any

from consumers.kafka.topics import Client
from deploy.key_sources import password_from, source_of
from deploy.settings import Settings, SettingsError


def kafka_client(settings: Settings) -> Client:
    """The options of kafka-python; raises ``SettingsError`` when a file of theirs is of no use."""
    client: dict[str, Any] = {
        "bootstrap_servers": list(settings.kafka),
        "security_protocol": settings.kafka_security,
    }
    if "SASL_" in settings.kafka_security:
        client |= {
            "sasl_mechanism": settings.kafka_sasl,
            "sasl_plain_username": settings.kafka_user,
            "sasl_plain_password": password_from(source_of(settings, "kafka_password")),
        }
    if "SSL" in settings.kafka_security:
        client["ssl_context"] = _encryption(settings)
    return client


def _encryption(settings: Settings) -> ssl.SSLContext:
    """TLS 1.2 or later with brokers whose certificate names the host they were reached at.

    Made here, since kafka-python reads the files at each connection and takes one that it cannot read for a broker
    that is away.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    authorities, certificate = settings.kafka_ca_file, settings.kafka_certificate_file
    try:
        if authorities:
            context.load_verify_locations(authorities)
        else:
            context.load_default_certs()
    except OSError as fault:
        raise SettingsError(f"ACTA_KAFKA_CA_FILE: {authorities} cannot be read as PEM ({_why(fault)}).") from None
    try:
        if certificate:
            # An encrypted key would be asked for at the terminal; with no password it is refused.
            context.load_cert_chain(certificate, settings.kafka_certificate_key_file, password="")
    except OSError as fault:
        files = ", ".join(str(path) for path in (certificate, settings.kafka_certificate_key_file) if path)
        raise SettingsError(
            f"ACTA_KAFKA_CERTIFICATE_FILE: {files} cannot be read as certificate and private key in PEM, the key not"
            f" encrypted ({_why(fault)})."
        ) from None
    return context


def _why(fault: OSError) -> str:
    return getattr(fault, "reason", None) or fault.strerror or "no such text in it"
