"""In which encoding a text is that doesn't say so."""

import codecs
import re

# What a file may begin with, the longer first: UTF-32's begins as UTF-16's does.
BEGINNINGS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# Marks within a word, and capitals after small letters, are letters of Mac OS, DOS, Eastern Europe or UTF-8.
_ODD = re.compile(r"(?<=[^\W\d_])(?:[‚„†‡ˆ‰‹“”˜›¡¢£¤¥¦§¨©«¬®¯±³¶¸¹»¼½¾¿](?=[^\W\d_])|[ŠŽŸ](?=[a-z]))")
# No word of Western Europe has three accents in a row, as those of Cyrillic or Chinese encodings seem to have.
_RUN = re.compile(r"[^\0-\x7f]{4,}|[À-ÿ]{3,}")
_MOST_ODD = 0.2


def is_windows_1252(content: bytes) -> bool:
    """Tell whether a text that isn't UTF-8 may be in Windows-1252, as those of Western Europe are."""
    try:
        text = content.decode("cp1252")
    except UnicodeDecodeError:
        return False
    runs = sum(len(run) for run in _RUN.findall(text) if len(set(run)) > 2)
    n_marked = len(re.findall(r"[^\0-\x7f]", text))
    return len(_ODD.findall(text)) + runs <= _MOST_ODD * n_marked
