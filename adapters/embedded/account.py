"""The system account that a server runs under where it refuses to run as root."""

import os
import pwd
import stat
from pathlib import Path

from adapters.embedded.errors import EmbeddedServerError
from adapters.embedded.process import Account

PREFERRED = ("postgres", "nobody")
"""Accounts that systems have already; none is created."""


def unprivileged(folder: Path) -> Account | None:
    """The account to run on `folder` with: None for our own, unless we are root.

    A folder that somebody else owns already keeps its owner, so that data stays readable
    wherever the list of accounts changes.
    """
    if os.geteuid() != 0:
        return None
    if folder.exists() and folder.stat().st_uid != 0:
        found = folder.stat()
        return Account(found.st_uid, found.st_gid)
    for name in PREFERRED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise EmbeddedServerError(
        f"PostgreSQL refuses to run as root, and this system has none of the accounts "
        f"{', '.join(PREFERRED)}; create one, or run as an ordinary user"
    )


def let_through(path: Path) -> None:
    """Let other accounts pass through the folders above `path`, where root kept them out.

    Only the right to pass is given (`o+x`), not the right to list or to read.
    """
    for folder in path.absolute().parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)
