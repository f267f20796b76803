"""One camera as a program: `python -m tests.chaos.chaos_camera ADDRESS`, until its input ends.

RTSP at port 554, H.264 at ten pictures a second, a keyframe each second. It says "ready".
"""

import sys

from tests.peers.media_samples import video_clip
from tests.peers.replay_rtsp import ReplayServer

PORT = 554
GOP_S = 1.0


def main(address: str) -> None:
    """Serve until the input ends, or it is killed."""
    clip = video_clip(width=320, height=192, fps=10, gop=10, bit_rate=150_000)
    server = ReplayServer(PORT, address=address)
    server.add("main", video=clip)
    with server:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])
