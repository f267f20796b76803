"""One virtual machine for all tests of this folder: the order in the file is that of its life."""

from collections.abc import Iterator

import pytest

from tests.vm.machine import Machine, machine
from tests.vm.qemu import CannotBeHad
from tests.vm.service import Service, installed


@pytest.fixture(scope="session")
def virtual_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    try:
        with machine(tmp_path_factory.mktemp("vm")) as made:
            yield made
    except CannotBeHad as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def service(virtual_machine: Machine) -> Iterator[Service]:
    with installed(virtual_machine) as made:
        yield made
