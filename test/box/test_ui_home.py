# SPDX-License-Identifier: GPL-2.0-or-later
"""The first page, in a real browser."""
from browser import BrowserCase


class Home(BrowserCase):
    def test_both_languages(self):
        node = self.node()
        self.push(node, name="雑談 <b>&amp; more", type="FLV", genre="talk", desc="\"quoted\" 'text'")
        node.wait_channel("雑談 <b>&amp; more")
        for lang, other, word in (("en", "日本語", "Receiving|On the air"), ("ja", "English", "配信中|受信中")):
            with self.subTest(lang):
                self.open(node, "/html/%s/index.html" % lang)
                self.assertEqual(self.wait_text(".name", "雑談"), "雑談 <b>&amp; more")
                self.wait_text(".state", word)
                self.shots("home")
        self.click(".language")
        self.wait_text(".language", "日本語")
        self.assertIn("/html/en/index.html", self.url())
