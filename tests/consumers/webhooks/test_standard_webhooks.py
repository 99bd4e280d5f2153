"""Signatures as the specification has them: its published vector, and its own library, agree."""

from base64 import b64decode
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook as Verifier

from consumers.webhooks.standard_webhooks import headers_of, signature

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
KEY = b64decode(SECRET.removeprefix("whsec_"))


def test_the_published_vector_comes_out():
    signed = signature(KEY, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(st.binary(min_size=24, max_size=64), st.uuids(), st.integers(1, 9999), st.text(max_size=200))
def test_the_library_finds_each_signature_right(key, stream, version, text):
    body = text.encode("utf-8", "replace")
    now = datetime.now(UTC)
    headers = dict(headers_of(f"{stream}/{version}", now, body, [b"another key, newer than this one", key]))
    Verifier(key).verify(body, headers, json_parse=False)
