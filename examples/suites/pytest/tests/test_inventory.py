import time

from shop.stock import Stock


def test_counting_the_whole_store_takes_a_while():
    stock = Stock({f"article {number}": number for number in range(1, 1001)})
    time.sleep(2)
    assert sum(stock.amounts.values()) == 500_500


def test_an_empty_store_is_counted_at_once():
    assert sum(Stock({}).amounts.values()) == 0
