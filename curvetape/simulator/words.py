"""Names, symbols and addresses of pictures for new coins."""

from random import Random

_FIRST = (
    *("Based", "Moon", "Tiny", "Giga", "Sleepy", "Golden", "Quantum", "Turbo", "Lonely", "Holy"),
    *("Rocket", "Cosmic", "Angry", "Fluffy", "Degen", "Royal", "Midnight", "Lucky", "Pixel"),
    *("Neon", "Crispy", "Salty", "Silent", "Wild", "Brave", "Chubby", "Electric", "Frozen"),
)
_SECOND = (
    *("Cat", "Dog", "Frog", "Hamster", "Whale", "Goblin", "Wizard", "Banana", "Penguin", "Duck"),
    *("Monkey", "Robot", "Pickle", "Toast", "Otter", "Raccoon", "Turtle", "Llama", "Shrimp"),
    *("Ghost", "Dragon", "Potato", "Capybara", "Axolotl", "Mango", "Falcon", "Bear", "Bull"),
)
_LAST = ("", "", "", " Coin", " Inu", " AI", " Club", " 2.0", " World Order", " on Solana", " DAO")
_FACES = ("🐸", "🚀", "🔥", "💎", "🐶", "😼", "🌕", "🍌")
_FOREIGN = (
    "猫猫币",
    "月の犬",
    "Кот Борис",
    "Señor Taco",
    "Crème Brûlée",
    "개구리",
    "ドージ君",
    "Ελλάς",
)
_HASH = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz123456789"


def name_and_symbol(random: Random) -> tuple[str, str]:
    """What a coin is called; now and then not in plain ASCII."""
    draw = random.random()
    if draw < 0.05:
        name = random.choice(_FOREIGN)
        return name, name.split()[0][:10].upper()
    first, second = random.choice(_FIRST), random.choice(_SECOND)
    name = f"{first} {second}{random.choice(_LAST)}"
    symbol = (first[: random.randint(0, 3)] + second).upper()[:10]
    if draw < 0.12:
        face = random.choice(_FACES)
        return f"{face}{name}{face}", f"${symbol[:8]}"
    return name, symbol


def picture(random: Random) -> str:
    """Where a coin's metadata would be."""
    tail = "".join(random.choices(_HASH, k=44))
    return f"https://ipfs.io/ipfs/Qm{tail}"
