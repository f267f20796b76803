"""What Frigate sets that FalconEye does not take over, and why.

Names of Frigate 0.8 to 0.18 (docs.frigate.video, "Full Reference Config").
"""

from typing import Final

_DETECTION: Final = "objects are not detected as there"
_PICTURES: Final = "single pictures are not written"
_VIEW: Final = "FalconEye has its own pages and live view"
_KEEP: Final = "how long footage is kept is a setting of FalconEye"
_FFMPEG: Final = "no ffmpeg is run: what the camera sends is recorded as it is"
_PROGRAM: Final = "concerns that program, not the cameras"

TOP: Final = {
    "mqtt": "messages by MQTT are not set up",
    "detectors": _DETECTION,
    "model": _DETECTION,
    "detect": _DETECTION,
    "objects": _DETECTION,
    "motion": "motion is not looked for as there",
    "review": _DETECTION,
    "snapshots": _PICTURES,
    "audio": "sounds are not detected",
    "audio_transcription": "sounds are not detected",
    "birdseye": _VIEW,
    "live": _VIEW,
    "ui": _VIEW,
    "camera_groups": _VIEW,
    "timestamp_style": _VIEW,
    "ffmpeg": _FFMPEG,
    "rtmp": "FalconEye passes streams on in its own way",
    "restream": "FalconEye passes streams on in its own way",
    "database": _PROGRAM,
    "logger": _PROGRAM,
    "telemetry": _PROGRAM,
    "version": _PROGRAM,
    "safe_mode": _PROGRAM,
    "networking": _PROGRAM,
    "tls": "encryption is set up anew",
    "auth": "accounts are made anew",
    "proxy": "accounts are made anew",
    "notifications": "notices are set up anew",
    "environment_vars": "filled into addresses; the rest is not needed",
    "semantic_search": _DETECTION,
    "face_recognition": _DETECTION,
    "lpr": _DETECTION,
    "genai": _DETECTION,
    "classification": _DETECTION,
    "profiles": "profiles are not known here",
    "plus": _DETECTION,
}

CAMERA: Final = {
    "audio": "sounds are not detected",
    "audio_transcription": "sounds are not detected",
    "best_image_timeout": _PICTURES,
    "birdseye": _VIEW,
    "detect": _DETECTION,
    "face_recognition": _DETECTION,
    "genai": _DETECTION,
    "live": _VIEW,
    "lpr": _DETECTION,
    "mask": "nothing is covered, and motion is looked for nowhere",
    "motion": "motion is not looked for as there; its masks are not taken over",
    "mqtt": "messages by MQTT are not set up",
    "notifications": "notices are set up anew",
    "objects": _DETECTION,
    "profiles": "profiles are not known here",
    "restream": "FalconEye passes streams on in its own way",
    "review": _DETECTION,
    "rtmp": "FalconEye passes streams on in its own way",
    "semantic_search": _DETECTION,
    "snapshots": _PICTURES,
    "timestamp_style": _VIEW,
    "type": _DETECTION,
    "ui": _VIEW,
    "webui_url": _VIEW,
    "zones": "areas of the picture are not taken over",
    "clips": _KEEP,
    "width": _DETECTION,
    "height": _DETECTION,
    "fps": _DETECTION,
}

FFMPEG: Final = dict.fromkeys(
    ("path", "global_args", "hwaccel_args", "input_args", "output_args", "retry_interval",
     "apple_compatibility", "gpu"),
    _FFMPEG,
)  # fmt: skip

RECORD: Final = dict.fromkeys(
    ("retain", "retain_days", "events", "continuous", "motion", "alerts", "detections",
     "expire_interval", "sync_recordings", "export", "preview"),
    _KEEP,
)  # fmt: skip

ONVIF: Final = {
    "autotracking": "cameras are not turned by what is seen",
    "tls_insecure": "ONVIF is asked in FalconEye's own way",
    "ignore_time_mismatch": "ONVIF is asked in FalconEye's own way",
    "profile": "ONVIF is asked in FalconEye's own way",
}

GO2RTC: Final = dict.fromkeys(
    ("api", "rtsp", "webrtc", "log", "ffmpeg", "srtp", "hls", "mp4", "ngrok", "hass", "homekit",
     "preload", "app", "exec", "echo"),
    "FalconEye passes streams on in its own way",
)  # fmt: skip
