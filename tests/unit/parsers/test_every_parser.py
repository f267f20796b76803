"""Which test throws anything at which reader of what comes from outside; none is left out."""

import ast
import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[3]
_NAMED: Final = re.compile(r"_?(parse|parsed|read|decode|split)(_\w+)?")
# Packages that read our own database or the web's own routes: nothing there is from outside.
_OWN: Final = re.compile(
    r"falconeye/(storage/(stores|reading|ledger|index|tables|replication)|locale)/"
)

_HERE: Final = "tests/unit/parsers/"
# "module.py: function" (below `falconeye/`) by the file whose tests give it anything at all.
FUZZED: Final[dict[str, tuple[str, ...]]] = {
    f"{_HERE}test_media.py": (
        "media/movie.py: parse_movie",
        "media/movie.py: parse_moof",
        "media/nal.py: split_annex_b",
        "media/nal.py: split_length_prefixed",
        "media/random_access.py: read_access",
        "recording/held_gop.py: decode",
    ),
    "tests/unit/media_boxes/test_segment_file.py": (
        "media/identity_box.py: parse_identity_box",
        "media/segment_file.py: read_segment_file",
        "media/segment_file.py: read_head",
    ),
    f"{_HERE}test_cameras.py": (
        "sources/rtsp_describe.py: _read_answer",
        "onvif/answers.py: _read_fault",
        "federation/found_nodes.py: _read",
    ),
    "tests/unit/sources/test_multipart.py": (
        "sources/multipart.py: _read_headers",
        "sources/multipart.py: _read_part",
    ),
    "tests/unit/discovery/test_ws_messages.py": (
        "discovery/ws_messages.py: read_message",
        "discovery/ws_messages.py: _parse",
        "discovery/ws_answers.py: _parsed",
    ),
    "tests/unit/discovery/test_import_hostile.py": (
        "discovery/imports/reading.py: read_import",
        "discovery/imports/frigate.py: read_frigate",
        "discovery/imports/camera_urls.py: read_url",
        "discovery/imports/camera_urls.py: split_login",
        "discovery/imports/csv_list.py: read_csv",
        "discovery/imports/yaml_tree.py: read_yaml",
        "discovery/imports/motion.py: read_motion",
        "discovery/imports/motion.py: _parsed",
        "cameras/found/imports.py: _read",
    ),
    f"{_HERE}test_requests.py": (
        "web/api/parameters.py: read_time",
        "web/api/parameters.py: read_span",
        "web/hashed_upload.py: read_hash",
        "base/times.py: parse_rfc3339",
        "config/peer_addresses.py: split_host_port",
        "config/peer_addresses.py: _split",
    ),
    "tests/unit/web/test_said.py": ("web/said.py: read",),
    "tests/unit/accounts/test_pairings.py": ("accounts/pairings.py: read_code",),
    "tests/unit/base/test_redact.py": ("base/redact.py: split_credentials",),
    "tests/unit/config/test_schedule.py": ("config/schedule.py: parse",),
    f"{_HERE}test_other_nodes.py": (
        "federation/key_words.py: parse",
        "federation/exchange.py: parse",
        "federation/data_keys.py: parse",
        "federation/join_words.py: parse",
        "federation/kubernetes_told.py: read_told",
        "federation/certificates.py: read_key",
        "federation/certificates.py: _parse",
        "storage/export/export_found.py: _parse",
        "storage/segments/clock_journal.py: _parse",
        "storage/volumes/mounts.py: read_mounts",
    ),
    "tests/unit/federation/test_peers.py": ("federation/beat.py: parse",),
    "tests/unit/federation/test_report.py": ("federation/report.py: parse",),
    "tests/unit/federation/test_join_code.py": (
        "federation/join_code.py: parse",
        "federation/join_code.py: split_address",
    ),
    "tests/unit/web_peers/test_told_footage.py": ("web/peers/playback.py: _read",),
    "tests/unit/storage_footage/test_values.py": (
        "storage/segments/fragment_table.py: decode",
        "storage/segments/layout.py: parse_segment_path",
    ),
}
# What these read is ours, a person's at this machine, or the kernel's; or another test is there.
OTHERS: Final = frozenset({
    "cli/camera_address.py", "cli/config_file.py", "cli/import_cameras.py", "cli/passwords.py",
    "cli/service_files.py", "cli/users.py", "config/noted_twins.py", "config/serving_address.py",
    "devices/v4l2_capture.py", "federation/cluster_key.py", "federation/load.py",
    "federation/node_keys.py", "media/pictures.py",
    "onvif/answers.py", "onvif/definitions.py", "onvif/notifications.py", "onvif/profiles.py",
    "recording/event_recorder.py", "sources/demo_picture.py", "sources/stream_source.py",
    "sources/target.py", "web/api/camera_input.py", "web/pages/schedules.py",
    "storage/backups/contents.py", "storage/backups/restore.py",
    "storage/checks/index_files.py", "storage/export/byte_source.py",
    "storage/export/export_found.py",
    "storage/export/export_part.py", "storage/export/export_writer.py",
    "storage/segments/clock_journal.py", "storage/segments/move_files.py",
    "storage/volumes/id_file.py", "storage/volumes/spool.py", "web/assets.py",
    "tls/authority.py", "tls/own_files.py", "tls/pair.py", "web/help/book.py", "web/https/files.py",
    "web/pages/arranging.py", "web/pages/recordings.py", "web/peers/audit_words.py",
    "web/peers/exports.py", "web/peers/lists.py", "web/peers/routing.py",
})  # fmt: skip


def readers() -> set[str]:
    """Every function of the product that is called like a reader and waits for nothing."""
    found: set[str] = set()
    for path in sorted((ROOT / "falconeye").rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if _OWN.match(name):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and _NAMED.fullmatch(node.name):
                found.add(f"{name.removeprefix('falconeye/')}: {node.name}")
    return found


def test_every_reader_is_given_anything_or_reads_what_is_ours() -> None:
    """A new one: give it anything (hypothesis), and name it here beside that test."""
    known = {reader for several in FUZZED.values() for reader in several}
    found = readers()
    assert not known - found
    assert not {one for one in found - known if one.partition(":")[0] not in OTHERS}
    assert not {name for name in OTHERS if not any(one.startswith(name) for one in found)}


def test_the_tests_are_there_and_make_things_up() -> None:
    for path in FUZZED:
        assert "@given(" in (ROOT / path).read_text(encoding="utf-8"), path
