"""The documents behind the simulated coins' uris, as careless as those of the real ones."""

from random import Random

import msgspec

from curvetape.simulator.words import name_and_symbol, picture

_PRAISE = ("to the moon", "no roadmap, just vibes", "built by holders", "the last one you need")
_HOSTS = ("x.com", "twitter.com")


def metadata(content: str) -> bytes | None:
    """The document with a content identifier, always the same; None for one that nobody has."""
    random = Random(content)  # noqa: S311 - a market's chance, not a secret
    draw = random.random()
    if draw < 0.03:
        return None
    if draw < 0.05:
        return b"<html><body>not what you think</body></html>"
    name, symbol = name_and_symbol(random)
    word = "".join(letter for letter in name.lower() if letter.isascii() and letter.isalnum())
    found: dict[str, object] = {
        "name": name,
        "symbol": symbol,
        "description": f"{name}: {random.choice(_PRAISE)}." if random.random() < 0.8 else "",
        "image": picture(random),
        "showName": True,
        "createdOn": "https://pump.fun",
    }
    if random.random() < 0.6:
        found["twitter"] = f"https://{random.choice(_HOSTS)}/{word or 'coin'}"
    if random.random() < 0.3:
        found["telegram"] = f"https://t.me/{word or 'coin'}"
    if random.random() < 0.3:
        found["website"] = f"https://{word or 'coin'}.example" if random.random() < 0.9 else 404
    return msgspec.json.encode(found)
