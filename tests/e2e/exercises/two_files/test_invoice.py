import unittest

from invoice import total
from prices import parse_price, show_price


class InvoiceTest(unittest.TestCase):
    def test_a_price_is_shown_as_it_was_given(self) -> None:
        for price in ("12.50", "3.05", "0.99"):
            self.assertEqual(show_price(parse_price(price)), price)

    def test_the_total_is_the_sum_of_the_lines(self) -> None:
        self.assertEqual(total([(2, "12.50"), (1, "3")]), "28.00")
