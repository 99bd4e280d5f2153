"""What to say when Kafka or the database does not let a process in: which setting is at fault, and the way out."""

import os

import psycopg
from kafka import errors
from psycopg.conninfo import conninfo_to_dict

from consumers.loop import reason
from consumers.unreached import NotTrusted, cause
from deploy.settings import read

_PATIENCE_S = 5
_MANUAL = "deploy/kafka/README.md"
_ADDRESSES = ("database_url", "owner_database_url", "projector_database_url")
_NOT_LET_IN = ("28000", "28P01")
_NO_SUCH_DATABASE = "3D000"


def said_of_kafka(fault: errors.KafkaError) -> str:
    """A sentence about an error of a Kafka client of this process."""
    settings = read(os.environ)
    servers, user = ", ".join(settings.kafka), settings.kafka_user
    found = cause(fault)
    text = str(found)
    match found:
        case errors.SaslAuthenticationFailedError():
            return (
                f"ACTA_KAFKA_PASSWORD_FILE: Kafka at {servers} does not know {user} by this password; correct the user"
                f" or the password, or make the user there ({_MANUAL})."
            )
        case errors.UnsupportedSaslMechanismError():
            return f"ACTA_KAFKA_SASL: Kafka at {servers} does not take {settings.kafka_sasl}; choose the other one."
        case NotTrusted():
            return (
                f"ACTA_KAFKA_CA_FILE: no authority in it vouches for the certificate of Kafka at {servers}, or that is"
                " for another host; name the authority of the brokers, and the host as their certificate has it."
            )
        case errors.AuthorizationError() | errors.TransactionalIdAuthorizationFailedError():
            return (
                f"ACTA_KAFKA_USER: {user or 'nobody in particular'} may not do this on Kafka at {servers}"
                f" ({type(found).__name__}); come as the user of this process, or grant what it needs with"
                f" `acta grants` ({_MANUAL})."
            )
        case errors.KafkaTimeoutError() | errors.KafkaConnectionError() if "DNS" in text or "getaddrinfo" in text:
            return f"ACTA_KAFKA: a name in {servers} is that of no host; correct it."
        case errors.KafkaTimeoutError() | errors.KafkaConnectionError() | errors.NoBrokersAvailable():
            return (
                f"ACTA_KAFKA: no broker that is spoken to by {settings.kafka_security} answers at {servers}; start it,"
                " or correct ACTA_KAFKA, ACTA_KAFKA_SECURITY or the certificate of this side."
            )
    return f"Kafka at {servers} failed: {type(found).__name__}; its log says more."


def said_of_database(fault: psycopg.Error) -> str:
    """A sentence about an error of a database of this process: which address is of no use, if one is."""
    settings = read(os.environ)
    for name in _ADDRESSES:
        address = getattr(settings, name)
        why = None if address is None else _why_not(address.get_secret_value())
        if why:
            return f"ACTA_{name.upper()}: {why}"
    return f"The database failed: {reason(fault)}; its log says more. Run the command again when that is mended."


def _why_not(address: str) -> str:
    """Why one cannot connect to a database; the address itself, which may hold a password, is not repeated."""
    try:
        named = conninfo_to_dict(address)
        psycopg.connect(address, connect_timeout=_PATIENCE_S).close()
    except psycopg.OperationalError as fault:
        where = f"{named.get('host', 'this machine')}, port {named.get('port', 5432)}"
        if fault.sqlstate in _NOT_LET_IN or "password authentication failed" in str(fault):
            return f"PostgreSQL at {where} does not know {named.get('user')} by this password; correct one of them."
        if fault.sqlstate == _NO_SUCH_DATABASE or "does not exist" in str(fault):
            return f"PostgreSQL at {where} has no database {named.get('dbname')}; make it, or correct the name."
        return f"no PostgreSQL answers at {where}; start it, or correct the address."
    except psycopg.Error:
        return "it is no address of a database, such as postgresql://user:password@host:5432/name."
    return ""
