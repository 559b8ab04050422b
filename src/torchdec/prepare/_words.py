"""What a text consists of: words between blanks, and characters and pairs of them where a script has no blanks."""

import re
import unicodedata
from functools import cache
from itertools import pairwise

# Letters, marks and digits of scripts that are written without blanks between words; no punctuation, so that a
# run ends at it.
_UNSPACED = (
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e50-\u0e59"  # Thai
    "\u0e81-\u0edf"  # Lao
    "\u0f00\u0f0b\u0f0c\u0f18-\u0f33\u0f35\u0f37\u0f39\u0f3e-\u0f84\u0f86-\u0fbc"  # Tibetan
    "\u1000-\u1049\u1050-\u109d\ua9e0-\ua9fe\uaa60-\uaa76\uaa7a-\uaa7f"  # Burmese
    "\u1780-\u17d3\u17d7\u17dc\u17dd\u17e0-\u17e9"  # Khmer
    "\u1950-\u19da\u1a20-\u1a99\ua980-\ua9c0\ua9cf-\ua9d9\uaa80-\uaadd"  # Tai and Javanese
    "\u3005-\u3007\u3021-\u3029\u3031-\u3035\u303b\u303c"  # signs that repeat, and numerals
    "\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9f\U0001b000-\U0001b16f"  # kana
    "\u3105-\u312f\u31a0-\u31bf\ua000-\ua48c"  # Bopomofo and Yi
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"  # Chinese
)
# Letters that are syllables, of scripts with blanks between words: one may be a word, as many in Korean are.
_SYLLABLES = (
    "\uac00-\ud7a3"  # Hangul
    "\u1200-\u135a\u2d80-\u2dde\uab01-\uab2e"  # Ethiopic
    "\u1401-\u166c\u166f-\u167f"  # Canadian
    "\u13a0-\u13fd\uab70-\uabbf"  # Cherokee
    "\ua500-\ua61f"  # Vai
)
_BEYOND_LATIN = re.compile("[\u0300-\U0010ffff]")
# Signs that put the consonant after them below the one before.
_STACKING = "[\u1039\u17d2\u1a60\ua9c0]"


@cache
def _marks() -> str:
    """Return the marks that belong to the letter before them, as ranges; those of emoji do not."""
    numbers = [
        number
        for number in range(0x300, 0x1E94B)
        if unicodedata.category(chr(number)) in ("Mn", "Mc") and not 0xFE00 <= number <= 0xFE0F
    ]
    starts = [number for number, before in zip(numbers, [0, *numbers], strict=False) if number != before + 1]
    ends = [number for number, after in zip(numbers, [*numbers[1:], 0], strict=True) if number + 1 != after]
    return "".join(f"{chr(start)}-{chr(end)}" for start, end in zip(starts, ends, strict=True))


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    """Return what finds an unusual character in a text, the words and runs of a text, and the units of a run."""
    marks = _marks()
    letter = rf"[^\W{_UNSPACED}]"
    return (
        re.compile(f"[{_UNSPACED}{_SYLLABLES}{marks}]"),
        re.compile(
            rf"([{_UNSPACED}][{_UNSPACED}{marks}]*)|{letter}(?:{letter}|[{marks}])+|[{_SYLLABLES}](?!{letter})"
        ),
        # Of Tibetan, whose syllables have a dot between them, a syllable; else a character with its marks.
        re.compile(rf"[\u0f00\u0f18-\u0fbc]+|[^\u0f0b\u0f0c](?:{_STACKING}.|[{marks}])*"),
    )


def is_unusual(text: str) -> bool:
    """Tell whether a text has letters that are no words between blanks, or one a word, or marks that cut words."""
    # Most texts have nothing beyond the letters of Latin, which is seen in a fraction of the time.
    return _BEYOND_LATIN.search(text) is not None and _patterns()[0].search(text) is not None


def has_no_blanks(text: str) -> bool:
    """Tell whether a text has a run of a script without blanks."""
    return re.search(f"[{_UNSPACED}]", text) is not None


def words_and_characters(text: str) -> list[str]:
    """Return the words of two letters or a syllable or more, and of scripts without blanks characters and pairs.

    Single characters are words in some of these scripts, and pairs in others, so both are taken.
    """
    _, run, unit = _patterns()
    text = unicodedata.normalize("NFC", text.lower())
    if not is_unusual(text):  # the same words, in a fraction of the time
        return re.findall(r"\w\w+", text)
    found: list[str] = []
    for match in run.finditer(text):
        if match[1] is None:
            found.append(match[0])
            continue
        units = unit.findall(match[0])
        found += units
        found += map("".join, pairwise(units))
    return found
