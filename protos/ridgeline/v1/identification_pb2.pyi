from protos.ridgeline.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Outcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OUTCOME_UNSPECIFIED: _ClassVar[Outcome]
    OUTCOME_CANDIDATES: _ClassVar[Outcome]
    OUTCOME_NO_CANDIDATE: _ClassVar[Outcome]
    OUTCOME_REVIEW: _ClassVar[Outcome]
    OUTCOME_UNSEARCHABLE: _ClassVar[Outcome]

class Examined(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EXAMINED_UNSPECIFIED: _ClassVar[Examined]
    EXAMINED_NONE: _ClassVar[Examined]
    EXAMINED_ONE: _ClassVar[Examined]
    EXAMINED_TWO: _ClassVar[Examined]

class Stage(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STAGE_UNSPECIFIED: _ClassVar[Stage]
    STAGE_EXTRACT: _ClassVar[Stage]
    STAGE_SKETCH: _ClassVar[Stage]
    STAGE_SCREEN: _ClassVar[Stage]
    STAGE_CONSOLIDATE: _ClassVar[Stage]
    STAGE_MERGE: _ClassVar[Stage]

class CandidateBand(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CANDIDATE_BAND_UNSPECIFIED: _ClassVar[CandidateBand]
    CANDIDATE_BAND_POSSIBLE: _ClassVar[CandidateBand]
    CANDIDATE_BAND_LIKELY: _ClassVar[CandidateBand]
OUTCOME_UNSPECIFIED: Outcome
OUTCOME_CANDIDATES: Outcome
OUTCOME_NO_CANDIDATE: Outcome
OUTCOME_REVIEW: Outcome
OUTCOME_UNSEARCHABLE: Outcome
EXAMINED_UNSPECIFIED: Examined
EXAMINED_NONE: Examined
EXAMINED_ONE: Examined
EXAMINED_TWO: Examined
STAGE_UNSPECIFIED: Stage
STAGE_EXTRACT: Stage
STAGE_SKETCH: Stage
STAGE_SCREEN: Stage
STAGE_CONSOLIDATE: Stage
STAGE_MERGE: Stage
CANDIDATE_BAND_UNSPECIFIED: CandidateBand
CANDIDATE_BAND_POSSIBLE: CandidateBand
CANDIDATE_BAND_LIKELY: CandidateBand

class StageReport(_message.Message):
    __slots__ = ("stage", "compared", "seconds", "measured_loss", "measured_loss_source")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    COMPARED_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    MEASURED_LOSS_FIELD_NUMBER: _ClassVar[int]
    MEASURED_LOSS_SOURCE_FIELD_NUMBER: _ClassVar[int]
    stage: Stage
    compared: int
    seconds: float
    measured_loss: float
    measured_loss_source: str
    def __init__(self, stage: _Optional[_Union[Stage, str]] = ..., compared: _Optional[int] = ..., seconds: _Optional[float] = ..., measured_loss: _Optional[float] = ..., measured_loss_source: _Optional[str] = ...) -> None: ...

class FingerScore(_message.Message):
    __slots__ = ("position", "score", "probe_impression", "gallery_impression")
    POSITION_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    PROBE_IMPRESSION_FIELD_NUMBER: _ClassVar[int]
    GALLERY_IMPRESSION_FIELD_NUMBER: _ClassVar[int]
    position: int
    score: float
    probe_impression: _types_pb2.Impression
    gallery_impression: _types_pb2.Impression
    def __init__(self, position: _Optional[int] = ..., score: _Optional[float] = ..., probe_impression: _Optional[_Union[_types_pb2.Impression, str]] = ..., gallery_impression: _Optional[_Union[_types_pb2.Impression, str]] = ...) -> None: ...

class Candidate(_message.Message):
    __slots__ = ("rank", "subject_id", "encounter_id", "score", "band", "expected_false_candidates", "extrapolated", "finger_scores")
    RANK_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    ENCOUNTER_ID_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    BAND_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_FALSE_CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    EXTRAPOLATED_FIELD_NUMBER: _ClassVar[int]
    FINGER_SCORES_FIELD_NUMBER: _ClassVar[int]
    rank: int
    subject_id: str
    encounter_id: str
    score: float
    band: CandidateBand
    expected_false_candidates: float
    extrapolated: bool
    finger_scores: _containers.RepeatedCompositeFieldContainer[FingerScore]
    def __init__(self, rank: _Optional[int] = ..., subject_id: _Optional[str] = ..., encounter_id: _Optional[str] = ..., score: _Optional[float] = ..., band: _Optional[_Union[CandidateBand, str]] = ..., expected_false_candidates: _Optional[float] = ..., extrapolated: _Optional[bool] = ..., finger_scores: _Optional[_Iterable[_Union[FingerScore, _Mapping]]] = ...) -> None: ...

class IdentifyRequest(_message.Message):
    __slots__ = ("submission", "purpose", "origin", "max_candidates", "allow_partial", "exhaustive", "min_gallery_sequence")
    SUBMISSION_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    MAX_CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    ALLOW_PARTIAL_FIELD_NUMBER: _ClassVar[int]
    EXHAUSTIVE_FIELD_NUMBER: _ClassVar[int]
    MIN_GALLERY_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    submission: _types_pb2.Submission
    purpose: _types_pb2.Purpose
    origin: _types_pb2.Origin
    max_candidates: int
    allow_partial: bool
    exhaustive: bool
    min_gallery_sequence: int
    def __init__(self, submission: _Optional[_Union[_types_pb2.Submission, _Mapping]] = ..., purpose: _Optional[_Union[_types_pb2.Purpose, _Mapping]] = ..., origin: _Optional[_Union[_types_pb2.Origin, _Mapping]] = ..., max_candidates: _Optional[int] = ..., allow_partial: _Optional[bool] = ..., exhaustive: _Optional[bool] = ..., min_gallery_sequence: _Optional[int] = ...) -> None: ...

class IdentifyResponse(_message.Message):
    __slots__ = ("search_id", "outcome", "candidates", "coverage", "gallery_sequence", "backend", "stages", "parameters_hash", "examined", "fingers", "unused", "missing", "sequence_warnings", "origin", "caveat", "replayed")
    SEARCH_ID_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    COVERAGE_FIELD_NUMBER: _ClassVar[int]
    GALLERY_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    BACKEND_FIELD_NUMBER: _ClassVar[int]
    STAGES_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_HASH_FIELD_NUMBER: _ClassVar[int]
    EXAMINED_FIELD_NUMBER: _ClassVar[int]
    FINGERS_FIELD_NUMBER: _ClassVar[int]
    UNUSED_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_WARNINGS_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    CAVEAT_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    search_id: str
    outcome: Outcome
    candidates: _containers.RepeatedCompositeFieldContainer[Candidate]
    coverage: _types_pb2.Coverage
    gallery_sequence: int
    backend: str
    stages: _containers.RepeatedCompositeFieldContainer[StageReport]
    parameters_hash: str
    examined: Examined
    fingers: _containers.RepeatedCompositeFieldContainer[_types_pb2.FingerSummary]
    unused: _containers.RepeatedCompositeFieldContainer[_types_pb2.UnusedPrint]
    missing: _containers.RepeatedCompositeFieldContainer[_types_pb2.MissingFinger]
    sequence_warnings: _containers.RepeatedCompositeFieldContainer[_types_pb2.SequenceWarning]
    origin: _types_pb2.Origin
    caveat: str
    replayed: bool
    def __init__(self, search_id: _Optional[str] = ..., outcome: _Optional[_Union[Outcome, str]] = ..., candidates: _Optional[_Iterable[_Union[Candidate, _Mapping]]] = ..., coverage: _Optional[_Union[_types_pb2.Coverage, _Mapping]] = ..., gallery_sequence: _Optional[int] = ..., backend: _Optional[str] = ..., stages: _Optional[_Iterable[_Union[StageReport, _Mapping]]] = ..., parameters_hash: _Optional[str] = ..., examined: _Optional[_Union[Examined, str]] = ..., fingers: _Optional[_Iterable[_Union[_types_pb2.FingerSummary, _Mapping]]] = ..., unused: _Optional[_Iterable[_Union[_types_pb2.UnusedPrint, _Mapping]]] = ..., missing: _Optional[_Iterable[_Union[_types_pb2.MissingFinger, _Mapping]]] = ..., sequence_warnings: _Optional[_Iterable[_Union[_types_pb2.SequenceWarning, _Mapping]]] = ..., origin: _Optional[_Union[_types_pb2.Origin, _Mapping]] = ..., caveat: _Optional[str] = ..., replayed: _Optional[bool] = ...) -> None: ...

class IdentifyStreamRequest(_message.Message):
    __slots__ = ("correlation_id", "request")
    CORRELATION_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    correlation_id: str
    request: IdentifyRequest
    def __init__(self, correlation_id: _Optional[str] = ..., request: _Optional[_Union[IdentifyRequest, _Mapping]] = ...) -> None: ...

class StreamError(_message.Message):
    __slots__ = ("status", "code", "message", "field", "retry_after_seconds")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_SECONDS_FIELD_NUMBER: _ClassVar[int]
    status: int
    code: str
    message: str
    field: str
    retry_after_seconds: float
    def __init__(self, status: _Optional[int] = ..., code: _Optional[str] = ..., message: _Optional[str] = ..., field: _Optional[str] = ..., retry_after_seconds: _Optional[float] = ...) -> None: ...

class IdentifyStreamResponse(_message.Message):
    __slots__ = ("correlation_id", "response", "error")
    CORRELATION_ID_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    correlation_id: str
    response: IdentifyResponse
    error: StreamError
    def __init__(self, correlation_id: _Optional[str] = ..., response: _Optional[_Union[IdentifyResponse, _Mapping]] = ..., error: _Optional[_Union[StreamError, _Mapping]] = ...) -> None: ...

class VerifyRequest(_message.Message):
    __slots__ = ("submission", "subject_id", "purpose", "origin")
    SUBMISSION_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    submission: _types_pb2.Submission
    subject_id: str
    purpose: _types_pb2.Purpose
    origin: _types_pb2.Origin
    def __init__(self, submission: _Optional[_Union[_types_pb2.Submission, _Mapping]] = ..., subject_id: _Optional[str] = ..., purpose: _Optional[_Union[_types_pb2.Purpose, _Mapping]] = ..., origin: _Optional[_Union[_types_pb2.Origin, _Mapping]] = ...) -> None: ...

class VerifyResponse(_message.Message):
    __slots__ = ("search_id", "outcome", "candidate", "gallery_sequence", "backend", "parameters_hash", "examined", "fingers", "unused", "caveat")
    SEARCH_ID_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    CANDIDATE_FIELD_NUMBER: _ClassVar[int]
    GALLERY_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    BACKEND_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_HASH_FIELD_NUMBER: _ClassVar[int]
    EXAMINED_FIELD_NUMBER: _ClassVar[int]
    FINGERS_FIELD_NUMBER: _ClassVar[int]
    UNUSED_FIELD_NUMBER: _ClassVar[int]
    CAVEAT_FIELD_NUMBER: _ClassVar[int]
    search_id: str
    outcome: Outcome
    candidate: Candidate
    gallery_sequence: int
    backend: str
    parameters_hash: str
    examined: Examined
    fingers: _containers.RepeatedCompositeFieldContainer[_types_pb2.FingerSummary]
    unused: _containers.RepeatedCompositeFieldContainer[_types_pb2.UnusedPrint]
    caveat: str
    def __init__(self, search_id: _Optional[str] = ..., outcome: _Optional[_Union[Outcome, str]] = ..., candidate: _Optional[_Union[Candidate, _Mapping]] = ..., gallery_sequence: _Optional[int] = ..., backend: _Optional[str] = ..., parameters_hash: _Optional[str] = ..., examined: _Optional[_Union[Examined, str]] = ..., fingers: _Optional[_Iterable[_Union[_types_pb2.FingerSummary, _Mapping]]] = ..., unused: _Optional[_Iterable[_Union[_types_pb2.UnusedPrint, _Mapping]]] = ..., caveat: _Optional[str] = ...) -> None: ...

class ExplainRequest(_message.Message):
    __slots__ = ("submission", "subject_id", "purpose", "origin", "encounter_id")
    SUBMISSION_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    ENCOUNTER_ID_FIELD_NUMBER: _ClassVar[int]
    submission: _types_pb2.Submission
    subject_id: str
    purpose: _types_pb2.Purpose
    origin: _types_pb2.Origin
    encounter_id: str
    def __init__(self, submission: _Optional[_Union[_types_pb2.Submission, _Mapping]] = ..., subject_id: _Optional[str] = ..., purpose: _Optional[_Union[_types_pb2.Purpose, _Mapping]] = ..., origin: _Optional[_Union[_types_pb2.Origin, _Mapping]] = ..., encounter_id: _Optional[str] = ...) -> None: ...

class Minutia(_message.Message):
    __slots__ = ("x", "y", "angle_degrees")
    X_FIELD_NUMBER: _ClassVar[int]
    Y_FIELD_NUMBER: _ClassVar[int]
    ANGLE_DEGREES_FIELD_NUMBER: _ClassVar[int]
    x: float
    y: float
    angle_degrees: float
    def __init__(self, x: _Optional[float] = ..., y: _Optional[float] = ..., angle_degrees: _Optional[float] = ...) -> None: ...

class MinutiaPair(_message.Message):
    __slots__ = ("probe", "gallery", "similarity")
    PROBE_FIELD_NUMBER: _ClassVar[int]
    GALLERY_FIELD_NUMBER: _ClassVar[int]
    SIMILARITY_FIELD_NUMBER: _ClassVar[int]
    probe: Minutia
    gallery: Minutia
    similarity: float
    def __init__(self, probe: _Optional[_Union[Minutia, _Mapping]] = ..., gallery: _Optional[_Union[Minutia, _Mapping]] = ..., similarity: _Optional[float] = ...) -> None: ...

class FingerExplanation(_message.Message):
    __slots__ = ("score", "pairs", "probe_minutiae", "gallery_minutiae")
    SCORE_FIELD_NUMBER: _ClassVar[int]
    PAIRS_FIELD_NUMBER: _ClassVar[int]
    PROBE_MINUTIAE_FIELD_NUMBER: _ClassVar[int]
    GALLERY_MINUTIAE_FIELD_NUMBER: _ClassVar[int]
    score: FingerScore
    pairs: _containers.RepeatedCompositeFieldContainer[MinutiaPair]
    probe_minutiae: _containers.RepeatedCompositeFieldContainer[Minutia]
    gallery_minutiae: _containers.RepeatedCompositeFieldContainer[Minutia]
    def __init__(self, score: _Optional[_Union[FingerScore, _Mapping]] = ..., pairs: _Optional[_Iterable[_Union[MinutiaPair, _Mapping]]] = ..., probe_minutiae: _Optional[_Iterable[_Union[Minutia, _Mapping]]] = ..., gallery_minutiae: _Optional[_Iterable[_Union[Minutia, _Mapping]]] = ...) -> None: ...

class ExplainResponse(_message.Message):
    __slots__ = ("search_id", "encounter_id", "fingers", "parameters_hash", "caveat")
    SEARCH_ID_FIELD_NUMBER: _ClassVar[int]
    ENCOUNTER_ID_FIELD_NUMBER: _ClassVar[int]
    FINGERS_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_HASH_FIELD_NUMBER: _ClassVar[int]
    CAVEAT_FIELD_NUMBER: _ClassVar[int]
    search_id: str
    encounter_id: str
    fingers: _containers.RepeatedCompositeFieldContainer[FingerExplanation]
    parameters_hash: str
    caveat: str
    def __init__(self, search_id: _Optional[str] = ..., encounter_id: _Optional[str] = ..., fingers: _Optional[_Iterable[_Union[FingerExplanation, _Mapping]]] = ..., parameters_hash: _Optional[str] = ..., caveat: _Optional[str] = ...) -> None: ...
