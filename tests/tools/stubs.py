"""Generates the gRPC stubs, or checks that the committed ones are what would be generated."""

from __future__ import annotations

import argparse
import filecmp
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(path.relative_to(ROOT) for path in ROOT.glob("protos/ridgeline/v1/*.proto"))


def generate(out: Path) -> list[Path]:
    """Writes the stubs of every .proto file below `out`; returns their relative paths."""
    well_known = files("grpc_tools") / "_proto"
    arguments = [
        "protoc",
        f"--plugin=protoc-gen-mypy_grpc={Path(sys.executable).with_name('protoc-gen-mypy_grpc')}",
        f"--proto_path={ROOT}",
        f"--proto_path={well_known}",
        f"--python_out={out}",
        f"--pyi_out={out}",
        f"--grpc_python_out={out}",
        f"--mypy_grpc_out={out}",
        *(str(source) for source in SOURCES),
    ]
    if protoc.main(arguments) != 0:
        raise SystemExit("protoc failed")
    return sorted(path.relative_to(out) for path in out.glob("protos/**/*_pb2*"))


def stale() -> list[str]:
    """Committed stubs that differ from what the .proto files give."""
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch)
        fresh = generate(out)
        committed = sorted(p.relative_to(ROOT) for p in ROOT.glob("protos/**/*_pb2*.py*"))
        different = [
            str(path)
            for path in fresh
            if not (ROOT / path).exists() or not filecmp.cmp(out / path, ROOT / path, shallow=False)
        ]
        return different + [str(path) for path in committed if path not in fresh]


def main() -> int:
    """Exit status 1 when stubs are stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--write", action="store_true", help="write the stubs beside the protos")
    mode.add_argument("--check", action="store_true", help="fail when committed stubs are stale")
    if parser.parse_args().write:
        generate(ROOT)
        return 0
    if names := stale():
        print("stale stubs, run `make protos`:", *names, sep="\n  ", file=sys.stderr)
        return 1
    print(f"stubs of {len(SOURCES)} protos are fresh")
    return 0


if __name__ == "__main__":
    sys.exit(main())
