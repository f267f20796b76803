"""Mounted file systems, what is printed for them, and whether a directory may become a volume."""

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from falconeye.base.errors import Conflict, InvalidInput
from falconeye.storage.volumes.mount_lines import MountLines, escaped_unit, mount_lines
from falconeye.storage.volumes.mounts import (
    Against,
    Mount,
    Mounts,
    is_fit,
    mount_of,
    read_mounts,
    uuid_of,
)
from falconeye.storage.volumes.places import Caution, Surroundings, inspect

MOUNTINFO = rb"""
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 179:2 / / rw,relatime shared:1 - ext4 /dev/mmcblk0p2 rw
40 27 8:1 / /srv/video rw,noatime shared:20 master:3 - ext4 /dev/sda1 rw
41 27 8:17 / /media/my\040disk rw - exfat /dev/sdb1 rw
42 27 0:50 / /mnt/nas rw - nfs4 nas:/export/video rw,vers=4.2
43 27 0:51 / /mnt/smb rw - cifs //nas/share rw
44 27 0:52 / /run/lock rw - tmpfs tmpfs rw
45 27 8:33 / /run/media/eve/USB ro,nosuid - vfat /dev/sdc1 rw
46 27 0:60 / /srv/video rw - xfs /dev/sdd1 ro
bad line
"""
DISK = Mount(Path("/srv/video"), "/dev/sda1", "ext4", "8:1", read_only=False)


def test_mountinfo_is_read_with_its_escapes_and_what_lies_over_what() -> None:
    found = {str(mount.path): mount for mount in read_mounts(MOUNTINFO)}
    assert set(found) == {
        "/proc", "/", "/srv/video", "/media/my disk", "/mnt/nas", "/mnt/smb", "/run/lock",
        "/run/media/eve/USB",
    }  # fmt: skip
    assert found["/srv/video"].file_system == "xfs"  # mounted over the first
    assert found["/srv/video"].read_only  # the file system is, though the mount is not
    assert found["/run/media/eve/USB"].read_only
    assert found["/mnt/nas"].source == "nas:/export/video"
    fit = {path for path, mount in found.items() if is_fit(mount)}
    assert fit == set(found) - {"/proc", "/run/lock"}


def test_a_path_lies_on_the_nearest_mount() -> None:
    mounts = read_mounts(MOUNTINFO)
    for path, expected in (("/srv/video/a/b", "/srv/video"), ("/srv/videos", "/"), ("/", "/")):
        found = mount_of(Path(path), mounts)
        assert found is not None
        assert str(found.path) == expected


def test_the_lines_of_a_disk_name_it_by_its_uuid() -> None:
    lines = mount_lines(Path("/srv/video/cams"), DISK, "5f3c-1")
    assert lines.fstab.split() == [
        "UUID=5f3c-1", "/srv/video", "ext4",
        "defaults,noatime,nofail,x-systemd.device-timeout=10s", "0", "2",
    ]  # fmt: skip
    assert lines.unit_name == "srv-video.mount"
    assert "What=/dev/disk/by-uuid/5f3c-1\nWhere=/srv/video\nType=ext4\n" in lines.unit
    assert 'ReadWritePaths="-/srv/video/cams"' in lines.drop_in
    assert "Wants=srv-video.mount\nAfter=srv-video.mount" in lines.drop_in


def test_the_unit_of_a_disk_lets_it_go_and_come_back() -> None:
    """It is in use when it is pulled; tests/vm has a real one."""
    lines = mount_lines(Path("/srv/video"), DISK, "5f3c-1")
    assert "LazyUnmount=yes\n" in lines.unit
    device = r"dev-disk-by\x2duuid-5f3c\x2d1.device"
    assert f"WantedBy=local-fs.target {device}\n" in lines.unit
    assert "take the unit" in lines.note


@pytest.mark.parametrize(
    ("mount", "says"),
    [
        (replace(DISK, source="nas:/v", file_system="nfs4"), "nas:/v  /srv/video  nfs4  rw,hard"),
        (replace(DISK, source="//nas/v", file_system="cifs"), "credentials=/etc/falconeye-smb,uid"),
        (replace(DISK, file_system="exfat"), "uid=falconeye,gid=falconeye,umask=0027"),
        (replace(DISK, path=Path("/srv/my disk")), r"/srv/my\040disk"),
    ],
)
def test_the_lines_of_shares_and_odd_disks(mount: Mount, says: str) -> None:
    lines = mount_lines(mount.path, mount, None)
    assert says in lines.fstab
    assert ("_netdev" in lines.fstab) == mount.is_network
    assert ("WantedBy=remote-fs.target" in lines.unit) == mount.is_network
    assert ("password=" in lines.note) == (mount.file_system == "cifs")
    assert (
        ("LazyUnmount" in lines.unit) == ("take the unit" in lines.note) == (not mount.is_network)
    )


def test_nothing_is_printed_for_what_is_no_disk() -> None:
    for mount in (None, replace(DISK, path=Path("/")), replace(DISK, file_system="tmpfs")):
        lines = mount_lines(Path("/srv/video"), mount, None)
        assert (lines.fstab, lines.unit) == ("", "")
        assert lines.drop_in == '[Service]\nReadWritePaths="-/srv/video"\n'


SHARES = b"\n".join(
    (
        (
            rb"50 27 0:60 /@video /srv/video rw,nosuid,noatime - btrfs /dev/sda1 rw,ssd,"
            rb"space_cache=v2,compress=zstd:3,subvolid=258,subvol=/@video"
        ),
        rb"51 27 0:61 / /mnt/my\040pool rw - btrfs /dev/sdb1 rw,subvolid=5,subvol=/",
        (
            rb"52 27 0:62 / /mnt/nas rw,relatime - nfs4 nas:/video rw,vers=4.1,rsize=65536,"
            rb"wsize=65536,namlen=255,soft,proto=tcp,nconnect=4,timeo=600,retrans=2,sec=krb5,"
            rb"clientaddr=10.0.0.2,local_lock=none,addr=10.0.0.5"
        ),
        (
            rb"53 27 0:63 / /mnt/smb rw,nodev - cifs //nas/video rw,vers=2.1,cache=strict,"
            rb"username=cam,domain=HOME,uid=0,noforceuid,gid=0,noforcegid,addr=10.0.0.5,"
            rb"file_mode=0755,dir_mode=0755,soft,nounix,serverino,seal,rsize=65536,bsize=1048576"
        ),
        rb"54 27 0:64 / /mnt/guest rw - cifs //nas/guest rw,vers=3.1.1,sec=none,file_mode=0755",
        rb"55 27 8:1 /cams /srv/cams rw - ext4 /dev/sda1 rw",
        rb"56 27 0:60 /@video/cams /srv/part rw - btrfs /dev/sda1 rw,subvolid=258,subvol=/@video",
        rb"57 27 0:65 /@a\040b /srv/ab rw - btrfs /dev/sdc1 rw,subvolid=259,subvol=/@a\040b",
    )
)


def lines_of(path: str, uuid: str | None = None) -> MountLines:
    (mount,) = (one for one in read_mounts(SHARES) if one.path == Path(path))
    return mount_lines(mount.path, mount, uuid)


def options_of(lines: MountLines) -> set[str]:
    return set(lines.fstab.split()[3].split(","))


def test_a_subvolume_stays_the_one_that_is_mounted() -> None:
    lines = lines_of("/srv/video", "5f3c-1")
    assert lines.fstab.startswith("UUID=5f3c-1  /srv/video  btrfs  ")
    assert {"subvol=/@video", "compress=zstd:3", "nosuid", "noatime"} <= options_of(lines)
    assert not {"subvolid=258", "ssd", "rw"} & options_of(lines)
    assert "subvol=/@video" in lines.unit
    assert "subvol=/" in options_of(lines_of("/mnt/my pool"))
    assert r"subvol=/@a\040b" in lines_of("/srv/ab").fstab
    assert "subvol=/@a b," in lines_of("/srv/ab").unit


def test_a_share_of_nfs_keeps_its_options_but_for_what_it_found_itself() -> None:
    found = options_of(lines_of("/mnt/nas"))
    assert {"vers=4.1", "proto=tcp", "nconnect=4", "sec=krb5", "rsize=65536", "hard"} <= found
    assert {"nofail", "_netdev", "noatime"} <= found
    names = {option.partition("=")[0] for option in found}
    assert not {"soft", "addr", "clientaddr", "namlen", "local_lock", "relatime"} & names


def test_a_share_of_smb_keeps_its_options_and_its_secrets_apart() -> None:
    lines = lines_of("/mnt/smb")
    found = options_of(lines)
    assert {"vers=2.1", "cache=strict", "nounix", "serverino", "seal", "nodev"} <= found
    assert {"credentials=/etc/falconeye-smb", "uid=falconeye", "file_mode=0640"} <= found
    names = {option.partition("=")[0] for option in found}
    assert not {"username", "domain", "addr", "noforceuid", "bsize"} & names
    assert not {"uid=0", "file_mode=0755"} & found
    assert "username=cam" in lines.note
    assert "domain=HOME" in lines.note
    guest = lines_of("/mnt/guest")
    assert "sec=none" in options_of(guest)
    assert "credentials" not in guest.fstab + guest.note


@pytest.mark.parametrize("path", ["/srv/cams", "/srv/part"])
def test_a_part_of_a_file_system_is_not_mounted_as_the_whole(path: str) -> None:
    """A bind mount: the line would show the whole file system there instead."""
    lines = lines_of(path, "5f3c-1")
    assert (lines.fstab, lines.unit) == ("", "")
    assert "bind mount" in lines.note
    assert f'ReadWritePaths="-{path}"' in lines.drop_in
    assert f"After={escaped_unit(Path(path))}" in lines.drop_in


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/srv/video", '[Service]\nReadWritePaths="-/srv/video"\n'),
        (
            "/home/eve/video",
            '[Service]\nProtectHome=read-only\nReadWritePaths="-/home/eve/video"\n',
        ),
        ("/var/lib/falconeye/more", ""),
        ("/var/lib/falconeyes", '[Service]\nReadWritePaths="-/var/lib/falconeyes"\n'),
    ],
)
def test_the_service_is_let_write_where_it_may_not_by_itself(path: str, words: str) -> None:
    assert mount_lines(Path(path), None, None).drop_in == words


@pytest.mark.parametrize("path", ["/", "/srv/video", "/srv/my-disk", "/media/Zoë 1%/x", "/.a/.b"])
def test_units_are_named_as_systemd_names_them(path: str) -> None:
    program = shutil.which("systemd-escape")
    if program is None:
        pytest.skip("systemd is not installed")
    said = subprocess.run(
        [program, "--path", "--suffix=mount", path], capture_output=True, text=True, check=True
    )
    assert escaped_unit(Path(path)) == said.stdout.strip()


@pytest.mark.timeout(30)
@pytest.mark.parametrize("path", ["/srv/video", "/srv/my disk"])
def test_systemd_understands_the_units(tmp_path: Path, path: str) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd is not installed")
    lines: MountLines = mount_lines(Path(path), replace(DISK, path=Path(path)), "5f3c-1")
    (tmp_path / lines.unit_name).write_text(lines.unit)
    service = tmp_path / "falconeye.service"
    service.write_text("[Service]\nExecStart=/bin/true\n")
    (tmp_path / "falconeye.service.d").mkdir()
    (tmp_path / "falconeye.service.d" / "volumes.conf").write_text(lines.drop_in)
    done = subprocess.run(
        [program, "verify", "--man=no", tmp_path / lines.unit_name, service],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_the_uuid_is_that_of_the_device(tmp_path: Path) -> None:
    device = tmp_path / "sda1"
    device.touch()
    names = tmp_path / "by-uuid"
    names.mkdir()
    (names / "5f3c-1").symlink_to(device)
    (names / "other").symlink_to(tmp_path / "sdb1")
    mount = replace(DISK, source=str(device))
    assert uuid_of(mount, names) == "5f3c-1"
    assert uuid_of(replace(DISK, source="nas:/v"), names) is None
    assert uuid_of(mount, tmp_path / "no-udev") is None


async def test_this_machine_is_listed_and_the_root_is_spoken_against() -> None:
    found = {facts.mount.path: facts for facts in await Mounts().found()}
    root = found.get(Path("/"))
    if root is None:
        pytest.skip("the root file system of this machine is a container's")
    assert root.total_bytes > 0
    assert Against.ROOT in root.against


def around(tmp_path: Path, *volumes: str) -> Surroundings:
    (tmp_path / "data").mkdir(exist_ok=True)
    return Surroundings(tmp_path / "data", [tmp_path / name for name in volumes])


def test_a_directory_beside_the_others_may_become_a_volume(tmp_path: Path) -> None:
    place = tmp_path / "disk"
    place.mkdir()
    (tmp_path / "link").symlink_to(place)
    looked = inspect(str(tmp_path / "link"), around(tmp_path, "media"), on_root=True)
    assert looked.path == place
    assert Caution.OTHER_FILES not in looked.cautions
    assert list(place.iterdir()) == []  # nothing was left there
    (tmp_path / "media").mkdir()
    (place / "holiday.jpg").touch()
    looked = inspect(str(place), around(tmp_path, "media"), on_root=True)
    assert {Caution.OTHER_FILES, Caution.SAME_FILE_SYSTEM} <= set(looked.cautions)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("disk", "beginning with /"),
        ("/no/such/directory", "No such file"),
        ("{tmp}/file", "is not a directory"),
        ("{tmp}/loop", "cannot be used"),
        ("{tmp}/data", "lie in each other"),
        ("{tmp}/data/inside", "lie in each other"),
        ("{tmp}", "lie in each other"),
        ("{tmp}/media/inside", "lie in each other"),
        ("{tmp}/a\nb", "beginning with /"),
    ],
)
def test_what_may_not_become_a_volume(tmp_path: Path, path: str, words: str) -> None:
    surroundings = around(tmp_path, "media")
    for name in ("media/inside", "data/inside"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(InvalidInput, match=words) as raised:
        inspect(path.replace("{tmp}", str(tmp_path)), surroundings, on_root=True)
    assert raised.value.field == "path"


@pytest.mark.root
def test_a_disk_that_is_mounted_in_the_data_directory_may_become_a_volume(tmp_path: Path) -> None:
    """A pod has no other directory of its node."""
    surroundings = around(tmp_path, "data/media")
    disk = tmp_path / "data" / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"needs to mount a file system: {done.stderr.strip()}")
    try:
        looked = inspect(str(disk), surroundings, on_root=False)
        assert looked.mount is not None
        assert looked.mount.path == looked.path == disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_volume_is_not_added_twice(tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    with pytest.raises(Conflict, match="already"):
        inspect(str(tmp_path / "media"), around(tmp_path, "media"), on_root=True)


def test_the_root_file_system_only_when_asked_for(tmp_path: Path) -> None:
    if tmp_path.stat().st_dev != Path("/").stat().st_dev:
        pytest.skip("the folder of the tests is no part of the root file system")
    place = tmp_path / "disk"
    place.mkdir()
    with pytest.raises(InvalidInput, match="is the disk mounted"):
        inspect(str(place), around(tmp_path), on_root=False)
    assert Caution.ON_ROOT in inspect(str(place), around(tmp_path), on_root=True).cautions


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="chown needs root")
def test_root_is_told_what_the_services_user_cannot_write(tmp_path: Path) -> None:
    surroundings, place = around(tmp_path), tmp_path / "disk"
    place.mkdir(mode=0o755)
    os.chown(surroundings.data_dir, 65533, 65533)
    said = inspect(str(place), surroundings, on_root=True).cautions
    assert Caution.NOT_THE_SERVICES in said
    os.chown(place, 65533, 65533)
    said = inspect(str(place), surroundings, on_root=True).cautions
    assert Caution.NOT_THE_SERVICES not in said
