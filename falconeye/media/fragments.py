"""Init segments and fragments as values; `init_segment`, `fragmenter` and `hub` make them."""

from dataclasses import dataclass

from falconeye.media.samples import AudioParameters, VideoParameters


@dataclass(frozen=True, slots=True)
class InitSegment:
    """`ftyp` + `moov`, needed once before fragments (ISO 14496-12 8.8)."""

    data: bytes
    video: VideoParameters
    audio: AudioParameters | None
    codecs: str  # RFC 6381, e.g. "avc1.64001f,mp4a.40.2"; video first

    @property
    def mime_type(self) -> str:
        return f'video/mp4; codecs="{self.codecs}"'


@dataclass(frozen=True, slots=True)
class RecordingFragment:
    """One `moof` + `mdat`, as a list of buffers that one `writev` puts on the disk.

    Times count from the start of the segment's file (`tfdt` from 0 in each file).
    """

    buffers: tuple[bytes, ...]  # moof, mdat header, samples …
    size_bytes: int
    is_keyframe: bool  # the first video sample is a keyframe
    start_90k: int  # decode time of the first video sample in the file
    duration_90k: int  # sum of the video samples' durations
    video_tfdt_offset: int  # of the 8-byte baseMediaDecodeTime, from the fragment's start
    audio_tfdt_offset: int  # the same for audio; 0 = no audio in this fragment
    audio_start_ticks: int


@dataclass(frozen=True, slots=True)
class LiveFragment:
    """One `moof` + `mdat` for viewers; times count from the start of the run."""

    data: bytes
    first_seq: int  # sequence numbers of the video samples inside, both ends included
    last_seq: int
    is_keyframe: bool
    start_90k: int
    duration_90k: int
