"""What the doctor's page gets; see `contexts`."""

from collections.abc import Sequence
from dataclasses import dataclass

from falconeye.doctor.finding import Finding
from falconeye.web.node_choice import NodeChoice


@dataclass(frozen=True, slots=True)
class DoctorPage:
    """What was found on a node."""

    at_us: int
    findings: Sequence[Finding]
    nodes: tuple[NodeChoice, ...] = ()  # none where this is the only one
