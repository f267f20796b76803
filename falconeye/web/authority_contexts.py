"""What the page about HTTPS gets."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AuthorityPage:
    """`mode` as the setting `tls`; the fingerprint is that of the cluster's own authority."""

    mode: str
    fingerprint: str = ""
    problem: str = ""  # the certificates are not right, in words
    secured: str = ""  # the same place with https://; "" where the page came so
    was_led: bool = False  # from a page without TLS that somebody asked for
