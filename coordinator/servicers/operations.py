"""OperationsService: the state of the cluster, and its rebalancing."""

from __future__ import annotations

from importlib.metadata import version

from cluster.executors.interface import Executor, ExecutorStatus, ShardReport
from coordinator.access import Role
from coordinator.calls import Call, CallGate, Context
from coordinator.gallery import Gallery
from coordinator.search import answers
from coordinator.search.decide import SearchedShare
from protos.ridgeline.v1 import operations_pb2, operations_pb2_grpc
from workers.matching.parameters import parameters_hash


class OperationsServicer(operations_pb2_grpc.OperationsServiceServicer):
    """Tells operators what the cluster could search now, and spreads it anew."""

    def __init__(
        self, gate: CallGate, executor: Executor, gallery: Gallery, *, required_coverage: float
    ) -> None:
        self._gate = gate
        self._executor = executor
        self._gallery = gallery
        self._required_coverage = required_coverage

    async def GetStatus(  # noqa: N802 - the contract's name
        self, request: operations_pb2.GetStatusRequest, context: Context
    ) -> operations_pb2.GetStatusResponse:
        """The cluster as it is now."""
        del request
        return await self._gate.answer(
            context, "GetStatus", Role.OPERATE, self._status, routine=True
        )

    async def Rebalance(  # noqa: N802 - the contract's name
        self, request: operations_pb2.RebalanceRequest, context: Context
    ) -> operations_pb2.RebalanceResponse:
        """Spreads the gallery over the nodes that are there now, or tells what that would do."""
        return await self._gate.answer(
            context,
            "Rebalance",
            Role.OPERATE,
            lambda call: self._rebalance(call, dry_run=request.dry_run),
            routine=request.dry_run,
        )

    async def _rebalance(self, call: Call, *, dry_run: bool) -> operations_pb2.RebalanceResponse:
        plan = await self._executor.rebalance(dry_run=dry_run)
        call.record.outcome = "PLANNED" if dry_run else "REBALANCED"
        sequence = call.record.sequence = await self._gallery.sequence()
        subjects: dict[int, int] = {}
        for partition in sorted({move.partition for move in plan.moves}):
            subjects[partition], _ = await self._gallery.subject_counts([partition], sequence)
        status = await self._executor.status()
        return operations_pb2.RebalanceResponse(
            placement_generation=status.placement_generation,
            moves=[
                operations_pb2.PartitionMove(
                    partition=move.partition,
                    from_shard_id=move.source,
                    to_shard_id=move.target,
                    to_node=move.node,
                    subjects=subjects[move.partition],
                    bytes=move.nbytes,
                )
                for move in plan.moves
            ],
            loads=[
                operations_pb2.ShardLoad(
                    shard_id=load.shard_id, node=load.node, before=load.before, after=load.after
                )
                for load in plan.loads
            ],
            lost_partitions=plan.lost,
        )

    async def _status(self, call: Call) -> operations_pb2.GetStatusResponse:
        del call
        status = await self._executor.status()
        sequence = await self._gallery.sequence()
        ready = sorted({p for shard in status.shards if shard.ready for p in shard.partitions})
        searched, total = await self._gallery.subject_counts(ready, sequence)
        share = SearchedShare(len(ready), status.partitions_total, searched, total)
        return operations_pb2.GetStatusResponse(
            version=version("ridgeline"),
            executor=status.executor,
            serving=serving(status, self._required_coverage),
            coverage=answers.coverage(share),
            gallery_sequence=sequence,
            encounters=await self._gallery.encounters(sequence),
            shards=[_shard(shard) for shard in status.shards],
            extractors=status.extractors,
            parameters_hash=parameters_hash(),
            placement_generation=status.placement_generation,
        )


def serving(status: ExecutorStatus, required_coverage: float) -> bool:
    """Whether a search would reach the required share of partitions now."""
    share = SearchedShare(status.partitions_ready, status.partitions_total, 0, 0)
    return share.partitions_share >= required_coverage


def _shard(report: ShardReport) -> operations_pb2.ShardStatus:
    state = report.state
    return operations_pb2.ShardStatus(
        shard_id=report.shard_id,
        node=report.node,
        ready=report.ready,
        partitions=len(report.partitions),
        backend=state.backend if state else "",
        encounters=state.encounters if state else 0,
        gallery_sequence=state.sequence if state else 0,
    )
