"""What the committed schema of RayClusters was made by."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from tests.tools.raycluster_schema import schema

GROUP = {"type": "object", "properties": {"template": {"type": "object", "properties": {}}}}
DEFINITION = {
    "spec": {
        "versions": [
            {"name": "v1alpha1"},
            {
                "name": "v1",
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "description": "left out",
                        "properties": {
                            "metadata": {"type": "object"},
                            "status": {"type": "object"},
                            "spec": {
                                "type": "object",
                                "properties": {
                                    # A field may be called what a keyword is.
                                    "description": {"type": "string", "description": "left out"},
                                    "open": {
                                        "type": "object",
                                        "properties": {},
                                        "x-kubernetes-preserve-unknown-fields": True,
                                    },
                                    "headGroupSpec": GROUP,
                                    "workerGroupSpecs": {"type": "array", "items": GROUP},
                                },
                            },
                        },
                    }
                },
            },
        ]
    }
}


def test_unknown_fields_are_errors_but_where_they_are_kept() -> None:
    made = schema(DEFINITION)
    spec = {"description": "x", "open": {"any": 1}, "headGroupSpec": {"template": {"a": 1}}}
    jsonschema.validate({"spec": spec}, made)
    wrong: list[dict[str, Any]] = [
        {"spec": {"unknown": 1}},
        {"status": {}},
        {"spec": {"description": 1}},
    ]
    for bad in wrong:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(bad, made)
    assert "left out" not in str(made)
