# SPDX-License-Identifier: GPL-2.0-or-later
"""The texts of the pages: everything that is shown has its Japanese, and no Japanese is without use."""
import glob
import json
import os
import re
import unittest

from harness import TOP

UI = os.path.join(TOP, "http/ui")
KEYS = os.path.join(TOP, "core/conf/key.c")
MARKED = re.compile(r"\{\{(.*?)\}\}", re.S)                                  # in pages
# in scripts: t("...") and t('...'), and with what else may stand in front of the bracket
CALLED = re.compile(r"""(?<![\w.])t\(\s*("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')""")
OTHER_CALL = re.compile(r"(?<![\w.])t\(\s*[^\s\"')]")                        # t(variable)
IN_C = re.compile(r'UI_TEXT\(((?:\s*"(?:[^"\\]|\\.)*")+)\s*\)')
# What the table of keys says of a setting: a sentence of its own.
DOC = re.compile(r'(?:"(?:[^"\\]|\\.)*"\s*)+')
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def files(pattern):
    return sorted(glob.glob(os.path.join(UI, pattern), recursive=True))


def title(text):
    """Of a page's first line, <!-- Title | section -->."""
    found = re.match(r"<!-- (.*?)(?: \| \S+)? -->\n", text)
    return [found[1]] if found else []


def unquote(literal):
    return json.loads('"%s"' % literal[1:-1].replace("\\'", "'")) if literal[0] == '"' else \
        json.loads('"%s"' % literal[1:-1].replace('"', '\\"').replace("\\'", "'"))


def used():
    """{ text: file }"""
    texts = {}
    for path in files("**/*.html"):
        text = read(path)
        for found in title(text) + MARKED.findall(text):
            texts.setdefault(" ".join(found.split()), path)
    for path in files("js/*.js"):
        for found in CALLED.findall(read(path)):
            texts.setdefault(unquote(found), path)
    for path in glob.glob(os.path.join(TOP, "http/*.c")) + glob.glob(os.path.join(TOP, "core/**/*.c"), recursive=True):
        for found in IN_C.findall(read(path)):
            texts.setdefault("".join(json.loads('"%s"' % s) for s in STRING.findall(found)), path)
    for found in DOC.findall(read(KEYS)):
        doc = "".join(json.loads('"%s"' % s) for s in STRING.findall(found))
        if re.search(r"\w.* .*\.$", doc) and "\n" not in doc:
            texts.setdefault(doc, KEYS)
    return texts


def catalogue():
    """{ English: (Japanese, file) }; a text with two translations is an error."""
    texts, twice = {}, []

    for path in files("ja/*.json"):
        for english, japanese in json.loads(read(path), object_pairs_hook=list):
            if texts.get(english, (japanese,))[0] != japanese:
                twice.append("%s: %r is another in %s" % (path, english, texts[english][1]))
            texts[english] = (japanese, path)
    return texts, twice


class Texts(unittest.TestCase):
    # What is the same in both languages.
    SAME = re.compile(r"^[^a-z]*$|^PeerCast( YP)?$|^kbit/s$|^index\.txt$")

    def test_each_has_its_japanese(self):
        texts, _ = catalogue()
        missing = ["%s: %r" % (os.path.relpath(path, TOP), text) for text, path in sorted(used().items())
                   if text not in texts and not self.SAME.match(text)]
        self.assertEqual(missing, [], "no entry in http/ui/ja/*.json:\n" + "\n".join(missing))

    def test_none_is_without_use(self):
        texts, twice = catalogue()
        have = used()
        idle = ["%s: %r" % (os.path.relpath(path, TOP), text) for text, (_, path) in texts.items() if text not in have]
        self.assertEqual(idle, [], "used nowhere:\n" + "\n".join(idle))
        self.assertEqual(twice, [])

    def test_they_are_translations(self):
        for english, (japanese, path) in catalogue()[0].items():
            with self.subTest(path, text=english):
                self.assertEqual(sorted(re.findall(r"\{\w+\}", english)), sorted(re.findall(r"\{\w+\}", japanese)))
                self.assertEqual(japanese, japanese.strip())
                self.assertNotEqual(japanese, "")
                self.assertLess(len(english.encode()), 1024, "TEMPLATE_TEXT")

    def test_scripts_name_their_texts(self):
        """t() of something that is no literal cannot be found by these tests."""
        for path in files("js/*.js"):
            for i, line in enumerate(read(path).split("\n")):
                if path.endswith("/node.js") and "export function t(" in line:
                    continue
                self.assertIsNone(OTHER_CALL.search(line), "%s:%d: %s" % (path, i + 1, line))

    def test_pages_are_as_they_should_be(self):
        """No script or style in a page, a title, an h1, a label for each field."""
        shell = set(re.findall(r'\bid="([^"@]+)"', read(os.path.join(UI, "shell.html"))))
        for path in files("**/*.html"):
            text = read(path)
            with self.subTest(path):
                self.assertNotRegex(text, r"(?i)<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=|javascript:")
                if not path.endswith("shell.html"):
                    self.assertEqual(len(title(text)), 1)
                    self.assertRegex(text, r"<h1\b")
                ids = re.findall(r'\bid="([^"@]+)"', text)
                self.assertEqual(sorted(ids), sorted(set(ids)), "an id is there twice")
                if "/pages/" in path:
                    self.assertEqual(set(ids) & shell, set(), "an id of the shell")
                for name in re.findall(r'\bfor="([^"]+)"', text):
                    self.assertIn(name, ids)
        for path in files("js/*.js"):
            self.assertNotRegex(read(path), r"\.innerHTML|\.outerHTML|insertAdjacentHTML|\beval\(|new Function|document\.write")


if __name__ == "__main__":
    unittest.main()
