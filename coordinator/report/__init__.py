"""The HTML report of a comparison: prints side by side, matched minutiae joined."""

from coordinator.report.page import FingerImages, render_report

__all__ = ["FingerImages", "render_report"]
