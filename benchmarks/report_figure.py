"""The picture in the README: one finger of the demonstration's report.

    ridgeline demo && python -m benchmarks.report_figure ridgeline-demo/report.html

Writes ``docs/images/matched-finger.svg``.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

TARGET = Path(__file__).parents[1] / "docs" / "images" / "matched-finger.svg"
STYLED = (".frame", ".unmatched", ".matched", ".lines")
"""Rules of the report's page that the picture needs."""


def main() -> None:
    """Cuts a finger out of the report, with its styles."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report", type=Path)
    parser.add_argument("--finger", type=int, default=2, help="place in the report, from 1")
    options = parser.parse_args()
    page = options.report.read_text()
    picture = re.findall(r"<svg.*?</svg>", page, re.DOTALL)[options.finger - 1]
    rules = re.findall(r"^(\.[^{]+\{[^}]*\})", page, re.MULTILINE)
    style = "".join(rule for rule in rules if rule.startswith(STYLED))
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(picture.replace("<title>", f"<style>{style}</style><title>", 1) + "\n")


if __name__ == "__main__":
    main()
