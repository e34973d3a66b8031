from protos.ridgeline.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetStatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ShardStatus(_message.Message):
    __slots__ = ("shard_id", "node", "backend", "ready", "partitions", "encounters", "gallery_sequence")
    SHARD_ID_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    BACKEND_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    PARTITIONS_FIELD_NUMBER: _ClassVar[int]
    ENCOUNTERS_FIELD_NUMBER: _ClassVar[int]
    GALLERY_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    shard_id: str
    node: str
    backend: str
    ready: bool
    partitions: int
    encounters: int
    gallery_sequence: int
    def __init__(self, shard_id: _Optional[str] = ..., node: _Optional[str] = ..., backend: _Optional[str] = ..., ready: _Optional[bool] = ..., partitions: _Optional[int] = ..., encounters: _Optional[int] = ..., gallery_sequence: _Optional[int] = ...) -> None: ...

class GetStatusResponse(_message.Message):
    __slots__ = ("version", "executor", "serving", "coverage", "gallery_sequence", "encounters", "shards", "extractors", "parameters_hash", "placement_generation")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    EXECUTOR_FIELD_NUMBER: _ClassVar[int]
    SERVING_FIELD_NUMBER: _ClassVar[int]
    COVERAGE_FIELD_NUMBER: _ClassVar[int]
    GALLERY_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    ENCOUNTERS_FIELD_NUMBER: _ClassVar[int]
    SHARDS_FIELD_NUMBER: _ClassVar[int]
    EXTRACTORS_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_HASH_FIELD_NUMBER: _ClassVar[int]
    PLACEMENT_GENERATION_FIELD_NUMBER: _ClassVar[int]
    version: str
    executor: str
    serving: bool
    coverage: _types_pb2.Coverage
    gallery_sequence: int
    encounters: int
    shards: _containers.RepeatedCompositeFieldContainer[ShardStatus]
    extractors: int
    parameters_hash: str
    placement_generation: int
    def __init__(self, version: _Optional[str] = ..., executor: _Optional[str] = ..., serving: _Optional[bool] = ..., coverage: _Optional[_Union[_types_pb2.Coverage, _Mapping]] = ..., gallery_sequence: _Optional[int] = ..., encounters: _Optional[int] = ..., shards: _Optional[_Iterable[_Union[ShardStatus, _Mapping]]] = ..., extractors: _Optional[int] = ..., parameters_hash: _Optional[str] = ..., placement_generation: _Optional[int] = ...) -> None: ...

class RebalanceRequest(_message.Message):
    __slots__ = ("dry_run",)
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    dry_run: bool
    def __init__(self, dry_run: _Optional[bool] = ...) -> None: ...

class PartitionMove(_message.Message):
    __slots__ = ("partition", "from_shard_id", "to_shard_id", "to_node", "subjects", "bytes")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    FROM_SHARD_ID_FIELD_NUMBER: _ClassVar[int]
    TO_SHARD_ID_FIELD_NUMBER: _ClassVar[int]
    TO_NODE_FIELD_NUMBER: _ClassVar[int]
    SUBJECTS_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    partition: int
    from_shard_id: str
    to_shard_id: str
    to_node: str
    subjects: int
    bytes: int
    def __init__(self, partition: _Optional[int] = ..., from_shard_id: _Optional[str] = ..., to_shard_id: _Optional[str] = ..., to_node: _Optional[str] = ..., subjects: _Optional[int] = ..., bytes: _Optional[int] = ...) -> None: ...

class ShardLoad(_message.Message):
    __slots__ = ("shard_id", "node", "before", "after")
    SHARD_ID_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    shard_id: str
    node: str
    before: int
    after: int
    def __init__(self, shard_id: _Optional[str] = ..., node: _Optional[str] = ..., before: _Optional[int] = ..., after: _Optional[int] = ...) -> None: ...

class RebalanceResponse(_message.Message):
    __slots__ = ("placement_generation", "moves", "loads", "lost_partitions")
    PLACEMENT_GENERATION_FIELD_NUMBER: _ClassVar[int]
    MOVES_FIELD_NUMBER: _ClassVar[int]
    LOADS_FIELD_NUMBER: _ClassVar[int]
    LOST_PARTITIONS_FIELD_NUMBER: _ClassVar[int]
    placement_generation: int
    moves: _containers.RepeatedCompositeFieldContainer[PartitionMove]
    loads: _containers.RepeatedCompositeFieldContainer[ShardLoad]
    lost_partitions: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, placement_generation: _Optional[int] = ..., moves: _Optional[_Iterable[_Union[PartitionMove, _Mapping]]] = ..., loads: _Optional[_Iterable[_Union[ShardLoad, _Mapping]]] = ..., lost_partitions: _Optional[_Iterable[int]] = ...) -> None: ...
