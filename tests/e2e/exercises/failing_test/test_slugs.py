import unittest

from slugs import slug


class SlugTest(unittest.TestCase):
    def test_words_are_joined_by_single_dashes(self) -> None:
        self.assertEqual(slug("Hello,  World"), "hello-world")

    def test_no_dash_stands_at_an_end(self) -> None:
        self.assertEqual(slug("(draft) Notes!"), "draft-notes")
