"""Which slots are proven, as REST tells it."""

from typing import Any

from ariadne import ObjectType

from api.graphql.arguments import checked
from api.graphql.context import Info
from api.slots import (
    Completeness,
    CompletenessParameters,
    CompletenessResource,
    SlotAnswer,
    SlotParameters,
    SlotResource,
)

QUERY = ObjectType("Query")


@QUERY.field("completeness")
async def _completeness(
    _root: None, info: Info, from_slot: int | None = None, to_slot: int | None = None
) -> Completeness:
    info.context.use_of(CompletenessResource.operation)
    parameters = checked(CompletenessParameters, fromSlot=from_slot, toSlot=to_slot)
    return await CompletenessResource(info.context.reads).answer(parameters)


@QUERY.field("slot")
async def _slot(_root: None, info: Info, **asked: Any) -> SlotAnswer:
    info.context.use_of(SlotResource.operation)
    return await SlotResource(info.context.reads).answer(checked(SlotParameters, **asked))


BINDABLES = [QUERY]
