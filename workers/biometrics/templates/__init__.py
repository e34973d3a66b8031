"""Minutiae templates in the two standards' record formats, read and written."""

from workers.biometrics.templates.read import read_template
from workers.biometrics.templates.views import TemplateView

__all__ = ["TemplateView", "read_template"]
