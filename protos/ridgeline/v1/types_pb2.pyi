from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Impression(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    IMPRESSION_UNSPECIFIED: _ClassVar[Impression]
    IMPRESSION_PLAIN: _ClassVar[Impression]
    IMPRESSION_ROLLED: _ClassVar[Impression]

class PrintFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRINT_FORMAT_UNSPECIFIED: _ClassVar[PrintFormat]
    PRINT_FORMAT_WSQ: _ClassVar[PrintFormat]
    PRINT_FORMAT_JPEG2000: _ClassVar[PrintFormat]
    PRINT_FORMAT_PNG: _ClassVar[PrintFormat]
    PRINT_FORMAT_RAW: _ClassVar[PrintFormat]
    PRINT_FORMAT_ISO_19794_2_2005: _ClassVar[PrintFormat]
    PRINT_FORMAT_INCITS_378_2004: _ClassVar[PrintFormat]

class MissingReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MISSING_REASON_UNSPECIFIED: _ClassVar[MissingReason]
    MISSING_REASON_AMPUTATED: _ClassVar[MissingReason]
    MISSING_REASON_UNPRINTABLE: _ClassVar[MissingReason]
IMPRESSION_UNSPECIFIED: Impression
IMPRESSION_PLAIN: Impression
IMPRESSION_ROLLED: Impression
PRINT_FORMAT_UNSPECIFIED: PrintFormat
PRINT_FORMAT_WSQ: PrintFormat
PRINT_FORMAT_JPEG2000: PrintFormat
PRINT_FORMAT_PNG: PrintFormat
PRINT_FORMAT_RAW: PrintFormat
PRINT_FORMAT_ISO_19794_2_2005: PrintFormat
PRINT_FORMAT_INCITS_378_2004: PrintFormat
MISSING_REASON_UNSPECIFIED: MissingReason
MISSING_REASON_AMPUTATED: MissingReason
MISSING_REASON_UNPRINTABLE: MissingReason

class Print(_message.Message):
    __slots__ = ("position", "impression", "format", "data", "resolution_ppi", "width", "height")
    POSITION_FIELD_NUMBER: _ClassVar[int]
    IMPRESSION_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    RESOLUTION_PPI_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    position: int
    impression: Impression
    format: PrintFormat
    data: bytes
    resolution_ppi: float
    width: int
    height: int
    def __init__(self, position: _Optional[int] = ..., impression: _Optional[_Union[Impression, str]] = ..., format: _Optional[_Union[PrintFormat, str]] = ..., data: _Optional[bytes] = ..., resolution_ppi: _Optional[float] = ..., width: _Optional[int] = ..., height: _Optional[int] = ...) -> None: ...

class MissingFinger(_message.Message):
    __slots__ = ("position", "reason")
    POSITION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    position: int
    reason: MissingReason
    def __init__(self, position: _Optional[int] = ..., reason: _Optional[_Union[MissingReason, str]] = ...) -> None: ...

class TenPrint(_message.Message):
    __slots__ = ("prints", "missing")
    PRINTS_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    prints: _containers.RepeatedCompositeFieldContainer[Print]
    missing: _containers.RepeatedCompositeFieldContainer[MissingFinger]
    def __init__(self, prints: _Optional[_Iterable[_Union[Print, _Mapping]]] = ..., missing: _Optional[_Iterable[_Union[MissingFinger, _Mapping]]] = ...) -> None: ...

class Submission(_message.Message):
    __slots__ = ("ten_print", "transaction")
    TEN_PRINT_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_FIELD_NUMBER: _ClassVar[int]
    ten_print: TenPrint
    transaction: bytes
    def __init__(self, ten_print: _Optional[_Union[TenPrint, _Mapping]] = ..., transaction: _Optional[bytes] = ...) -> None: ...

class Purpose(_message.Message):
    __slots__ = ("authority", "case_number", "requester")
    AUTHORITY_FIELD_NUMBER: _ClassVar[int]
    CASE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    REQUESTER_FIELD_NUMBER: _ClassVar[int]
    authority: str
    case_number: str
    requester: str
    def __init__(self, authority: _Optional[str] = ..., case_number: _Optional[str] = ..., requester: _Optional[str] = ...) -> None: ...

class Origin(_message.Message):
    __slots__ = ("ori", "tcn")
    ORI_FIELD_NUMBER: _ClassVar[int]
    TCN_FIELD_NUMBER: _ClassVar[int]
    ori: str
    tcn: str
    def __init__(self, ori: _Optional[str] = ..., tcn: _Optional[str] = ...) -> None: ...

class FingerSummary(_message.Message):
    __slots__ = ("position", "impression", "minutiae", "nfiq2", "source")
    POSITION_FIELD_NUMBER: _ClassVar[int]
    IMPRESSION_FIELD_NUMBER: _ClassVar[int]
    MINUTIAE_FIELD_NUMBER: _ClassVar[int]
    NFIQ2_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    position: int
    impression: Impression
    minutiae: int
    nfiq2: int
    source: str
    def __init__(self, position: _Optional[int] = ..., impression: _Optional[_Union[Impression, str]] = ..., minutiae: _Optional[int] = ..., nfiq2: _Optional[int] = ..., source: _Optional[str] = ...) -> None: ...

class UnusedPrint(_message.Message):
    __slots__ = ("source", "reason")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    source: str
    reason: str
    def __init__(self, source: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class SequenceWarning(_message.Message):
    __slots__ = ("rolled_position", "plain_position")
    ROLLED_POSITION_FIELD_NUMBER: _ClassVar[int]
    PLAIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    rolled_position: int
    plain_position: int
    def __init__(self, rolled_position: _Optional[int] = ..., plain_position: _Optional[int] = ...) -> None: ...

class Coverage(_message.Message):
    __slots__ = ("partitions_searched", "partitions_total", "subjects_searched", "subjects_total")
    PARTITIONS_SEARCHED_FIELD_NUMBER: _ClassVar[int]
    PARTITIONS_TOTAL_FIELD_NUMBER: _ClassVar[int]
    SUBJECTS_SEARCHED_FIELD_NUMBER: _ClassVar[int]
    SUBJECTS_TOTAL_FIELD_NUMBER: _ClassVar[int]
    partitions_searched: int
    partitions_total: int
    subjects_searched: int
    subjects_total: int
    def __init__(self, partitions_searched: _Optional[int] = ..., partitions_total: _Optional[int] = ..., subjects_searched: _Optional[int] = ..., subjects_total: _Optional[int] = ...) -> None: ...
