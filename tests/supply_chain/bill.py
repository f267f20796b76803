"""The bill of materials of a release, in CycloneDX 1.6 (ECMA-424): `make sbom`.

The same checkout gives the same bytes: its serial number is made of its content, and the only time
in it is that of the commit (SOURCE_DATE_EPOCH).
"""

import datetime as dt
import hashlib
import os
import sys
import uuid
from pathlib import Path
from typing import Final

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from falconeye import __version__
from tests.supply_chain.parts import Part, parts

_LICENCES: Final = LicenseFactory()


def bill(found: list[Part], at: dt.datetime) -> str:
    """JSON, with a line break at its end."""
    made = Bom()
    made.metadata.timestamp = at
    made.metadata.component = root = Component(
        type=ComponentType.APPLICATION,
        name="falconeye",
        version=__version__,
        bom_ref="falconeye",
        purl=PackageURL("pypi", None, "falconeye", __version__),
        licenses=[_LICENCES.make_from_string("Apache-2.0")],
    )
    components = [_component(part) for part in found]
    made.components.update(components)
    made.register_dependency(root, components)
    what = sorted((part.kind, part.name, part.version, part.sha256) for part in found)
    digest = hashlib.sha256(f"{__version__} {what}".encode()).hexdigest()
    made.serial_number = uuid.UUID(digest[:32], version=4)
    return JsonV1Dot6(made).output_as_string(indent=2) + "\n"


def _component(part: Part) -> Component:
    scope, _, name = part.name.rpartition("/")
    purl = PackageURL(part.kind, scope or None, name, part.version)
    hashes = [HashType(alg=HashAlgorithm.SHA_256, content=each) for each in part.sha256]
    # A distribution has a file for each platform; one that is pinned by several names none.
    return Component(
        type=ComponentType.LIBRARY,
        name=part.name,
        version=part.version,
        bom_ref=purl.to_string(),
        purl=purl,
        hashes=hashes if len(hashes) == 1 else [],
        licenses=[_LICENCES.make_from_string(part.licence)] if part.licence else [],
    )


def main() -> int:
    epoch_s = int(os.environ.get("SOURCE_DATE_EPOCH", "0"))
    Path(sys.argv[1]).write_text(bill(parts(), dt.datetime.fromtimestamp(epoch_s, dt.UTC)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
