"""Prices in cents, so that no cent is lost to rounding."""


def with_tax(cents, percent):
    return cents + (cents * percent + 50) // 100


def parse(text):
    """'12.50' -> 1250; raises ValueError for anything else."""
    whole, _, rest = text.partition(".")
    if not whole.isdigit() or not (rest == "" or (len(rest) == 2 and rest.isdigit())):
        raise ValueError(f"not a price: {text!r}")
    return int(whole) * 100 + int(rest or 0)
