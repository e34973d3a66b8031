"""A scratch PostgreSQL server for tests, from the programs that the distribution installs."""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

WAIT_S = 60
"""For the server to start or to stop."""


class PostgresMissingError(Exception):
    """There is no PostgreSQL to start; says why."""


class PostgresServer:
    """A running server, reached over a socket in its own folder; all that it holds is scratch."""

    def __init__(self, folder: Path) -> None:
        self._names = (f"test_{number}" for number in itertools.count(1))
        self._url = f"postgresql+psycopg://postgres@/postgres?host={folder}"
        self._admin = sa.create_engine(self._url)

    def new_database(self) -> str:
        """URL of an empty place of its own: a schema, which is made faster than a database."""
        name = next(self._names)
        with self._admin.begin() as connection:
            connection.execute(sa.text(f"CREATE SCHEMA {name}"))
        return f"{self._url}&options=-csearch_path%3D{name}"

    def close(self) -> None:
        """Closes connections."""
        self._admin.dispose()


@contextlib.contextmanager
def running_server(*, durable: bool) -> Iterator[PostgresServer]:
    """A server in a temporary folder, stopped and deleted at the end.

    Args:
        durable: sync at every commit, as in use; tests that crash nothing need not.

    Raises:
        PostgresMissingError: where it is not installed.
    """
    programs, user = _programs(), _unprivileged()
    folder = Path(tempfile.mkdtemp(prefix="ridgeline-pg-"))
    try:
        if user is not None:
            os.chown(folder, user.pw_uid, user.pw_gid)

        def call(program: str, *arguments: str) -> None:
            command = [str(programs / program), "-D", str(folder / "data"), *arguments]
            with (folder / "setup.log").open("a") as log:
                # The server inherits the log: a pipe would never end.
                done = subprocess.run(
                    command,
                    stdout=log,
                    stderr=log,
                    cwd=folder,
                    check=False,
                    user=None if user is None else user.pw_uid,
                    group=None if user is None else user.pw_gid,
                    extra_groups=None if user is None else [],
                )
            if done.returncode:
                raise RuntimeError(f"{program} failed:\n{(folder / 'setup.log').read_text()}")

        call("initdb", "--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8")
        sync = "on" if durable else "off"
        options = f"-k {folder} -c listen_addresses='' -c fsync={sync} -c full_page_writes={sync}"
        call("pg_ctl", "-w", "-t", str(WAIT_S), "-o", options, "start")
        server = PostgresServer(folder)
        try:
            yield server
        finally:
            server.close()
            call("pg_ctl", "-w", "-t", str(WAIT_S), "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


def _programs() -> Path:
    """Folder of the server's programs: Debian keeps those of each version apart."""
    found = [Path(p).parent for p in [shutil.which("initdb")] if p]
    if pg_config := shutil.which("pg_config"):
        said = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True, check=True)
        found.append(Path(said.stdout.strip()))
    versions = Path("/usr/lib/postgresql").glob("*/bin")
    found += sorted(versions, key=lambda folder: int(folder.parent.name), reverse=True)
    for folder in found:
        if all((folder.resolve() / name).exists() for name in ("initdb", "pg_ctl", "postgres")):
            return folder
    raise PostgresMissingError("PostgreSQL is not installed (apt-get install postgresql)")


def _unprivileged() -> pwd.struct_passwd | None:
    """Whom to run the server as, which refuses to be root; None for whoever we are."""
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise PostgresMissingError("PostgreSQL does not run as root, and there is no user for it")
