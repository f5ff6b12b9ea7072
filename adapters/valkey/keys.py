"""The names of a read model's keys; those of one generation begin alike."""

from typing import Literal, TypeAlias

import msgspec

PREFIX = "curvetape"

Role: TypeAlias = Literal["served", "next", "previous", "scratch"]
"""What a generation is for; `scratch` is one that is made to compare with, and thrown away."""
ROLES: tuple[Role, ...] = ("served", "next", "previous", "scratch")


class Keys(msgspec.Struct, frozen=True):
    """The keys of a read model that no generation owns, for one of its generations' roles."""

    name: str
    role: Role = "served"

    @property
    def root(self) -> str:
        """What all keys of the read model begin with."""
        return f"{PREFIX}:{self.name}"

    @property
    def generation(self) -> str:
        """Holds the number of the generation in the role."""
        return self.generation_in(self.role)

    @property
    def held(self) -> str:
        """There while nothing may be saved to what is served; it ends by itself."""
        return f"{self.root}:held"

    @property
    def taken_back(self) -> str:
        """A hash of slots that were taken back too late, with the sequences that said so."""
        return f"{self.root}:taken_back"

    def generation_in(self, role: Role) -> str:
        """Holds the number of the generation in a role."""
        return f"{self.root}:{'generation' if role == 'served' else role}"

    def of(self, generation: str) -> "GenerationKeys":
        """The keys of a generation."""
        return GenerationKeys(f"{self.root}:{generation}")


class GenerationKeys(msgspec.Struct, frozen=True):
    """The keys of one generation."""

    root: str

    @property
    def checkpoint(self) -> str:
        """A hash: how far the rows are."""
        return f"{self.root}:checkpoint"

    @property
    def parked(self) -> str:
        """A hash by sequence: events that could not be applied."""
        return f"{self.root}:parked"

    @property
    def cards(self) -> str:
        """A hash by mint: all that was said about the token."""
        return f"{self.root}:cards"

    @property
    def touched(self) -> str:
        """A sorted set of mints, by the checkpoint with which each changed last."""
        return f"{self.root}:touched"

    @property
    def prices(self) -> str:
        """A sorted set of what a SOL was worth, by the minute."""
        return f"{self.root}:prices"

    def valued(self, window: str) -> str:
        """The set of mints on a window's board whose values depend on what a SOL is worth."""
        return f"{self.root}:valued:{window}"

    def buckets(self, length_s: int, mint: str) -> str:
        """A sorted set of a token's buckets of one length, by their start."""
        return f"{self.root}:buckets:{length_s}:{mint}"

    def traded(self, length_s: int, start_s: int) -> str:
        """The set of mints that have such a bucket."""
        return f"{self.root}:traded:{length_s}:{start_s}"

    def board(self, window: str) -> str:
        """A hash: which minutes and which checkpoint a window's rankings are of."""
        return f"{self.root}:board:{window}"

    def standings(self, window: str) -> str:
        """A hash by mint: how each token stands in the window."""
        return f"{self.root}:standings:{window}"

    def ranking(self, window: str, ranking: str) -> str:
        """A sorted set of mints, by the negated value, so that equal ones come by mint."""
        return f"{self.root}:ranking:{window}:{ranking}"
