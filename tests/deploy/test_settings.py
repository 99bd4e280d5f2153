"""Settings: what is wrong is said with the name of the variable, before anything starts."""

import pytest

from deploy.settings import SettingsError, read, without_keys

KEY = bytes(range(32))


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ACTA_PORT", "eighty"),
        ("ACTA_PORT", "70000"),
        ("ACTA_PARTITIONS", "0"),
        ("ACTA_LOG_LEVEL", "loud"),
        ("ACTA_WITNESSES", "witness.example/w1"),
        ("ACTA_DATABSE_URL", "postgresql://x"),
    ],
)
def test_a_wrong_or_unknown_setting_is_named(variable: str, value: str):
    with pytest.raises(SettingsError, match=variable):
        read({variable: value})


def test_the_flag_that_loses_events_is_refused():
    with pytest.raises(SettingsError, match="POSTGRES_ENABLE_DB_FUNCTIONS"):
        read({"POSTGRES_ENABLE_DB_FUNCTIONS": "y"})


def test_what_is_not_ours_and_what_is_empty_does_not_matter():
    assert read({"HOME": "/root", "ACTA_PORT": "", "ACTA_TEST_KAFKA": "x", "ACTA_KAFKA": "a:1, b:2"}).kafka == (
        "a:1",
        "b:2",
    )


def test_no_password_is_shown_with_the_settings():
    assert "secret" not in repr(read({"ACTA_DATABASE_URL": "postgresql://acta_app:secret@db/acta"}))


@pytest.mark.parametrize("key", ["KEK", "LEDGER_KEY"])
def test_a_key_has_one_source(key: str):
    sources = {f"ACTA_{key}": KEY.hex(), f"ACTA_{key}_FILE": "/key", f"ACTA_{key}_COMMAND": "print-key"}
    for left_out in sources:
        given = {name: value for name, value in sources.items() if name != left_out}
        with pytest.raises(SettingsError) as why:
            read(given)
        assert all(name in str(why.value) for name in given)
        assert KEY.hex() not in str(why.value)
    for name, value in sources.items():
        read({name: value})


def test_no_key_is_shown_with_the_settings_or_handed_to_other_programs():
    given = {"ACTA_KEK": KEY.hex(), "ACTA_LEDGER_KEY_COMMAND": "print --token s3cr3t", "ACTA_PORT": "0"}
    assert KEY.hex() not in repr(read(given))
    assert "s3cr3t" not in repr(read(given))
    assert without_keys(given) == {name: value for name, value in given.items() if name != "ACTA_KEK"}


SCRAM = {"ACTA_KAFKA_SECURITY": "SASL_SSL", "ACTA_KAFKA_USER": "acta-relay", "ACTA_KAFKA_PASSWORD": "s3cr3t"}


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"ACTA_KAFKA_SECURITY": "SASL_SSL", "ACTA_KAFKA_PASSWORD": "s3cr3t"}, "ACTA_KAFKA_USER: needed"),
        ({"ACTA_KAFKA_SECURITY": "SASL_SSL", "ACTA_KAFKA_USER": "u"}, "ACTA_KAFKA_PASSWORD_FILE: needed"),
        ({"ACTA_KAFKA_USER": "u", "ACTA_KAFKA_PASSWORD": "s3cr3t"}, "ACTA_KAFKA_USER, ACTA_KAFKA_PASSWORD: not used"),
        ({"ACTA_KAFKA_SECURITY": "SSL", "ACTA_KAFKA_PASSWORD_COMMAND": "p"}, "ACTA_KAFKA_PASSWORD_COMMAND: not used"),
        ({"ACTA_KAFKA_CA_FILE": "/ca"}, "ACTA_KAFKA_CA_FILE: not used with ACTA_KAFKA_SECURITY=PLAINTEXT"),
        (
            SCRAM | {"ACTA_KAFKA_SECURITY": "SASL_PLAINTEXT", "ACTA_KAFKA_CERTIFICATE_FILE": "/c"},
            "choose SASL_SSL or SSL",
        ),
        (SCRAM | {"ACTA_KAFKA_CERTIFICATE_KEY_FILE": "/k"}, "without ACTA_KAFKA_CERTIFICATE_FILE"),
        (SCRAM | {"ACTA_KAFKA_PASSWORD_FILE": "/p"}, "ACTA_KAFKA_PASSWORD, ACTA_KAFKA_PASSWORD_FILE: each says"),
        (SCRAM | {"ACTA_KAFKA_SASL": "PLAIN"}, "ACTA_KAFKA_SASL: Input should be 'SCRAM-SHA-256' or 'SCRAM-SHA-512'"),
        (SCRAM | {"ACTA_KAFKA_USER": "a=b,c"}, "ACTA_KAFKA_USER"),
        (SCRAM | {"ACTA_KAFKA_SECURITY": "TLS"}, "ACTA_KAFKA_SECURITY"),
    ],
)
def test_what_contradicts_itself_about_kafka_is_refused_without_the_password(given: dict[str, str], named: str):
    with pytest.raises(SettingsError) as why:
        read(given)
    assert named in str(why.value)
    assert "s3cr3t" not in str(why.value)


def test_the_password_of_kafka_is_not_shown_with_the_settings_or_handed_to_other_programs():
    assert "s3cr3t" not in repr(read(SCRAM))
    assert "s3cr3t" not in str(without_keys(SCRAM))
