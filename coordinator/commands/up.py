"""``ridgeline up``."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import click

from coordinator.commands.connection import server_config
from coordinator.commands.output import json_flag
from coordinator.node import load_config, serve


@click.command("up")
@server_config
@click.option("--address", help="To listen on, HOST:PORT; port 0 takes a free one.")
@click.option("--store-url", help="SQLAlchemy URL of the gallery.")
@click.option("--executor", type=click.Choice(["ray", "inprocess"]), help="What runs the work.")
@click.option("--ray-address", help="A running Ray cluster, such as auto or HOST:6379.")
@click.option("--shards", type=click.IntRange(0), help="Shard workers; 0 makes one for each CPU.")
@click.option("--replicas", type=click.IntRange(1), help="Shards that hold each partition.")
@click.option("--extractors", type=click.IntRange(1), help="Extraction workers.")
@click.option("--backend", help="Matching backend: auto, numpy, cupy or reference.")
@click.option("--reflection/--no-reflection", default=None, help="Describe services to clients.")
@json_flag
def command(config_file: Path, as_json: bool, **given: Any) -> None:
    """Start a coordinator with its cluster and serve until interrupted.

    Options override the configuration file, which ``ridgeline certificates`` writes for a
    first try. Prints the address once searches can be answered.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    overrides = {_SETTINGS[name]: value for name, value in given.items() if value is not None}
    config = load_config(config_file, overrides)

    def ready(address: str) -> None:
        click.echo(json.dumps({"address": address}) if as_json else f"serving on {address}")

    asyncio.run(serve(config, ready))


_SETTINGS = {
    "address": "server.address",
    "store_url": "store.url",
    "executor": "cluster.executor",
    "ray_address": "cluster.ray_address",
    "shards": "cluster.shards",
    "replicas": "cluster.replicas",
    "extractors": "cluster.extractors",
    "backend": "cluster.backend",
    "reflection": "server.reflection",
}
