"""Where a webhook may send: what a URL must and must not hold, read in one way only."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import WebhookAddressNotAllowed
from domain.setup.webhook_address import Address, address_of


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://hr.example.org", Address("https", "hr.example.org", 443, "/")),
        ("https://HR.example.org/a/b?c=d&e=%20", Address("https", "hr.example.org", 443, "/a/b?c=d&e=%20")),
        ("https://hr.example.org:8443/", Address("https", "hr.example.org", 8443, "/")),
        ("https://192.0.2.7/x", Address("https", "192.0.2.7", 443, "/x")),
        ("https://[2001:db8::1]:444/x", Address("https", "2001:db8::1", 444, "/x")),
        ("http://localhost:9/x", Address("http", "localhost", 9, "/x")),
    ],
)
def test_an_address_is_read_in_its_parts(url, address):
    assert address_of(url, {"LocalHost"}) == address


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://hr.example.org/", "without TLS"),
        ("http://localhost.example.org/", "without TLS"),
        ("ftp://hr.example.org/", "https://"),
        ("hr.example.org/acta", "https://"),
        ("https://", "host"),
        ("https:///acta", "host"),
        ("https://acta:secret@hr.example.org/", "password"),
        ("https://good.example.org@bad.example.org/", "password"),
        ("https://hr.example.org/#top", "#"),
        ("https://hr.example.org:0/", "port 0"),
        ("https://hr.example.org:99999/", "no URL"),
        ("https://hr.example.org:eight/", "no URL"),
        ("https://[::1/", "no URL"),
        ("https://[fe80::1%25eth0]/", "host"),
        ("https://hr.example.org\\@bad.example.org/", "ASCII"),
        ("https://hr.example.org/a b", "ASCII"),
        ("https://hr.example.org/\r\nX-Evil: 1", "ASCII"),
        ("https://bücher.example/", "punycode"),
        ("https://-hr.example.org/", "host"),
        ("https://hr..example.org/", "host"),
        ("https://" + "a" * 64 + ".org/", "host"),
        ("https://hr.example.org/" + "a" * 2000, "2,000"),
    ],
)
def test_what_is_no_plain_address_is_refused_and_says_why(url, why):
    with pytest.raises(WebhookAddressNotAllowed) as refused:
        address_of(url, {"localhost"})
    assert why in refused.value.detail
    assert refused.value.particulars == {"field": "url"}
    assert "secret" not in str(refused.value)


@given(st.one_of(st.text(max_size=60), st.text(max_size=40).map("https://".__add__)))
def test_whatever_comes_is_an_address_or_refused(url):
    try:
        found = address_of(url)
    except WebhookAddressNotAllowed:
        return
    assert found.scheme == "https"
    assert found.target.startswith("/")
    assert address_of(f"https://{found.authority}{found.target}") == found
