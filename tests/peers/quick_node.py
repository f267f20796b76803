"""`falconeye`, which waits less long for other nodes: `python -m tests.peers.quick_node WORDS`.

QUICK_ALONE_S   how long nodes that do not answer are waited for, before the first admin is made
QUICK_AGAIN_S   after what time a service's name is asked for again
"""

import os
import sys

from falconeye.cli.main import main
from falconeye.federation import arriving, peer_finding

if __name__ == "__main__":
    arriving.ALONE_S = float(os.environ.get("QUICK_ALONE_S", arriving.ALONE_S))  # type: ignore[misc]
    again_s = float(os.environ.get("QUICK_AGAIN_S", peer_finding.AGAIN_S))
    peer_finding.AGAIN_S = again_s  # type: ignore[misc]
    sys.exit(main())
