"""NVRTC, ptxas and nvdisasm on every kernel: it compiles, nothing spills, the core is used."""

from __future__ import annotations

import re

import pytest

from benchmarks.kernel_evidence import kernel_facts
from benchmarks.record import recorded
from tests.kernels import toolchain
from workers.matching import kernels

pytestmark = pytest.mark.kernels

HOT = tuple(n for names in kernels.KERNELS.values() for n in names if re.search(r"_\d+$", n))
"""Kernels with a tensor-core product."""


@pytest.fixture(params=toolchain.ARCHITECTURES)
def architecture(request: pytest.FixtureRequest) -> str:
    try:
        toolchain.find("cuda_nvrtc/lib/libnvrtc.so.*")
        toolchain.find("cuda_nvcc/bin/ptxas")
        toolchain.find("**/bin/nvdisasm")
    except toolchain.ToolchainMissingError as missing:
        pytest.skip(str(missing))
    return str(request.param)


@pytest.fixture(params=kernels.SOURCES)
def source(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_ptx_holds_every_kernel(source: str, architecture: str) -> None:
    text = toolchain.ptx(source, architecture)
    assert f".target {architecture}" in text
    entries = set(re.findall(r"\.visible \.entry (\w+)\(", text))
    assert entries == set(kernels.KERNELS[source])


def test_machine_code_is_an_elf_file(source: str, architecture: str) -> None:
    assert toolchain.cubin(source, architecture).startswith(b"\x7fELF")


def test_nothing_spills(source: str, architecture: str) -> None:
    resources = toolchain.resources(source, architecture)
    assert set(resources) == set(kernels.KERNELS[source])
    assert {name: (r.stack, r.spills) for name, r in resources.items()} == dict.fromkeys(
        resources, (0, 0)
    )
    # Blocks of 128 threads: two of them, eight warps, have registers at least.
    assert max(r.registers for r in resources.values()) <= 65536 // (2 * kernels.THREADS)


def test_machine_code_uses_no_local_memory(source: str, architecture: str) -> None:
    code = toolchain.instructions(source, architecture)
    assert set(code) == set(kernels.KERNELS[source])
    for name, lines in code.items():
        assert not [line for line in lines if re.search(r"\b(LDL|STL)\b", line)], name


def test_hot_loops_use_the_tensor_core_and_wide_loads(source: str, architecture: str) -> None:
    code = toolchain.instructions(source, architecture)
    for name in set(HOT) & set(code):
        loop = toolchain.hot_loop(code[name])
        assert any("IMMA.16832.S8.S8" in line for line in loop), name
        assert any("LDG.E.128" in line for line in loop), name


def test_the_recorded_evidence_is_of_these_kernels(source: str, architecture: str) -> None:
    written = recorded("kernel_evidence")["kernels"][architecture]
    for name in kernels.KERNELS[source]:
        assert kernel_facts(source, name, architecture) == written[name], name


def test_a_spill_would_be_seen() -> None:
    """The parser on a report of ptxas that has a stack and spills."""
    report = (
        "ptxas info    : Compiling entry function 'k' for 'sm_80'\n"
        "    24 bytes stack frame, 20 bytes spill stores, 16 bytes spill loads\n"
        "ptxas info    : Used 255 registers, 3 bytes smem\n"
    )
    assert toolchain.parsed(report) == {"k": toolchain.Resources(255, 3, 24, 36)}


def test_the_hot_loop_is_the_one_with_most_products() -> None:
    lines = (
        ".L_x_1:",
        "/*0010*/ LDG.E.128 R4, [R2] ;",
        "/*0020*/ IMMA.16832.S8.S8 R4, R4, R5, R6 ;",
        "/*0030*/ @P0 BRA `(.L_x_1) ;",
        ".L_x_2:",
        "/*0040*/ IADD3 R1, R1, R2, RZ ;",
        "/*0050*/ @P1 BRA `(.L_x_2) ;",
    )
    assert toolchain.hot_loop(lines) == lines[1:4]
