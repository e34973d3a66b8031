"""Extraction of a whole set: on all cores, once; results are kept by content."""

from __future__ import annotations

import hashlib
import io
import multiprocessing
import os
import signal
import zipfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import threadpoolctl

from coordinator.paths import write_whole
from coordinator.print_files import PrintFile, read_print_file
from coordinator.progress import Track
from workers.biometrics.extraction import extract, extraction_version
from workers.biometrics.images import decode
from workers.biometrics.model import FingerPosition, Impression, Minutiae, Print
from workers.errors import ErrorCode, RidgelineError


@dataclass(frozen=True, slots=True)
class ExtractionCache:
    """Minutiae on disk, by the hash of the file's bytes and resolution.

    A folder each extraction version, so that a changed extractor never meets old results.
    """

    directory: Path

    def path(self, print_: PrintFile) -> Path:
        """Where the minutiae of a print are kept."""
        # 500 and 500.0 are one resolution.
        ppi = None if print_.resolution_ppi is None else float(print_.resolution_ppi)
        digest = hashlib.sha256(f"{print_.format} {ppi}\n".encode())
        digest.update(print_.data)
        name = digest.hexdigest()
        return self.directory / extraction_version() / name[:2] / f"{name}.npz"

    def load(self, print_: PrintFile) -> Minutiae | None:
        """What is kept; None where nothing is, or where the file is damaged."""
        with suppress(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            with np.load(io.BytesIO(self.path(print_).read_bytes()), allow_pickle=False) as data:
                arrays = {name: data[name] for name in ("x", "y", "angle", "kind", "quality")}
                width, height = (int(side) for side in data["size"])
            return Minutiae(**arrays, width=width, height=height)
        return None

    def save(self, print_: PrintFile, minutiae: Minutiae) -> None:
        """Keeps minutiae."""
        names = {field.name for field in fields(Minutiae)} - {"width", "height"}
        arrays = {name: getattr(minutiae, name) for name in names}
        buffer = io.BytesIO()
        np.savez(buffer, size=np.array([minutiae.width, minutiae.height]), **arrays)
        write_whole(self.path(print_), buffer.getvalue())


@dataclass(frozen=True, slots=True)
class _Job:
    path: Path
    resolution_ppi: float | None
    cache: ExtractionCache


def extract_all(
    paths: Sequence[Path],
    *,
    resolution_ppi: float | None,
    cache: ExtractionCache,
    track: Track,
    processes: int | None = None,
) -> list[Minutiae | None]:
    """Minutiae of each image, in order; None where it cannot be decoded.

    Args:
        resolution_ppi: overrides what the files state.
        processes: to extract with; by default one for each core.

    Raises:
        RidgelineError: INVALID_FIELD where a file states no usable resolution and none is
            given.
    """
    jobs = [_Job(path, resolution_ppi, cache) for path in paths]
    found = list(track(map(_known, jobs), description="Reading prints", total=len(jobs)))
    missing = [job for job, known in zip(jobs, found, strict=True) if known is None]
    if not missing:
        return found
    work = _run(missing, min(processes or os.cpu_count() or 1, len(missing)))
    fresh = iter(list(track(work, description="Extracting minutiae", total=len(missing))))
    return [known if known is not None else next(fresh) for known in found]


def _run(jobs: Sequence[_Job], processes: int) -> Iterator[Minutiae | None]:
    if processes == 1:
        yield from map(_extract, jobs)
        return
    context = multiprocessing.get_context("spawn")  # onnxruntime does not survive a fork
    pool = ProcessPoolExecutor(processes, mp_context=context, initializer=start_worker)
    try:
        yield from pool.map(_extract, jobs)
    finally:
        pool.shutdown(cancel_futures=True)


def start_worker() -> None:
    """Prepares a worker process: deaf to interrupts, one thread."""
    # An interrupt reaches the whole process group; the parent decides what ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threadpoolctl.threadpool_limits(1)


def _known(job: _Job) -> Minutiae | None:
    try:
        return job.cache.load(read_print_file(job.path, job.resolution_ppi))
    except RidgelineError:
        return None  # said by `_extract`


def _extract(job: _Job) -> Minutiae | None:
    try:
        file = read_print_file(job.path, job.resolution_ppi)
        image = decode(
            Print(
                source=job.path.name,
                position=FingerPosition.UNKNOWN,
                impression=Impression.PLAIN,
                format=file.format,
                data=file.data,
                resolution_ppi=file.resolution_ppi,
            )
        )
    except RidgelineError as error:
        if error.code is ErrorCode.MALFORMED_IMAGE:
            return None
        raise
    minutiae = extract(image)
    job.cache.save(file, minutiae)
    return minutiae
