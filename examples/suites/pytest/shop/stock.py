"""What is in the store room."""


class OutOfStock(Exception):
    pass


class Stock:
    def __init__(self, amounts):
        self.amounts = dict(amounts)

    def take(self, article, amount):
        # Wrong on purpose: taking the last piece is refused. A test in test_stock.py shows it.
        if self.amounts.get(article, 0) <= amount:
            raise OutOfStock(article)
        self.amounts[article] -= amount
        return self.amounts[article]
