"""Single words that stand as values in what is said below the web (`said.py`).

`tests/said_texts.py` takes texts of two words and more: most single words there are for programs.
These few are read by people, in a sentence or alone.
"""

from typing import Final


def pgettext(_context: str, message: str) -> str:
    """Mark a text for the catalogue; `said` translates it where it is shown."""
    return message


VALUES: Final = (
    pgettext("said", "event"),  # the service of a camera (onvif/services.py)
    pgettext("said", "media"),
    pgettext("said", "none"),  # USB cameras that are plugged in (cameras/usb.py)
    pgettext("said", "nothing"),  # that can be done with a job (jobs/system_work.py)
    pgettext("said", "stopped"),  # a camera (cameras/pipeline.py)
    pgettext("said", "throttled"),  # a Raspberry Pi (doctor/throttling.py)
    pgettext("said", "unknown"),  # a device, a file system (sources/usb.py, doctor/disks.py)
)
