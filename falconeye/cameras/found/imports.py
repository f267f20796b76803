"""Cameras of other recorders' files, from the upload until somebody adds them.

Their logins are in memory alone, for an hour at most: what nobody adds leaves nothing behind, and
what is added is sealed with the data key like that of any camera. No view of this module holds one.
"""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Final

from falconeye.base.clock import Clock
from falconeye.base.errors import FalconEyeError, InvalidInput, NotFound
from falconeye.base.secret import Secret
from falconeye.base.times import MINUTE_US
from falconeye.cameras.found.importing import ADD, THERE, Planned, make_plan, new_camera
from falconeye.cameras.registry import CameraRegistry
from falconeye.cameras.views import Camera
from falconeye.discovery.candidates import Candidate, Candidates
from falconeye.discovery.evidence import Way
from falconeye.discovery.imports.found import evidence_of
from falconeye.discovery.imports.imported import (
    MAX_CAMERAS,
    ImportedCamera,
    ImportedFile,
    LeftOut,
)
from falconeye.discovery.imports.words import shown_key

KEPT_US: Final = 60 * MINUTE_US
MAX_FILES: Final = 8


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that could not be read, and why."""

    name: str
    words: str


@dataclass(frozen=True, slots=True)
class PlannedCamera:
    """What becomes of a camera; `id` is how it is named to `add`."""

    id: str
    planned: Planned

    @property
    def is_new(self) -> bool:
        return self.planned.action == ADD

    @property
    def is_asked(self) -> bool:
        """Whether it tells where its streams are only when it is added."""
        return self.is_new and self.planned.key is None


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """What becomes of a file's cameras, and what of it is not taken over."""

    name: str
    kind: str
    cameras: tuple[PlannedCamera, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def variables(self) -> tuple[str, ...]:
        """What the file only names, and its cameras need."""
        named = (name for one in self.cameras for name in one.planned.camera.variables)
        return tuple(sorted(set(named)))


@dataclass(slots=True)
class _Kept:
    """A file that was read; its bytes only while it names values that nobody has given."""

    imported: ImportedFile = field(repr=False)
    data: bytes = field(repr=False)
    variables: dict[str, Secret] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)  # keys of cameras that were added from here

    def judged(self, planned: Planned) -> Planned:
        """One that was added from here has no login here any more, whatever became of it."""
        if planned.camera.key not in self.taken:
            return planned
        return replace(planned, action=THERE, detail="added from this file")

    @property
    def lacks(self) -> set[str]:
        return {name for camera in self.imported.cameras for name in camera.variables}


class Imports:
    """Lives on the loop. Overflow policy: a ninth file, or a 257th camera, is refused."""

    def __init__(self, candidates: Candidates, cameras: CameraRegistry, clock: Clock) -> None:
        self._candidates = candidates
        self._cameras = cameras
        self._clock = clock
        self._node_name = ""
        self._files: dict[str, _Kept] = {}
        self._found: dict[str, str] = {}  # the key of a new camera's evidence, and its id
        self._reading = asyncio.Lock()  # a file may take a second of a core
        self._end: asyncio.TimerHandle | None = None

    async def read(self, files: Mapping[str, bytes], node_name: str) -> list[Refused]:
        """Read files, by their names; a file takes the place of an earlier one of its name.

        What is new shows up among the found cameras. Answers those that cannot be read.
        """
        refused = []
        self._node_name = node_name
        async with self._reading:
            for path, data in files.items():
                name = shown_key(PurePosixPath(path.replace("\\", "/")).name) or "file"
                try:
                    imported = await asyncio.to_thread(_read, name, data)
                    self._require_room(name, imported)
                except InvalidInput as error:
                    refused.append(Refused(name, str(error)))
                    continue
                kept = _Kept(imported, data)
                kept.data = data if kept.lacks else b""
                self._files[name] = kept
        self._show()
        return refused

    async def fill(self, name: str, values: Mapping[str, Secret]) -> None:
        """Give values that a file only names; NotFound, InvalidInput for what it does not name."""
        async with self._reading:
            kept = self._file(name)
            if unknown := sorted(set(values) - kept.lacks):
                msg = f"{name} does not name {', '.join(map(shown_key, unknown))}"
                raise InvalidInput(msg)
            given = kept.variables | dict(values)
            words = {each: value.reveal() for each, value in given.items()}
            imported = await asyncio.to_thread(_read, name, kept.data, words)
            filled = _Kept(imported, kept.data, given, kept.taken)
            if not filled.lacks:
                filled.data, filled.variables = b"", {}
            if self._files.get(name) is kept:  # nobody has forgotten it meanwhile
                self._files[name] = filled
        self._show()

    def plan(self) -> list[PlannedFile]:
        """What becomes of all, as the cameras are now; nothing is changed."""
        configs = [camera.config for camera in self._cameras.list()]
        elsewhere: dict[str, str] = {}
        planned = []
        for name, kept in self._files.items():
            plan = make_plan(
                kept.imported,
                configs,
                node_name=self._node_name,
                now_us=self._clock.utc_us(),
                start=False,
                asks=True,
                elsewhere=elsewhere,
            )
            judged = [kept.judged(one) for one in plan.planned]
            mine = tuple(PlannedCamera(_id(name, one.camera), one) for one in judged)
            for one in judged:
                if one.action == ADD and one.key is not None:
                    elsewhere[one.key] = f"as “{one.camera.name}” in {name}"
            planned.append(
                PlannedFile(name, kept.imported.kind.value, mine, kept.imported.left_out)
            )
        return planned

    def id_of(self, candidate: Candidate) -> str | None:
        """By which a found camera is added as its file has it; None where no file does."""
        keys = (one.key for one in candidate.evidence if one.way is Way.IMPORT)
        return next((self._found[key] for key in keys if key in self._found), None)

    async def add(self, camera_id: str, *, start: bool) -> Camera:
        """Add one, started if `start` and it ran there. NotFound, and what `registry.add` has."""
        for name, kept in self._files.items():
            for camera in kept.imported.cameras:
                if _id(name, camera) != camera_id:
                    continue
                if camera.missing:
                    raise InvalidInput("; ".join(camera.missing))
                added = await self._cameras.add(new_camera(camera, start=start))
                self._took(name, camera)
                return added
        raise NotFound("this camera is not among the imported ones any more: read its file again")

    async def add_all(
        self, *, start: bool, ids: Sequence[str] | None = None
    ) -> tuple[list[Camera], list[Refused]]:
        """Add those of `ids`, else all that are new; those that could not be, and why.

        Cameras that have to be asked for their streams are added by name only: each may take long.
        """
        cameras = {one.id: one for file in self.plan() for one in file.cameras}
        if ids is None:
            ids = [one.id for one in cameras.values() if one.is_new and not one.is_asked]
        added, refused = [], []
        for camera_id in dict.fromkeys(ids):
            try:
                added.append(await self.add(camera_id, start=start))
            except FalconEyeError as error:
                known = cameras.get(camera_id)
                name = known.planned.camera.name if known else camera_id
                refused.append(Refused(name, str(error)))
        return added, refused

    def forget(self) -> None:
        """Nobody wants them, or it was an hour ago."""
        if self._end is not None:
            self._end.cancel()
            self._end = None
        self._files.clear()
        self._found.clear()
        self._candidates.drop(Way.IMPORT)

    def _file(self, name: str) -> _Kept:
        kept = self._files.get(name)
        if kept is None:
            raise NotFound("this file is not among the imported ones any more: read it again")
        return kept

    def _require_room(self, name: str, imported: ImportedFile) -> None:
        others = {key: one for key, one in self._files.items() if key != name}
        if len(others) >= MAX_FILES:
            raise InvalidInput(f"{MAX_FILES} files are read already: add or drop these first")
        cameras = sum(len(one.imported.cameras) for one in others.values())
        if cameras + len(imported.cameras) > MAX_CAMERAS:
            msg = f"with this file there are more than {MAX_CAMERAS} cameras: add the others first"
            raise InvalidInput(msg)

    def _show(self) -> None:
        """Among the found cameras are those that are new, and those that lack something."""
        self._found.clear()
        now_us, shown = self._clock.utc_us(), {}
        for one in [one for file in self.plan() for one in file.cameras]:
            camera = one.planned.camera
            if one.is_new or (camera.missing and camera.source_url):
                evidence = evidence_of(camera, now_us)
                shown[evidence.key] = evidence
                if one.is_new:
                    self._found[evidence.key] = one.id
        self._candidates.drop(Way.IMPORT, lambda evidence: evidence.key not in shown)
        for evidence in shown.values():
            _ = self._candidates.note(evidence)
        if self._end is not None:
            self._end.cancel()
        self._end = asyncio.get_running_loop().call_later(KEPT_US / 1e6, self.forget)

    def _took(self, name: str, camera: ImportedCamera) -> None:
        """It is a camera of this system: its login is there now, and not here."""
        kept = self._files.get(name)
        if kept is not None:
            without = replace(camera, username=None, password=None)
            cameras = [without if one.key == camera.key else one for one in kept.imported.cameras]
            kept.imported = replace(kept.imported, cameras=tuple(cameras))
            kept.taken.add(camera.key)
        key = evidence_of(camera, 0).key
        _ = self._found.pop(key, None)
        self._candidates.gone(Way.IMPORT, key)


def _id(name: str, camera: ImportedCamera) -> str:
    return hashlib.sha256(f"{name}\n{camera.key}".encode()).hexdigest()[:16]


def _read(name: str, data: bytes, variables: Mapping[str, str] | None = None) -> ImportedFile:
    """`read_import`, with what knows the forms of files, which few nodes ever need: in a thread."""
    from falconeye.discovery.imports.reading import read_import  # noqa: PLC0415

    return read_import(name, data, variables)
