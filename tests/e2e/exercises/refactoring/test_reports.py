import unittest
from pathlib import Path

import sales
import stock


class ReportTest(unittest.TestCase):
    def test_rows_are_as_they_were(self) -> None:
        self.assertEqual(sales.report({"tea": 12, "coffee": 3}), "coffee       3\ntea         12")
        self.assertEqual(stock.report({"tea": 12, "coffee": 0}), "tea      12")
        self.assertEqual(sales.report({}), "")

    def test_the_layout_is_written_once(self) -> None:
        written = [path.name for path in Path(__file__).parent.glob("*.py") if ":>6}" in path.read_text()]
        self.assertEqual(len(written), 1 + (Path(__file__).name in written))
        self.assertNotIn("sales.py", written)
        self.assertNotIn("stock.py", written)
