"""The options of fstab(5) that mount a file system as it is mounted now, for footage.

The kernel tells options together with what it found out itself (addresses, sizes, names): that is
left out, and so is what footage wants otherwise. What only this mount has stays: the subvolume of a
btrfs, the version, protocol, security and cache of a share.
"""

from falconeye.storage.volumes.mounts import WITHOUT_OWNERS, Mount

SERVICE_USER = "falconeye"
CREDENTIALS = "/etc/falconeye-smb"
_SMB = frozenset({"cifs", "smb3", "smbfs"})
_KEPT_FLAGS = ("nosuid", "nodev", "noexec")  # of the mount, not of the file system
_KEPT_OF_BTRFS = frozenset(
    {
        "subvol",
        "compress",
        "compress-force",
        "nodatacow",
        "nodatasum",
        "autodefrag",
        "discard",
        "commit",
        "degraded",
    }
)
_OWN = frozenset({"rw", "ro", "atime", "noatime", "relatime", "strictatime"})
_FOUND_BY_NFS = frozenset(
    {"addr", "clientaddr", "mountaddr", "namlen", "hard", "soft", "softerr", "softreval"}
)
_FOUND_BY_SMB = frozenset(
    {
        "addr",
        "bsize",
        "credentials",
        "dir_mode",
        "domain",
        "file_mode",
        "forcegid",
        "forceuid",
        "gid",
        "hard",
        "noforcegid",
        "noforceuid",
        "password",
        "soft",
        "uid",
        "username",
    }
)


def mount_options(mount: Mount) -> tuple[list[str], str]:
    """The options, and what else they need, in words."""
    flags = [flag for flag in _KEPT_FLAGS if flag in mount.flags]
    if mount.file_system in _SMB:
        kept, note = _of_smb(mount)
        return [*kept, *flags, "noatime", "nofail", "_netdev"], note
    if mount.is_network:  # hard: a server that comes back goes on where it was; nothing is torn
        kept = _without(mount, _FOUND_BY_NFS) if mount.file_system.startswith("nfs") else []
        kept = [option for option in kept if option != "local_lock=none"]
        return ["rw", "hard", *kept, *flags, "noatime", "nofail", "_netdev"], ""
    ends = ["noatime", "nofail", "x-systemd.device-timeout=10s"]
    if mount.file_system in WITHOUT_OWNERS:
        return [f"uid={SERVICE_USER}", f"gid={SERVICE_USER}", "umask=0027", *flags, *ends], ""
    kept = []
    if mount.file_system == "btrfs":
        kept = [option for option in mount.options if _name(option) in _KEPT_OF_BTRFS]
    return ["defaults", *kept, *flags, *ends], ""


def is_whole(mount: Mount) -> bool:
    """Whether a line of fstab(5) brings the same there; not so for a part of a file system."""
    if mount.is_network:
        return True
    whole = "/"
    if mount.file_system == "btrfs":
        whole = next((one[7:] for one in mount.options if one.startswith("subvol=")), "/")
    return mount.root == whole


def _of_smb(mount: Mount) -> tuple[list[str], str]:
    owner = [f"uid={SERVICE_USER}", f"gid={SERVICE_USER}", "file_mode=0640", "dir_mode=0750"]
    kept = _without(mount, _FOUND_BY_SMB)
    if "sec=none" in mount.options:  # for guests
        return [*owner, *kept], ""
    told = dict(option.partition("=")[::2] for option in mount.options)
    lines = f"username={told.get('username') or '…'} and password=…"
    if domain := told.get("domain"):
        lines = f"username={told.get('username') or '…'}, password=… and domain={domain}"
    note = f"{CREDENTIALS} (mode 0600) holds the lines {lines}"
    return [f"credentials={CREDENTIALS}", *owner, *kept], note


def _without(mount: Mount, left_out: frozenset[str]) -> list[str]:
    return [option for option in mount.options if _name(option) not in left_out | _OWN]


def _name(option: str) -> str:
    return option.partition("=")[0]
