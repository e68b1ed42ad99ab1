"""The walls around untrusted code: a bubblewrap command, and whether it works on this machine.

Inside there is no network, no home, no file but the interpreter's own and those named, and everything is read-only.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
SETTINGS = ("/etc/ld.so.cache", "/etc/fonts", "/etc/localtime", "/etc/mime.types")
HOLDER = ("/bin/sh", "-c", "echo; exec cat")  # says that it is there, then waits until its input is closed
_SECONDS = 20


class SandboxMissingError(RuntimeError):
    """There are no walls to be had here. The message is one line that says what to install or to change."""


def command(paths: Iterable[str] = (), info: int | None = None) -> list[str]:
    """Return the bubblewrap command, up to the program that it is to start.

    Parameters
    ----------
    paths : iterable of str
        Files and directories that are visible inside, at the same place, besides the interpreter's own.
    info : int, optional
        Descriptor to which bubblewrap writes the number of the first process inside.
    """
    bubblewrap = shutil.which("bwrap")
    if bubblewrap is None:
        raise SandboxMissingError("bubblewrap is missing: install it, for example with `apt install bubblewrap`")
    parts = [bubblewrap, "--unshare-all", "--unshare-user", "--uid", "1000", "--gid", "1000", "--hostname", "sandbox"]
    parts += ["--die-with-parent", "--new-session", "--clearenv", *_system(), *_settings()]
    parts += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]
    for path in _outermost([sys.base_prefix, sys.prefix, *map(str, paths)]):
        parts += ["--ro-bind", path, path]
    # A directory on the way to one that is visible would otherwise take files; as root, so would /proc/sys.
    for path in ("/dev", "/proc", "/"):
        parts += ["--remount-ro", path]
    return parts + (["--info-fd", str(info)] if info is not None else [])


def _system() -> list[str]:
    parts = []
    for path in map(Path, SYSTEM):
        if path.is_symlink():
            parts += ["--symlink", os.readlink(path), str(path)]
        elif path.is_dir():
            parts += ["--ro-bind", str(path), str(path)]
    return parts


def _settings() -> list[str]:
    return [part for path in SETTINGS if Path(path).exists() for part in ("--ro-bind", path, path)]


def _outermost(paths: list[str]) -> list[str]:
    """Return absolute paths without those that lie in another one, or in the system's part."""
    found = {os.path.abspath(path) for path in paths}
    for path in found:
        if path in ("/", "/tmp", "/proc", "/dev") or path == str(Path.home()):
            raise ValueError(f"{path} can't be made visible in a sandbox: too much lies in it")
    parents = found | {path for path in SYSTEM if not Path(path).is_symlink()}
    return sorted(path for path in found if not any(_lies_in(path, parent) for parent in parents))


def _lies_in(path: str, parent: str) -> bool:
    return path.startswith(f"{parent}/")


@cache
def require() -> None:
    """Try a sandbox, once a process.

    Raises
    ------
    SandboxMissingError
        If there is no bubblewrap, or it may not make namespaces.
    """
    try:
        done = subprocess.run(
            [*command(), "/bin/sh", "-c", "exit 0"], env={}, capture_output=True, text=True, timeout=_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SandboxMissingError(f"bubblewrap doesn't run here: {error}") from error
    if done.returncode:
        raise SandboxMissingError(_diagnosis(done.stderr))


def _diagnosis(said: str) -> str:
    line = " ".join(said.split())[:300] or "it gave no reason"
    hint = _hint()
    return f"bubblewrap can't make a sandbox here ({line}): {hint}"


def _hint() -> str:
    if _setting("kernel/apparmor_restrict_unprivileged_userns") == "1":
        return "AppArmor blocks user namespaces; allow them to bwrap (`apparmor-profiles`, bwrap-userns-restrict)"
    if _setting("kernel/unprivileged_userns_clone") == "0":
        return "allow user namespaces with `sysctl kernel.unprivileged_userns_clone=1`"
    if _setting("user/max_user_namespaces") == "0":
        return "allow user namespaces with `sysctl user.max_user_namespaces=10000`"
    return "user namespaces seem to be blocked; a container must be started so that it may make them and mount in them"


def _setting(name: str) -> str:
    try:
        return Path("/proc/sys", name).read_text(encoding="ascii").strip()
    except OSError:
        return ""
