"""Confine the processes that run handed-in answers: namespaces, another user, limits.

A worker calls `enter` once, before it imports anything large, and gets the list of what holds:

1. network: a network namespace of its own, without any interface;
2. files: a mount namespace in which the disk is read-only and some folders are empty;
3. processes: each child is the first process of a PID namespace, so nothing outlives it;
4. user: each child runs as a user without rights, with an empty environment.

Linux only, and root or unprivileged user namespaces are needed. What the system refuses is named in
the results; limits on time, memory, files and processes hold on every POSIX system.
"""

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

NEW_FILES, NEW_IPC, NEW_USER = 0x00020000, 0x08000000, 0x10000000
NEW_PROCESSES, NEW_NETWORK = 0x20000000, 0x40000000
READ_ONLY, REMOUNT, BIND, RECURSIVE, PRIVATE = 1, 32, 4096, 16384, 1 << 18
PARENT_DEATH_SIGNAL, NO_NEW_PRIVILEGES = 1, 38
NOBODY = 65534
PARTS = ("network", "files", "processes", "user")
"""What a system may refuse; each is named in the results if it does."""


class Limits(NamedTuple):
    """What one child may use."""

    cpu_seconds: int
    """CPU time."""
    memory: int = 2 << 30
    """Bytes of address space, besides what the worker has mapped already."""
    file_size: int = 16 << 20
    """Bytes of the largest file that it writes."""
    open_files: int = 256
    """Open files."""
    processes: int = 64
    """Processes and threads of its user."""


class Confinement:
    """What holds for the children of this process."""

    def __init__(self, holds: set[str], origin: int | None):
        self.holds, self._origin = holds, origin

    @property
    def missing(self) -> list[str]:
        """What the system refused."""
        return [part for part in PARTS if part not in self.holds]

    def fork(self) -> int:
        """Fork, into a PID namespace of its own where that is possible."""
        if self._origin is not None:
            _call("unshare", NEW_PROCESSES)
        try:
            return os.fork()
        finally:
            if self._origin is not None and os.getpid() != 1:
                _call("setns", self._origin, NEW_PROCESSES)

    def seal(self, folder: Path) -> None:
        """Make a folder read-only that had to be written to until now."""
        if "files" in self.holds:
            with contextlib.suppress(OSError):  # part of a disk that is read-only already
                _mount(None, folder.resolve(), None, REMOUNT | BIND | READ_ONLY)

    def drop(self, limits: Limits, pipe: int) -> None:
        """Give up every right in a child, and set its limits; it ends when its parent does.

        pipe: the only open file that it keeps, besides an empty input and output.
        """
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        os.closerange(3, pipe)
        os.closerange(pipe + 1, max(os.sysconf("SC_OPEN_MAX"), 4096))
        _limit(limits)
        keep = {
            name: os.environ[name]
            for name in ("TMPDIR", "MI_CACHE", "MI_GRADE_DEBUG")
            if name in os.environ
        }
        os.environ.clear()
        os.environ.update(keep, PATH="/usr/bin:/bin", LANG="C.UTF-8", OMP_NUM_THREADS="1")
        if "user" in self.holds:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
        if sys.platform == "linux":
            _call("prctl", NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        end_with_parent()


def enter(hidden: Sequence[Path], kept: Sequence[Path], scratch: Path) -> Confinement:
    """Put this process, which has one thread, into namespaces of its own.

    hidden: folders that become empty, except for the kept ones in them; the first kept one can be
    written to until `seal`. scratch: a folder that becomes an empty one of 256 MB in memory, for
    temporary files.
    """
    if sys.platform != "linux":
        return Confinement(set(), None)
    end_with_parent()
    holds = {"user"} if os.getuid() == 0 else set()
    if not holds:
        with contextlib.suppress(OSError):
            _become_root_of_a_namespace()
    with contextlib.suppress(OSError):
        _call("unshare", NEW_NETWORK | NEW_IPC)
        holds.add("network")
    with contextlib.suppress(OSError):
        _call("unshare", NEW_FILES)
        _mount(None, Path("/"), None, RECURSIVE | PRIVATE)
        _hide([*hidden, *_closed(kept)], kept, scratch)
        _make_read_only(kept[:1], scratch)
        holds.add("files")
    origin = _own_processes()
    return Confinement(holds | ({"processes"} if origin is not None else set()), origin)


def end_with_parent() -> None:
    """Let the system end this process when its parent ends; Linux only."""
    if sys.platform == "linux":
        _call("prctl", PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)


def _own_processes() -> int | None:
    """Open this PID namespace, if one can leave it for each child and return; tried in a child."""
    with contextlib.suppress(OSError):
        origin = os.open("/proc/self/ns/pid", os.O_RDONLY)
        pid = os.fork()
        if pid == 0:
            code = 1
            with contextlib.suppress(OSError):
                _call("unshare", NEW_PROCESSES)
                _call("setns", origin, NEW_PROCESSES)
                code = 0
            os._exit(code)
        if os.waitpid(pid, 0)[1] == 0:
            return origin
        os.close(origin)
    return None


def _become_root_of_a_namespace() -> None:
    """Map this user to root in a user namespace, which may then create the others."""
    user, group = os.getuid(), os.getgid()
    _call("unshare", NEW_USER)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {user} 1")
    Path("/proc/self/gid_map").write_text(f"0 {group} 1")


def _closed(kept: Sequence[Path]) -> list[Path]:
    """List the folders above the kept ones that another user cannot pass."""
    found = []
    for path in kept:
        above = reversed(path.resolve().parents)
        found += [one for one in above if one.is_dir() and not one.stat().st_mode & 0o001][:1]
    return found


def _hide(hidden: Sequence[Path], kept: Sequence[Path], scratch: Path) -> None:
    """Cover folders by empty ones, and bind the kept folders back into them."""
    holding = scratch / "holding"
    folders = [path.resolve() for path in hidden if path.is_dir() and path.resolve() != Path("/")]
    outer = [
        one for one in folders if not any(one != two and two in one.parents for two in folders)
    ]
    paths = [path.resolve() for path in [*kept, scratch] if path.exists()]
    inside = [path for path in paths if any(one in path.parents for one in outer)]
    inside = [one for one in inside if not any(two in one.parents for two in inside)]
    spots = [holding / str(place) for place in range(len(inside))]
    holding.mkdir()
    _mount("none", holding, "tmpfs", 0)
    for path, spot in zip(inside, spots, strict=True):
        spot.mkdir()
        _mount(str(path), spot, None, BIND | RECURSIVE)
    held = os.open(holding, os.O_RDONLY)  # reachable even after the folder around it is covered
    for folder in outer:
        _mount("none", folder, "tmpfs", 0, "mode=755")
    for path, spot in zip(inside, spots, strict=True):
        path.mkdir(parents=True, exist_ok=True)
        _mount(f"/proc/self/fd/{held}/{spot.name}", path, None, BIND | RECURSIVE)
    os.close(held)
    for path in [path for path in paths[:1] if path not in inside]:
        _mount(str(path), path, None, BIND | RECURSIVE)  # so that it can be sealed alone
    _mount("none", scratch, "tmpfs", 0, "mode=1777,size=256m")


def _make_read_only(writable: Sequence[Path], scratch: Path) -> None:
    """Make every mounted disk read-only but these folders; some kinds refuse, and stay."""
    left_out = {str(path.resolve()) for path in [*writable, scratch]}
    mounts = Path("/proc/self/mounts").read_text().splitlines()
    points = [line.split()[1].encode().decode("unicode_escape") for line in mounts]
    for point in dict.fromkeys(points):
        if point in left_out or point.startswith(("/proc", "/sys", "/dev/pts")):
            continue
        with contextlib.suppress(OSError):
            _mount(None, Path(point), None, REMOUNT | BIND | READ_ONLY)


def _limit(limits: Limits) -> None:
    import resource

    mapped = 0
    with contextlib.suppress(OSError, ValueError):
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        mapped = pages * os.sysconf("SC_PAGE_SIZE")
    seconds = limits.cpu_seconds
    values = {
        resource.RLIMIT_CPU: (seconds, seconds + 2),
        resource.RLIMIT_FSIZE: (limits.file_size, limits.file_size),
        resource.RLIMIT_CORE: (0, 0),
        resource.RLIMIT_NOFILE: (limits.open_files, limits.open_files),
        resource.RLIMIT_NPROC: (limits.processes, limits.processes),
    }
    if mapped:
        values[resource.RLIMIT_AS] = (mapped + limits.memory, mapped + limits.memory)
    for name, (soft, hard) in values.items():
        highest = resource.getrlimit(name)[1]
        if highest != resource.RLIM_INFINITY:
            soft, hard = min(soft, highest), min(hard, highest)
        with contextlib.suppress(ValueError, OSError):  # macOS knows some of them in name only
            resource.setrlimit(name, (soft, hard))


def _mount(source: str | None, target: Path, kind: str | None, flags: int, data: str = "") -> None:
    words = [text.encode() if text else None for text in (source, str(target), kind, data)]
    _call("mount", words[0], words[1], words[2], flags, words[3])


def _call(name: str, *arguments: int | bytes | None) -> None:
    """Call a function of the C library.

    Raises: OSError with the system's reason when it returns -1.
    """
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, name)(*arguments) == -1:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")
