"""NVIDIA's compilers as they come in wheels: no driver, no CUDA installation, no GPU.

The optional dependencies `kernels` hold them.
"""

from __future__ import annotations

import ctypes
import importlib.util
import re
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from workers.matching import kernels

ARCHITECTURES = ("sm_80", "sm_90", "sm_100")
"""A100, H100 and B200."""


class ToolchainMissingError(RuntimeError):
    """The wheels of the optional dependencies `kernels` are not installed."""


class CompilationError(RuntimeError):
    """NVRTC or ptxas refused a source; the message is theirs."""


@dataclass(frozen=True, slots=True)
class Resources:
    """What ptxas says about one kernel.

    Attributes:
        registers: of a thread.
        shared: static shared memory of a block, bytes.
        stack: of a thread, bytes.
        spills: bytes stored to and loaded from it because registers ran out.
    """

    registers: int
    shared: int
    stack: int
    spills: int


def find(pattern: str) -> Path:
    """A file in the `nvidia` packages, such as ``"**/ptxas"``."""
    spec = importlib.util.find_spec("nvidia")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    found = [path for folder in folders for path in sorted(Path(folder).glob(pattern))]
    if not found:
        raise ToolchainMissingError(f"{pattern} is not installed: pip install -e '.[kernels]'")
    return found[0]


@cache
def _nvrtc() -> ctypes.CDLL:
    path = find("cuda_nvrtc/lib/libnvrtc.so.*")
    return ctypes.CDLL(str(path))


def ptx(source_name: str, architecture: str) -> str:
    """PTX of one of our sources."""
    return _compiled(source_name, architecture)["PTX"].decode().rstrip("\0")


def cubin(source_name: str, architecture: str) -> bytes:
    """Machine code of one of our sources, an ELF file."""
    return _compiled(source_name, architecture)["CUBIN"]


@cache
def _compiled(source_name: str, architecture: str) -> dict[str, bytes]:
    """PTX and machine code; NVRTC makes both for a real architecture."""
    nvrtc = _nvrtc()
    program = ctypes.c_void_p()
    text = kernels.source(source_name).encode()
    _check(
        nvrtc.nvrtcCreateProgram(ctypes.byref(program), text, source_name.encode(), 0, None, None)
    )
    try:
        options = [o.encode() for o in (*kernels.options(), f"--gpu-architecture={architecture}")]
        array = (ctypes.c_char_p * len(options))(*options)
        if nvrtc.nvrtcCompileProgram(program, len(options), array) != 0:
            raise CompilationError(_result(nvrtc, program, "ProgramLog").decode())
        return {form: _result(nvrtc, program, form) for form in ("PTX", "CUBIN")}
    finally:
        nvrtc.nvrtcDestroyProgram(ctypes.byref(program))


def _result(nvrtc: ctypes.CDLL, program: ctypes.c_void_p, what: str) -> bytes:
    size = ctypes.c_size_t()
    _check(getattr(nvrtc, f"nvrtcGet{what}Size")(program, ctypes.byref(size)))
    buffer = ctypes.create_string_buffer(size.value)
    _check(getattr(nvrtc, f"nvrtcGet{what}")(program, buffer))
    return buffer.raw


def _check(code: int) -> None:
    if code != 0:
        raise CompilationError(f"NVRTC failed with code {code}")


@cache
def resources(source_name: str, architecture: str) -> dict[str, Resources]:
    """Registers, memory and spills of every kernel of a source, from ``ptxas -v``."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "kernel.ptx")
        path.write_text(ptx(source_name, architecture))
        ran = subprocess.run(
            [find("cuda_nvcc/bin/ptxas"), "-v", f"-arch={architecture}", path, "-o", "/dev/null"],
            capture_output=True,
            text=True,
            check=False,
        )
    if ran.returncode != 0:
        raise CompilationError(ran.stderr)
    return parsed(ran.stderr)


def parsed(report: str) -> dict[str, Resources]:
    """What ``ptxas -v`` reported, by kernel."""
    found = {}
    for part in report.split("Compiling entry function '")[1:]:
        name = part.partition("'")[0]
        found[name] = Resources(
            registers=_number(r"Used (\d+) registers", part),
            shared=_number(r"(\d+) bytes smem", part, default=0),
            stack=_number(r"(\d+) bytes stack frame", part),
            spills=_number(r"(\d+) bytes spill stores", part)
            + _number(r"(\d+) bytes spill loads", part),
        )
    return found


def _number(pattern: str, text: str, default: int | None = None) -> int:
    found = re.search(pattern, text)
    if found is None:
        if default is None:
            raise CompilationError(f"no {pattern!r} in the report of ptxas")
        return default
    return int(found.group(1))


@cache
def instructions(source_name: str, architecture: str) -> dict[str, tuple[str, ...]]:
    """Disassembly of every kernel of a source, one instruction a line, addresses kept."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "kernel.cubin")
        path.write_bytes(cubin(source_name, architecture))
        ran = subprocess.run(
            [find("**/bin/nvdisasm"), "-c", path], capture_output=True, text=True, check=False
        )
    if ran.returncode != 0:
        raise CompilationError(ran.stderr)
    found = {}
    for part in re.split(r"\.section\s+\.text\.", ran.stdout)[1:]:
        name = re.split(r"[,\s]", part, maxsplit=1)[0]
        found[name] = tuple(
            line.strip()
            for line in part.splitlines()
            if re.match(r"\s*(/\*[0-9a-f]{4,}\*/|\.L_)", line)
        )
    return found


def hot_loop(lines: tuple[str, ...]) -> tuple[str, ...]:
    """The innermost loop with the most tensor-core products, from its label to its branch back."""
    found = loops(lines)
    inner = [x for x in found if not any(y is not x and set(y) < set(x) for y in found)]
    return max(inner, key=lambda loop: sum("IMMA" in x for x in loop), default=())


def around(lines: tuple[str, ...], loop: tuple[str, ...]) -> tuple[str, ...]:
    """The smallest loop around another."""
    return min((x for x in loops(lines) if set(loop) < set(x)), key=len, default=())


def loops(lines: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Instructions of each loop, from the label that a branch goes back to, to that branch."""
    labels = {line[:-1]: i for i, line in enumerate(lines) if line.startswith(".L_")}
    found = []
    for end, line in enumerate(lines):
        target = re.search(r"BRA.*`\((\.L_\w+)\)", line)
        start = labels.get(target.group(1)) if target else None
        if start is not None and start < end:
            found.append(tuple(x for x in lines[start : end + 1] if not x.startswith(".L_")))
    return found
