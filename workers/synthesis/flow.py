"""Ridge flow of a finger: the zero-pole model over a field that arches round the finger tip.

Sherlock and Monro, "A model for interpreting fingerprint topology" (1993): orientation is half
the sum of the angles seen from the loops (zeros) less those seen from the deltas (poles). Alone
it leaves the flanks of loops level, where ridges of a real finger fall off on both sides; Vizcaya
and Gerhardt (1996) bend each angle by a periodic function. We bend them too (by two harmonics
instead of straight pieces) and add a smooth field that arches over the tip and is level below.

Finger frame: pixels at 500 ppi, origin at the middle of the pattern, x right, y down.
Orientations are counter-clockwise as seen on the image, as in `workers.biometrics.model`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.biometrics.model import FingerPosition
from workers.synthesis.population import Pattern, Person, Stream, Traits, is_thumb, stream

_Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Flow:
    """Orientation and ridge period of one finger.

    Attributes:
        pattern: class of the finger.
        loops: x + iy (y down) of the zeros, pixels.
        deltas: x + iy (y down) of the poles, pixels.
        bends: complex (loops + deltas, 2), amplitude and phase of the two harmonics, radians.
        arching: greatest slope of the arching field at the flanks, radians.
        arch_width: distance at which the arching field is steepest, pixels.
        arch_floor: y below which the field is level, pixels.
        arch_fade: height over which it sets in, pixels.
        crest: extra slope close to the middle, which makes an arch of a finger without
            singularities, radians.
        tilt: of the whole pattern, radians counter-clockwise.
        period_px: mean ridge period.
        period_waves: float (k, 4), waves of relative period: kx, ky (rad/px), phase, amplitude.
        size: scale of the finger, 1 is the mean.
    """

    pattern: Pattern
    loops: NDArray[np.complex128]
    deltas: NDArray[np.complex128]
    bends: NDArray[np.complex128]
    arching: float
    arch_width: float
    arch_floor: float
    arch_fade: float
    crest: float
    tilt: float
    period_px: float
    period_waves: _Array
    size: float

    def orientation(self, x: _Array, y: _Array) -> _Array:
        """Orientation of the ridges at (x, y), radians, defined modulo pi."""
        angle = self.tilt + self._arch(x, y)
        for number, (pole, sign) in enumerate(self._singularities()):
            seen = np.arctan2(pole.imag - y, x - pole.real)
            first, second = self.bends[number]
            bent = (
                seen
                + abs(first) * np.sin(seen + np.angle(first))
                + abs(second) * np.sin(2 * seen + np.angle(second))
            )
            angle = angle + 0.5 * sign * bent
        return angle

    def period(self, x: _Array, y: _Array) -> _Array:
        """Distance between neighbouring ridges at (x, y), pixels."""
        # Ridges are wider towards the crease of the joint.
        relative = 1.0 + 0.12 / (1.0 + np.exp(-(y - 150.0 * self.size) / 50.0))
        for kx, ky, phase, amplitude in self.period_waves:
            relative = relative + amplitude * np.sin(kx * x + ky * y + phase)
        period: _Array = self.period_px * relative
        return period

    def _singularities(self) -> list[tuple[complex, float]]:
        return [(complex(p), 1.0) for p in self.loops] + [(complex(p), -1.0) for p in self.deltas]

    def _arch(self, x: _Array, y: _Array) -> _Array:
        set_in = 1.0 / (1.0 + np.exp((y - self.arch_floor) / self.arch_fade))
        slope = self.arching * x / np.sqrt(x * x + self.arch_width**2)
        if self.crest:
            hump = x / 45.0 * np.exp(0.5 - 0.5 * (x / 45.0) ** 2)
            slope = slope + self.crest * hump * np.exp(-0.5 * ((y - 20.0) / 80.0) ** 2)
        return -slope * set_in


def finger_flow(person: Person, finger: FingerPosition, shared: Traits) -> Flow:
    """Draws the flow of one finger of `person`, whose traits are `shared`."""
    rng = stream(Stream.FLOW, person.seed, person.index, int(finger))
    pattern = shared.pattern(finger)
    size = shared.size * math.exp(0.04 * rng.standard_normal()) * (1.1 if is_thumb(finger) else 1.0)
    loops, deltas = _singular_points(pattern, rng)
    count = len(loops) + len(deltas)
    amplitude = np.abs(rng.normal(0.0, 0.08, (count, 2)))
    bends = amplitude * np.exp(1j * rng.uniform(-np.pi, np.pi, (count, 2)))
    wave = rng.uniform(0, 2 * np.pi, (3, 2))
    length = rng.uniform(180.0, 400.0, 3)
    waves = np.column_stack(
        [
            2 * np.pi / length * np.cos(wave[:, 0]),
            2 * np.pi / length * np.sin(wave[:, 0]),
            wave[:, 1],
            np.abs(rng.normal(0.0, 0.03, 3)),
        ]
    )
    return Flow(
        pattern=pattern,
        loops=size * loops,
        deltas=size * deltas,
        bends=bends,
        arching=math.radians(_ARCHING[pattern] + 4.0 * rng.standard_normal()),
        arch_width=size * _ARCH_WIDTH[pattern] * math.exp(0.12 * rng.standard_normal()),
        arch_floor=size * (125.0 + 15.0 * rng.standard_normal()),
        arch_fade=size * 55.0,
        crest=math.radians(22.0 + 5.0 * rng.standard_normal()) if pattern is Pattern.ARCH else 0.0,
        tilt=math.radians(3.0 * rng.standard_normal()),
        period_px=shared.period_px
        * math.exp(0.03 * rng.standard_normal())
        * (1.06 if is_thumb(finger) else 1.0),
        period_waves=waves,
        size=size,
    )


# Slope of the arching field at the flanks, degrees. Loops and whorls bend the flanks by
# themselves, the more the more singular points they have.
_ARCHING = {
    Pattern.ARCH: 40.0,
    Pattern.TENTED_ARCH: 38.0,
    Pattern.LEFT_LOOP: 44.0,
    Pattern.RIGHT_LOOP: 44.0,
    Pattern.WHORL: 24.0,
    Pattern.DOUBLE_LOOP: 24.0,
}
_ARCH_WIDTH = {
    Pattern.ARCH: 100.0,
    Pattern.TENTED_ARCH: 80.0,
    Pattern.LEFT_LOOP: 65.0,
    Pattern.RIGHT_LOOP: 65.0,
    Pattern.WHORL: 110.0,
    Pattern.DOUBLE_LOOP: 110.0,
}


def _singular_points(
    pattern: Pattern, rng: np.random.Generator
) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """Loops and deltas of a class, x + iy, pixels, y down.

    A loop's core and delta lie 6 to 13 ridges apart, a whorl's further; the spreads are chosen
    by eye against live-scan prints.
    """
    jitter = rng.standard_normal(8)
    if pattern is Pattern.ARCH:
        return np.empty(0, np.complex128), np.empty(0, np.complex128)
    if pattern is Pattern.TENTED_ARCH:
        loops = [complex(4 * jitter[0], 6 * jitter[1])]
        deltas = [complex(8 * jitter[2], 75 + 15 * jitter[3])]
    elif pattern in (Pattern.LEFT_LOOP, Pattern.RIGHT_LOOP):
        side = 1.0 if pattern is Pattern.LEFT_LOOP else -1.0
        loops = [complex(side * (-5 + 6 * jitter[0]), 6 * jitter[1])]
        deltas = [complex(side * (92 + 18 * jitter[2]), 105 + 20 * jitter[3])]
    else:
        double = pattern is Pattern.DOUBLE_LOOP
        half = max(15.0, 36 + 7 * jitter[0]) if double else abs(18 + 9 * jitter[0]) + 2.0
        # The two cores of a double loop lie side by side, wound either way.
        turn = math.radians((50 if jitter[1] > 0 else -50) + 12 * jitter[2] if double else 0)
        up = complex(half * math.sin(turn), -half * math.cos(turn))
        loops = [up, -up]
        deltas = [
            complex(-122 + 18 * jitter[4], 110 + 20 * jitter[5]),
            complex(122 + 18 * jitter[6], 110 + 20 * jitter[7]),
        ]
    return np.array(loops), np.array(deltas)
