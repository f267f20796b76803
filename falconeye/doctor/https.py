"""The certificate that browsers are shown, as it lies in files now. Blocks."""

import datetime as dt
import ssl
from pathlib import Path

from falconeye.base.clock import Clock
from falconeye.base.times import to_datetime
from falconeye.base.words import counted
from falconeye.config.settings import NodeSettings
from falconeye.doctor.finding import Finding, Level
from falconeye.tls.condition import State
from falconeye.tls.own_files import read_own


def examine(settings: NodeSettings, clock: Clock) -> list[Finding]:
    """Nothing where TLS is off: that is no fault, and who is reached by others is told in pages."""
    now = to_datetime(clock.utc_us())
    if settings.tls == "files" and settings.tls_cert and settings.tls_key:
        return [_of_files(settings.tls_cert, settings.tls_key, now)]
    return [_own(settings, now)] if settings.tls == "auto" else []


def _of_files(certificate: Path, key: Path, now: dt.datetime) -> Finding:
    from falconeye.tls.pair import UnusablePair, read_pair  # noqa: PLC0415 - it reads X.509, 4 MB

    subject = str(certificate)
    try:
        pair = read_pair(certificate, key)
    except UnusablePair as error:
        words = f"{error}; a recorder that runs serves the pair it had before"
        advice = "Put a certificate and its key in place: they are read within seconds"
        return Finding("network", subject, Level.FAIL, words, advice)
    condition = pair.condition(now)
    if condition.is_refused:
        advice = "Renew it (certbot renew, or whoever made it), and see that the clock is right"
        return Finding("network", subject, Level.FAIL, condition.words, advice)
    left = pair.not_after - now
    words = f"HTTPS for {pair.names.words()}, for {counted(left.days, 'more day')}"
    if condition.state is State.ENDS_SOON:
        advice = "See that what renews it runs: certbot does a month before the end"
        return Finding("network", subject, Level.WARN, words, advice)
    return Finding("network", subject, Level.OK, words)


def _own(settings: NodeSettings, now: dt.datetime) -> Finding:
    from falconeye.tls.pair import make_pair  # noqa: PLC0415 - as above

    subject = "own certificate"
    try:
        pair = make_pair(*read_own(settings.data_dir))
    except FileNotFoundError:
        return Finding("network", subject, Level.OK, "is made when the recorder starts")
    except (ValueError, ssl.SSLError):
        advice = "Restart the recorder: it makes another one"
        return Finding("network", subject, Level.WARN, "it is damaged", advice)
    condition = pair.condition(now)
    if condition.state is not State.GOOD:
        advice = "A recorder that runs makes another one within a minute: its log says what fails"
        return Finding("network", subject, Level.WARN, condition.words, advice)
    words = f"HTTPS for {pair.names.words()}, renewed by itself"
    return Finding("network", subject, Level.OK, words)
