"""Who may write into a run directory: one process, in it one run, and of that run one thread at a time."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

from iotjobs.errors import InvalidInput, RecordError, Refused
from iotjobs.run import files

#: What a run holds while it is at work, and what `iotjobs run` does around it.
NAMES = (".lock", ".lock-runner")
_OWNER = ".owner"
_locks: dict[Path, DirectoryLock] = {}
_locks_guard = threading.Lock()


class DirectoryLock:
    """The lock of one directory, shared by all of this process.

    ``unlocked_because``: why other processes cannot be kept out here, empty where they can. ``soft``: only a lock
    file keeps them out, which a killed run leaves behind.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = threading.RLock()
        self._process: BaseFileLock | None = None
        self._owner: str | None = None
        self.unlocked_because = ""

    @staticmethod
    def of(path: Path) -> DirectoryLock:
        """The lock of a directory (a resolved path)."""
        with _locks_guard:
            return _locks.setdefault(path, DirectoryLock(path))

    @property
    def soft(self) -> bool:
        """Whether a lock file stands in for a lock."""
        return isinstance(self._process, SoftFileLock)

    @property
    def busy(self) -> bool:
        """Whether another thread of this process is at work in the directory."""
        if self._thread.acquire(blocking=False):
            self._thread.release()
            return False
        return True

    def take(self, *, patience_s: float = 0.0) -> str:
        """Make somebody the owner, and keep other processes out until `leave`; the token that shows who owns it.

        An earlier owner in this process loses it, if nothing of it is at work. Raises Refused, InvalidInput, and
        RecordError where nothing can be written.
        """
        token = secrets.token_hex(16)
        with self._this_thread():
            taken_anew = self._owner is None
            if taken_anew:
                self._keep_others_out(patience_s)
            self._owner = token
            try:
                with files.replacing(self._path / _OWNER) as file:
                    file.write(token.encode())
            except OSError as error:
                if taken_anew:
                    self._let_others_in()
                raise RecordError(
                    f"the run directory {self._path} cannot be written: {error.strerror or error}; make room there or "
                    "give another run_dir, then run again: nothing was done"
                ) from error
        return token

    def leave(self, token: str) -> None:
        """Let others in, unless somebody else took it over meanwhile."""
        with self._this_thread():
            if self._owner == token:
                self._let_others_in()

    @contextmanager
    def at_work(self, token: str, *, needs_lock: bool) -> Iterator[None]:
        """Keep every other thread and process out while it lasts; again and again in the same thread.

        Raises Refused when another is at work there, or has been since the owner let it go; nothing was touched then.
        """
        with self._this_thread():
            taken_again = self._owner is None
            if taken_again:
                self._keep_others_out(0.0)
                self._owner = token
            try:
                self._require_owner(token)
                if needs_lock and self.unlocked_because:
                    raise Refused(
                        f"nothing is deleted from {self._path}: {self.unlocked_because}, so another run could be at "
                        "work there unseen; give a run_dir on another file system"
                    )
                yield
            finally:
                if taken_again:
                    self._let_others_in()

    def _require_owner(self, token: str) -> None:
        try:
            on_disk = files.read_own(self._path / _OWNER).decode()
        except (OSError, ValueError):
            on_disk = ""
        if self._owner != token or on_disk != token:
            raise Refused(
                f"another run was at work in {self._path} since this one began: nothing was changed; run the notebook "
                "again from its top"
            )

    @contextmanager
    def _this_thread(self) -> Iterator[None]:
        if not self._thread.acquire(blocking=False):
            raise Refused(
                f"this notebook is at work in {self._path} already, in a panel: wait for it to end, or press its Stop; "
                "nothing was changed"
            )
        try:
            yield
        finally:
            self._thread.release()

    def _keep_others_out(self, patience_s: float) -> None:
        self._process, self.unlocked_because = locked(self._path, NAMES[0], patience_s=patience_s)

    def _let_others_in(self) -> None:
        if self._process is not None:
            self._process.release()
        self._process, self._owner = None, None


def locked(path: Path, name: str, *, patience_s: float = 0.0) -> tuple[BaseFileLock | None, str]:
    """A lock in a directory that no other process holds, or why there can be none here.

    Where the file system has no locks a lock file stands in for one. Raises Refused when another process holds it for
    longer than ``patience_s``, InvalidInput when the directory cannot be written.
    """
    why = ""
    kinds: tuple[tuple[type[BaseFileLock], str], ...] = ((FileLock, name), (SoftFileLock, f"{name}-file"))
    for kind, file_name in kinds:
        lock = kind(path / file_name, mode=0o600, thread_local=False)
        try:
            lock.acquire(timeout=patience_s)
        except Timeout as error:
            raise Refused(
                f"another run is at work in {path}: wait for it to end, or give another run_dir; nothing was changed"
                + (f" (if none is, remove {file_name} there)" if kind is SoftFileLock else "")
            ) from error
        except OSError as error:
            if error.errno not in files.CANNOT:
                raise InvalidInput(f"run_dir {str(path)!r} cannot be written: {error}") from error
            why = f"its file system has no locks ({error.strerror})"
        else:
            return lock, ""
    return None, why
