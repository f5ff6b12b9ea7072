"""The schema: its text, and what answers each field of it."""

import re
from importlib.resources import files

from ariadne import make_executable_schema
from graphql import GraphQLSchema

from api.graphql import alerts, boards, proofs, queries, scalars, subscriptions, token, wallet

SDL = files("api.graphql").joinpath("schema.graphql").read_text(encoding="utf-8")

_CAPITAL = re.compile(r"[A-Z]")


def _attribute(name: str, _schema: GraphQLSchema, _path: tuple[str, ...]) -> str:
    """REST's name of a field in the program: `top10Share` is `top10_share`."""
    return _CAPITAL.sub(lambda match: f"_{match[0].lower()}", name)


def executable_schema() -> GraphQLSchema:
    """The schema with its resolvers."""
    return make_executable_schema(
        SDL,
        *scalars.SCALARS,
        *scalars.ENUMS,
        *token.BINDABLES,
        *wallet.BINDABLES,
        *queries.BINDABLES,
        *boards.BINDABLES,
        *proofs.BINDABLES,
        *subscriptions.BINDABLES,
        *alerts.BINDABLES,
        convert_names_case=_attribute,
    )
