import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from protos.ridgeline.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Capture(_message.Message):
    __slots__ = ("day", "sensor")
    DAY_FIELD_NUMBER: _ClassVar[int]
    SENSOR_FIELD_NUMBER: _ClassVar[int]
    day: str
    sensor: str
    def __init__(self, day: _Optional[str] = ..., sensor: _Optional[str] = ...) -> None: ...

class EnrollRequest(_message.Message):
    __slots__ = ("submission", "subject_id", "encounter_id", "capture")
    SUBMISSION_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    ENCOUNTER_ID_FIELD_NUMBER: _ClassVar[int]
    CAPTURE_FIELD_NUMBER: _ClassVar[int]
    submission: _types_pb2.Submission
    subject_id: str
    encounter_id: str
    capture: Capture
    def __init__(self, submission: _Optional[_Union[_types_pb2.Submission, _Mapping]] = ..., subject_id: _Optional[str] = ..., encounter_id: _Optional[str] = ..., capture: _Optional[_Union[Capture, _Mapping]] = ...) -> None: ...

class EnrollResponse(_message.Message):
    __slots__ = ("subject_id", "encounter_id", "gallery_sequence", "created", "fingers", "unused", "missing", "sequence_warnings")
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    ENCOUNTER_ID_FIELD_NUMBER: _ClassVar[int]
    GALLERY_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    FINGERS_FIELD_NUMBER: _ClassVar[int]
    UNUSED_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_WARNINGS_FIELD_NUMBER: _ClassVar[int]
    subject_id: str
    encounter_id: str
    gallery_sequence: int
    created: bool
    fingers: _containers.RepeatedCompositeFieldContainer[_types_pb2.FingerSummary]
    unused: _containers.RepeatedCompositeFieldContainer[_types_pb2.UnusedPrint]
    missing: _containers.RepeatedCompositeFieldContainer[_types_pb2.MissingFinger]
    sequence_warnings: _containers.RepeatedCompositeFieldContainer[_types_pb2.SequenceWarning]
    def __init__(self, subject_id: _Optional[str] = ..., encounter_id: _Optional[str] = ..., gallery_sequence: _Optional[int] = ..., created: _Optional[bool] = ..., fingers: _Optional[_Iterable[_Union[_types_pb2.FingerSummary, _Mapping]]] = ..., unused: _Optional[_Iterable[_Union[_types_pb2.UnusedPrint, _Mapping]]] = ..., missing: _Optional[_Iterable[_Union[_types_pb2.MissingFinger, _Mapping]]] = ..., sequence_warnings: _Optional[_Iterable[_Union[_types_pb2.SequenceWarning, _Mapping]]] = ...) -> None: ...

class EnrollStreamRequest(_message.Message):
    __slots__ = ("request",)
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    request: EnrollRequest
    def __init__(self, request: _Optional[_Union[EnrollRequest, _Mapping]] = ...) -> None: ...

class EnrollFailure(_message.Message):
    __slots__ = ("index", "code", "message", "field")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    index: int
    code: str
    message: str
    field: str
    def __init__(self, index: _Optional[int] = ..., code: _Optional[str] = ..., message: _Optional[str] = ..., field: _Optional[str] = ...) -> None: ...

class EnrollStreamResponse(_message.Message):
    __slots__ = ("created", "unchanged", "failures", "gallery_sequence", "failed")
    CREATED_FIELD_NUMBER: _ClassVar[int]
    UNCHANGED_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    GALLERY_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    created: int
    unchanged: int
    failures: _containers.RepeatedCompositeFieldContainer[EnrollFailure]
    gallery_sequence: int
    failed: int
    def __init__(self, created: _Optional[int] = ..., unchanged: _Optional[int] = ..., failures: _Optional[_Iterable[_Union[EnrollFailure, _Mapping]]] = ..., gallery_sequence: _Optional[int] = ..., failed: _Optional[int] = ...) -> None: ...

class GetSubjectRequest(_message.Message):
    __slots__ = ("subject_id", "purpose")
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    subject_id: str
    purpose: _types_pb2.Purpose
    def __init__(self, subject_id: _Optional[str] = ..., purpose: _Optional[_Union[_types_pb2.Purpose, _Mapping]] = ...) -> None: ...

class Encounter(_message.Message):
    __slots__ = ("encounter_id", "enrolled_at", "fingers", "missing", "capture")
    ENCOUNTER_ID_FIELD_NUMBER: _ClassVar[int]
    ENROLLED_AT_FIELD_NUMBER: _ClassVar[int]
    FINGERS_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    CAPTURE_FIELD_NUMBER: _ClassVar[int]
    encounter_id: str
    enrolled_at: _timestamp_pb2.Timestamp
    fingers: _containers.RepeatedCompositeFieldContainer[_types_pb2.FingerSummary]
    missing: _containers.RepeatedCompositeFieldContainer[_types_pb2.MissingFinger]
    capture: Capture
    def __init__(self, encounter_id: _Optional[str] = ..., enrolled_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., fingers: _Optional[_Iterable[_Union[_types_pb2.FingerSummary, _Mapping]]] = ..., missing: _Optional[_Iterable[_Union[_types_pb2.MissingFinger, _Mapping]]] = ..., capture: _Optional[_Union[Capture, _Mapping]] = ...) -> None: ...

class GetSubjectResponse(_message.Message):
    __slots__ = ("subject_id", "encounters", "gallery_sequence")
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    ENCOUNTERS_FIELD_NUMBER: _ClassVar[int]
    GALLERY_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    subject_id: str
    encounters: _containers.RepeatedCompositeFieldContainer[Encounter]
    gallery_sequence: int
    def __init__(self, subject_id: _Optional[str] = ..., encounters: _Optional[_Iterable[_Union[Encounter, _Mapping]]] = ..., gallery_sequence: _Optional[int] = ...) -> None: ...

class RemoveEncounterRequest(_message.Message):
    __slots__ = ("encounter_id", "reason")
    ENCOUNTER_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    encounter_id: str
    reason: str
    def __init__(self, encounter_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class RemoveEncounterResponse(_message.Message):
    __slots__ = ("gallery_sequence",)
    GALLERY_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    gallery_sequence: int
    def __init__(self, gallery_sequence: _Optional[int] = ...) -> None: ...

class RemoveSubjectRequest(_message.Message):
    __slots__ = ("subject_id", "reason")
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    subject_id: str
    reason: str
    def __init__(self, subject_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class RemoveSubjectResponse(_message.Message):
    __slots__ = ("gallery_sequence", "encounters_removed")
    GALLERY_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    ENCOUNTERS_REMOVED_FIELD_NUMBER: _ClassVar[int]
    gallery_sequence: int
    encounters_removed: int
    def __init__(self, gallery_sequence: _Optional[int] = ..., encounters_removed: _Optional[int] = ...) -> None: ...
