"""How much text the cells of an XLSX sheet hold. A text is in the file once, but calamine copies it for each cell that
refers to it: a megabyte becomes gigabytes."""

import re
from array import array
from zipfile import ZipFile, ZipInfo

#: Bytes of the text of a sheet.
MAX_TEXT = 400_000_000
BLOCK = 1 << 20
#: Bytes that a tag may have, where it is cut in two.
_MAX_TAG = 1000

_PREFIX = rb"(?:[^\s<>/:]+:)?"
_START = re.compile(rb"<" + _PREFIX + rb"si\b")
_DECLARATION = re.compile(rb"(?:\xef\xbb\xbf)?<\?xml[^<>]*\?>")
#: Anything else, like a comment, might hide a text from calamine or from us, and they would be numbered differently.
_TAG = re.compile(rb"<(/?)" + _PREFIX + rb"""([\w.-]+)(?:\s+[\w:.-]+\s*=\s*(?:"[^"<>]*"|'[^'<>]*'))*\s*(/?)>""")
#: Of a cell that refers to a text: its number, where it stands as all programs write it.
_NUMBER = re.compile(rb"""t\s*=\s*["']s["'](?:[^<>]*>\s*<""" + _PREFIX + rb"v>([0-9]{1,8})</" + _PREFIX + rb"v>\s*</"
                     + _PREFIX + rb"c>)?")


class Strings:
    """How long the texts are that cells refer to by number, in bytes of XML: they are never longer than that."""

    def __init__(self):
        #: From 1 on; the first is what comes before them.
        self.lengths, self.rest = array("I", [0]), b""

    def add(self, block: bytes) -> None:
        """The next block, of whatever part of the file."""
        block, self.rest = _cut(self.rest + block)
        # The regular expression is slow, and most parts have none.
        before, *texts = _START.split(block) if b"<si" in block or b":si" in block else [block]
        self.lengths[-1] += len(before)
        self.lengths.extend(map(len, texts))

    @property
    def longest(self) -> int:
        return max(self.lengths[1:], default=0)


def of_sheet(archive: ZipFile, entry: ZipInfo, strings: Strings) -> int:
    """Bytes of the texts that its cells refer to. A cell that does so in unusual words is taken for the longest."""
    size, rest, longest = 0, b"", strings.longest
    with archive.open(entry) as part:
        while block := part.read(BLOCK):
            xml, cut, last = (rest + block).rpartition(b"<")
            rest = cut + last
            size += sum(strings.lengths[int(number) + 1] if number else longest for number in _NUMBER.findall(xml))
    return size


def is_plain(archive: ZipFile, entry: ZipInfo) -> bool:
    """Whether calamine numbers the texts of this part as we do: none is hidden, or within another."""
    is_open = False
    with archive.open(entry) as part:
        xml = _DECLARATION.sub(b"", part.read(BLOCK), count=1)
        while xml:
            block = part.read(BLOCK)
            whole, rest = _cut(xml) if block else (xml, b"")
            tags = _TAG.findall(whole)
            if len(tags) != whole.count(b"<"):
                return False
            for closes, name, is_empty in tags:
                if name == b"si":
                    if bool(closes) != is_open:
                        return False
                    is_open = not closes and not is_empty
            xml = rest + block
    return True


def _cut(xml: bytes) -> tuple[bytes, bytes]:
    """Before its last tag, as that may not be complete, and the rest."""
    at = max(xml.rfind(b"<"), len(xml) - _MAX_TAG, 0)
    return xml[:at], xml[at:]
