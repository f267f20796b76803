"""Fragments and init segments as other programs read them."""

import io
import itertools
import json
import subprocess
from pathlib import Path

import av
import pytest

from falconeye.media.fragmenter import Fragmenter
from falconeye.media.init_segment import make_init_segment
from falconeye.media.samples import (
    AudioParameters,
    AudioSample,
    Codec,
    VideoParameters,
    VideoSample,
)
from tests.peers.media_samples import audio_clip, video_clip
from tests.peers.programs import program
from tests.unit.media.test_normaliser import normaliser, packets, run, samples


def _parameters(codec: str, **options: int) -> tuple[VideoParameters, list[VideoSample]]:
    clip = video_clip(codec=codec, gops=2, **options)
    video = VideoParameters(
        Codec(codec), clip.parameter_sets, clip.width, clip.height, 90_000 // clip.fps
    )
    return video, samples(run(normaliser(clip), packets(clip)))


def _file(video: VideoParameters, pictures: list[VideoSample]) -> bytes:
    fragmenter = Fragmenter(0, 0)
    data = make_init_segment(video, None).data
    for sample in pictures:
        if fragment := fragmenter.video(sample):
            data += b"".join(fragment.buffers)
    last = fragmenter.end(pictures[-1].dts_90k + 3600)
    assert last
    return data + b"".join(last.buffers)


@pytest.mark.parametrize(
    ("codec", "b_frames", "tag"),
    [("h264", 0, "avc1"), ("h264", 2, "avc1"), ("hevc", 0, "hvc1")],
)
def test_every_picture_decodes(codec: str, b_frames: int, tag: str, tmp_path: Path) -> None:
    video, pictures = _parameters(codec, b_frames=b_frames)
    path = tmp_path / "out.mp4"
    path.write_bytes(_file(video, pictures))
    probe = subprocess.run(
        [program("ffprobe"), "-v", "error", "-count_frames", "-of", "json", "-show_entries",
         "stream=codec_tag_string,nb_read_frames,duration,width,height", str(path)],
        check=True, capture_output=True,
    )  # fmt: skip
    stream = json.loads(probe.stdout)["streams"][0]
    assert stream["codec_tag_string"] == tag
    assert int(stream["nb_read_frames"]) == len(pictures) == 100
    assert float(stream["duration"]) == pytest.approx(4.0)
    decoded = subprocess.run(
        [program("ffmpeg"), "-v", "error", "-i", str(path), "-f", "null", "-"],
        check=True, capture_output=True,
    )  # fmt: skip
    assert decoded.stderr == b""


def test_presentation_times_survive_reordering() -> None:
    video, pictures = _parameters("h264", b_frames=2)
    with av.open(io.BytesIO(_file(video, pictures)), "r") as container:
        shown = [frame.pts for frame in container.decode(video=0)]
    assert len(shown) == 100
    assert all(b > a for a, b in itertools.pairwise(shown) if a is not None and b)


def test_fragment_offsets_point_at_the_decode_times() -> None:
    _video, pictures = _parameters("h264")
    fragmenter = Fragmenter(0, 0)
    fragments = []
    for index, sample in enumerate(pictures):
        if fragment := fragmenter.video(sample):
            fragments.append(fragment)
        fragmenter.audio(AudioSample(index * 640, 640, b"x" * 10, 0))
    for fragment in fragments:
        data = b"".join(fragment.buffers)
        assert len(data) == fragment.size_bytes
        at = fragment.video_tfdt_offset
        assert int.from_bytes(data[at : at + 8], "big") == fragment.start_90k
        at = fragment.audio_tfdt_offset
        assert int.from_bytes(data[at : at + 8], "big") == fragment.audio_start_ticks
        assert data[at - 8 : at - 4] == b"tfdt"


def test_fragments_begin_at_keyframes_and_after_half_a_second() -> None:
    _, pictures = _parameters("h264")
    fragmenter = Fragmenter(0, 0)
    fragments = [f for s in pictures if (f := fragmenter.video(s))]
    assert all(f.duration_90k <= 45_000 + 3600 for f in fragments)
    keyframes = [f.start_90k for f in fragments if f.is_keyframe]
    assert keyframes == [s.dts_90k for s in pictures if s.is_keyframe]


def test_aac_configuration_of_the_camera_is_kept(tmp_path: Path) -> None:
    video, pictures = _parameters("h264")
    clip = audio_clip("aac")
    audio = AudioParameters(
        Codec.AAC, clip.sample_rate, clip.channels, clip.config, clip.frame_ticks
    )
    init = make_init_segment(video, audio)
    assert init.codecs.startswith("avc1.")
    assert init.codecs.endswith(",mp4a.40.2")
    fragmenter = Fragmenter(0, 0)
    data = init.data
    for index, sample in enumerate(pictures[:50]):
        if fragment := fragmenter.video(sample):
            data += b"".join(fragment.buffers)
        if index < len(clip.frames):
            at = index * clip.frame_ticks
            fragmenter.audio(AudioSample(at, clip.frame_ticks, clip.frames[index], 0))
    path = tmp_path / "a.mp4"
    path.write_bytes(data)
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        assert bytes(stream.codec_context.extradata or b"") == clip.config
        assert sum(frame.samples for frame in container.decode(audio=0)) > 0


@pytest.mark.parametrize(
    "starts", [[0, 1024, 2048, 3072], [0, 1024, 4096, 5120]], ids=["tiled", "with-a-hole"]
)
def test_audio_frames_stand_at_their_times(starts: list[int]) -> None:
    video, pictures = _parameters("h264")
    clip = audio_clip("aac")
    audio = AudioParameters(
        Codec.AAC, clip.sample_rate, clip.channels, clip.config, clip.frame_ticks
    )
    fragmenter = Fragmenter(0, 0)
    fragmenter.video(pictures[0])
    for start, frame in zip(starts, clip.frames, strict=False):
        fragmenter.audio(AudioSample(start, 1024, frame, 0))
    fragment = fragmenter.end(45_000)
    assert fragment
    data = make_init_segment(video, audio).data + b"".join(fragment.buffers)
    with av.open(io.BytesIO(data), "r") as container:
        assert [packet.dts for packet in container.demux(audio=0) if packet.size] == starts


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_missing_parameter_sets_are_refused(codec: str) -> None:
    video = VideoParameters(Codec(codec), b"", 640, 360, 3600)
    with pytest.raises(ValueError, match="parameter sets"):
        make_init_segment(video, None)
