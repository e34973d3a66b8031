"""What the README tells a newcomer to type works."""

from __future__ import annotations

import asyncio
import re
import shlex
from pathlib import Path

import click
import pytest

from coordinator.commands import cli, run
from coordinator.node import load_config, running_node
from tests.bookings import booking

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def commands() -> list[list[str]]:
    text = "\n".join(blocks("console")).replace("\\\n", " ")
    lines = re.findall(r"^\$ (.*)$", text, re.MULTILINE)
    words = [shlex.split(line, comments=True) for line in lines if "<" not in line]
    return [line for line in words if line]


def test_its_commands_exist() -> None:
    own = [words[1:] for words in commands() if words[0] == "ridgeline"]
    assert len(own) > 8
    for words in own:
        command: click.Command | None = cli
        while isinstance(command, click.Group):
            command = command.get_command(click.Context(command), words.pop(0))
        assert command is not None
        names = {name for parameter in command.params for name in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= names


def test_its_make_targets_exist() -> None:
    targets = {words[1] for words in commands() if words[0] == "make"}
    assert {"demo", "test", "test-all"} <= targets
    for target in targets:
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_its_links_lead_somewhere() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / link).exists(), link


def test_its_client_finds_who_is_enrolled(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (snippet,) = blocks("python")
    assert run(cli, ["certificates", "trial"]) == 0
    Path("booking.an2").write_bytes(booking(session=0))
    settings = {"server.address": "localhost:0", "cluster.executor": "inprocess"}

    async def serve() -> None:
        async with running_node(load_config(Path("trial/server.toml"), settings)) as node:
            options = ["--config", "trial/client.toml", "--address", node.address]
            enrolled = ["enroll", "booking.an2", "--subject", "A-1", *options]
            assert await asyncio.to_thread(run, cli, enrolled) == 0
            code = compile(snippet.replace("localhost:50051", node.address), "README.md", "exec")
            capsys.readouterr()
            await asyncio.to_thread(exec, code, {})

    asyncio.run(serve())
    rank, subject, score = capsys.readouterr().out.split()
    assert (rank, subject) == ("1", "A-1")
    assert float(score) > 0
