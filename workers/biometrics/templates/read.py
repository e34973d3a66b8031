"""Reads a submitted template in the format it is said to have."""

from __future__ import annotations

from workers.biometrics.model import Print, PrintFormat
from workers.biometrics.templates import incits378, iso19794_2
from workers.biometrics.templates.views import TemplateView
from workers.errors import ErrorCode, RidgelineError

_READERS = {
    PrintFormat.ISO_19794_2_2005: iso19794_2.read,
    PrintFormat.INCITS_378_2004: incits378.read,
}


def read_template(print: Print) -> list[TemplateView]:  # noqa: A002 - the model's own word
    """Views of a submitted template, minutiae at 500 ppi.

    Raises:
        RidgelineError: MALFORMED_TEMPLATE, its field starting with the print's source;
            INVALID_FIELD where the print is an image.
    """
    reader = _READERS.get(print.format)
    if reader is None:
        raise RidgelineError(
            ErrorCode.INVALID_FIELD, "not a template format", field=f"{print.source}.format"
        )
    try:
        return reader(print.data)
    except RidgelineError as error:
        field = f"{print.source}: {error.field}"
        raise RidgelineError(error.code, error.detail, field=field, offset=error.offset) from error
