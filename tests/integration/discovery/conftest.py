"""A network of our own for each test; needs root."""

from collections.abc import Iterator

import pytest

from tests.peers.site import Site, site_of_test


@pytest.fixture
def site() -> Iterator[Site]:
    """The test runs in the namespace of the site's node."""
    with site_of_test() as made:
        yield made


@pytest.fixture
def untouched(site: Site) -> Iterator[None]:
    """Interfaces of containers and tunnels, all up; not one packet may be sent on them."""
    stubs = {
        "cni0": "10.42.0.1/24",
        "flannel.1": "10.42.1.0/24",
        "veth12ab34": "10.42.2.1/24",
        "docker0": "172.17.0.1/16",
        "br-0123456789ab": "172.18.0.1/16",
        "tun0": "10.8.0.1/24",
    }
    for name, address in stubs.items():
        site.stub(name, address)
    yield
    assert {name: site.sent(name) for name in stubs} == dict.fromkeys(stubs, 0)
