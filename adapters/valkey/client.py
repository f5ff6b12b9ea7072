"""Connections to a Redis or Valkey: rounds of commands, and changes that are made whole."""

import asyncio
from collections.abc import Sequence
from typing import Any, Self, TypeAlias

import msgspec
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from adapters.valkey.errors import ServerAddressError

CONNECTIONS_MAX = 4
CONNECT_TIMEOUT_S = 10.0
ANSWER_TIMEOUT_S = 60.0
ROUND_COMMANDS_MAX = 1_000
"""Commands that are sent before their answers are read."""

Command: TypeAlias = Sequence[str]
"""All that is sent is text: Lua's MessagePack is older than the type for bytes, and its numbers are
float64."""

_pack = msgspec.msgpack.encode
_unpack = msgspec.msgpack.decode

_ASK = """
    local answers = {}
    for place, command in ipairs(cmsgpack.unpack(ARGV[1])) do
        answers[place] = redis.call(unpack(command))
    end
    return cmsgpack.pack(answers)
"""
"""Thousands of small answers as one: the client takes a tenth of a millisecond for each."""

_CHANGE = """
    for place, condition in ipairs(cmsgpack.unpack(ARGV[1])) do
        local expected = table.remove(condition, 1)
        if (redis.call(unpack(condition)) or '') ~= expected then return place end
    end
    for place, command in ipairs(cmsgpack.unpack(ARGV[2])) do
        local answer = redis.pcall(unpack(command))
        if type(answer) == 'table' and answer.err then
            if place > 1 then redis.call(unpack(cmsgpack.unpack(ARGV[3]))) end
            return answer
        end
    end
    return 0
"""
"""Everything in one step that nobody sees a part of, and that is whole in the server's file.

A script is not undone where one of its commands fails, which only a stranger's key of another type
can make it do; what was spoilt by then is marked. All that is reckoned is reckoned in Python.
"""


class Condition(msgspec.Struct, frozen=True):
    """What a command that reads one value has to answer, '' standing for nothing."""

    command: Command
    expected: str


class Valkey:
    """A bounded pool of connections; who calls waits for one. Close it when done."""

    def __init__(self, client: Redis, *, answer_timeout_s: float = ANSWER_TIMEOUT_S) -> None:
        self._client = client
        self._answer_timeout_s = answer_timeout_s

    @classmethod
    def at(
        cls,
        url: str,
        *,
        application: str,
        connections_max: int = CONNECTIONS_MAX,
        answer_timeout_s: float = ANSWER_TIMEOUT_S,
    ) -> Self:
        """The server at `url`; it is first spoken to when something is asked.

        Raises `ServerAddressError`.
        """
        try:
            pool: Any = BlockingConnectionPool.from_url(
                url,
                max_connections=connections_max,
                timeout=None,
                socket_connect_timeout=CONNECT_TIMEOUT_S,
                # The client would send within `asyncio.wait_for`, which before Python 3.12 loses a
                # cancellation that comes as it ends: who is told to stop would go on for ever.
                socket_timeout=None,
                client_name=application.replace(" ", "-"),
                protocol=2,
                # Who waits, and whether something was done before the connection was lost, is
                # known one level up.
                retry=Retry(NoBackoff(), 0),
            )
        except ValueError as error:
            raise ServerAddressError(url, str(error)) from error
        return cls(Redis.from_pool(pool), answer_timeout_s=answer_timeout_s)

    async def ask(self, commands: Sequence[Command]) -> list[Any]:
        """Each command's answer: text, a number, a list of them, or False for what is not there.

        Up to `ROUND_COMMANDS_MAX` of them are answered at one moment. Raises the first error.
        """
        answers: list[Any] = []
        for start in range(0, len(commands), ROUND_COMMANDS_MAX):
            asked = commands[start : start + ROUND_COMMANDS_MAX]
            answers += _unpack(await self.run(_ASK, [], _pack(asked)))
        return answers

    async def one(self, *command: str) -> Any:
        """One command's answer."""
        return (await self.ask([command]))[0]

    async def run(self, script: str, keys: Sequence[str], *arguments: str | bytes) -> Any:
        """A script's answer, as it comes: text is bytes, and what is not there is None.

        Raises `TimeoutError` where it takes longer than the client was told to wait.
        """
        run: Any = self._client.execute_command  # it has no types of its own
        async with asyncio.timeout(self._answer_timeout_s):
            return await run("EVAL", script, str(len(keys)), *keys, *arguments)

    async def change(
        self, conditions: Sequence[Condition], commands: Sequence[Command], *, spoilt: Command
    ) -> Condition | None:
        """Do all of it, or nothing where a condition does not hold: that one is returned.

        `spoilt` is done where a command failed behind one that did not.
        """
        place = await self.run(
            _CHANGE,
            [],
            _pack([[each.expected, *each.command] for each in conditions]),
            _pack(commands),
            _pack(spoilt),
        )
        return None if place == 0 else conditions[place - 1]

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
