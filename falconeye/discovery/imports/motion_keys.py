"""What motion and motionEye set for a camera that FalconEye does not take over, and why.

Names of motion 3.2 to 5 (its guide and release notes) and of motionEye up to 0.44, whose own begin
with "@".
"""

import fnmatch
import re
from typing import Final

from falconeye.discovery.imports.words import UNKNOWN

# A reason, and the directives it holds for; a star stands for the rest of a name.
_REASONS: Final = (
    ("motion is not looked for as there; set it up anew", """
        @motion_detection @motion_mask* mask_file threshold* noise_* despeckle* lightswitch*
        minimum_motion* gap event_gap pre_capture post_capture area_detect smart_mask* locate*
        area_max static_object* text_changes secondary_* emulate_motion output_all"""),
    ("nothing is covered in the picture here", "@privacy_mask* mask_privacy @mask*"),
    ("single pictures are not written; stills are taken from what is recorded", """
        picture_* output_* snapshot_* quality jpeg_filename ppm exif_text timelapse_*
        ffmpeg_timelapse* @preserve_pictures @manual_snapshots"""),
    ("what the camera sends is recorded as it is, in FalconEye's own files", """
        movie_* ffmpeg_* max_movie_time max_mpeg_time @preserve_movies @manual_record extpipe*
        use_extpipe"""),
    ("FalconEye serves the live view in its own way",
     "stream_* webcam_* @webcam_* @streaming_*"),
    ("FalconEye has its own disks and keeps footage by its own rules", """
        target_dir @storage_device @network_* @upload_* @clean_cloud* @root_directory"""),
    ("no text is drawn into the picture", "text_*"),
    ("the picture is not turned; turn it in the camera", "rotate flip_axis"),
    ("hours are set on the camera's page", "@working_schedule*"),
    ("no command, mail or call follows here", "on_* @telegram* @email* @web_hook* @command*"),
    ("FalconEye asks the device for a format itself", "v4l2_palette palette"),
    ("the device's own settings stay as they are", """
        brightness contrast saturation hue auto_brightness power_line_frequency input norm
        frequency roundrobin_* switchfilter tuner_* tunerdevice vid_control_params
        mmalcam_* libcam_* video_params v4l2_params video_pipe*"""),
    ("FalconEye connects in its own way", "netcam_* rtsp_uses_tcp minimum_frame_time"),
    ("the camera in the network sends what it is set to",
     "width height framerate videodevice video_device v4l2_device"),
    ("accounts are made anew", "@admin_* @normal_*"),
    ("concerns that program, not the camera", """
        webcontrol_* control_* daemon setup_mode process_id_file pid_file log_* logfile native_*
        camera_dir camera_id ipv6_enabled watchdog_* pause database_* sql_* mysql_* pgsql_*
        sqlite3_* dbtype track_* quiet @lang @show_advanced @id @proto @enabled @_*"""),
)  # fmt: skip
_PATTERNS: Final = tuple(
    (re.compile("|".join(map(fnmatch.translate, names.split()))), why) for why, names in _REASONS
)


def reason_for(key: str) -> str:
    """Why `key` is not taken over; of one that nobody knows it says so."""
    return next((why for names, why in _PATTERNS if names.match(key)), UNKNOWN)
