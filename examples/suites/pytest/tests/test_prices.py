import sys

import pytest

from shop.prices import parse, with_tax


@pytest.mark.parametrize(
    ("text", "cents"), [("0", 0), ("3", 300), ("12.50", 1250), ("0.05", 5)]
)
def test_parse(text, cents):
    assert parse(text) == cents


@pytest.mark.parametrize("text", ["", "-1", "1.5", "1.234", "free"])
def test_parse_refuses(text):
    with pytest.raises(ValueError):
        parse(text)


def test_tax_is_rounded_to_the_nearest_cent():
    assert with_tax(1999, 19) == 2379


@pytest.mark.skipif(sys.platform != "win32", reason="needs the Windows cash drawer")
def test_cash_drawer():
    assert False, "only on Windows"
