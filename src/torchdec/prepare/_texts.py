"""Texts as rows: tf-idf of their most frequent words, and what is a word where a script has no blanks."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any, ClassVar, Literal, Self, cast, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

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

# Words of a vocabulary: the paper takes as many of REUTERS (section 4.1).
MOST_WORDS = 2000
# How a text is cut: into words by scikit-learn, also into characters by `words_and_characters`, or only into
# characters.
Analyzer = Literal["words", "words and characters", "characters"]
# Texts from which on words tell by how often they recur.
_ENOUGH = 10


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


@dataclass(frozen=True)
class Texts:
    """The words that rows are made of, how rare each was (its idf), and how a text is cut into them."""

    kind: ClassVar = "texts"
    words: tuple[str, ...]
    rarity: tuple[float, ...]
    analyzer: Analyzer = "words"

    @classmethod
    def fit(cls, texts: Sequence[str]) -> Self:
        """Take the most frequent words that are no English stop words.

        Of scripts without blanks between words, characters and pairs of characters stand for words; of texts that
        have hardly a word in common, such as names and sequences, characters and pairs alone.

        Raises
        ------
        ValueError
            If the texts have no words.
        """
        texts = _composed(texts)
        analyzer: Analyzer = "words and characters" if any(map(is_unusual, texts)) else "words"
        vectorizer = _vectorizer(analyzer, stop_words="english").fit(texts)
        if len(texts) >= _ENOUGH and _have_little_in_common(vectorizer.idf_, len(texts)):
            analyzer = "characters"
            vectorizer = _vectorizer(analyzer).fit(texts)
        return cls(tuple(vectorizer.get_feature_names_out().tolist()), tuple(vectorizer.idf_.tolist()), analyzer)

    @property
    def width(self) -> int:
        """Number of words."""
        return len(self.words)

    def transform(self, texts: Sequence[str]) -> csr_array:
        """Return a row for each text, of length 1, or 0 where no word is known."""
        vectorizer = _vectorizer(self.analyzer, vocabulary=list(self.words))
        vectorizer.idf_ = np.array(self.rarity)
        return csr_array(vectorizer.transform(_composed(texts)))

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` makes the same of."""
        return {"words": list(self.words), "rarity": list(self.rarity), "analyzer": self.analyzer}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """Make it of what `to_json` returned.

        Raises
        ------
        ValueError
            If the fields are others, or do not fit together.
        """
        match fields:
            case {"words": list(words), "rarity": list(rarity)} if len(words) == len(rarity):
                known = all(isinstance(word, str) for word in words) and len(set(words)) == len(words)
                analyzer = fields.get("analyzer", "words")
                if known and all(isinstance(r, float) for r in rarity) and analyzer in get_args(Analyzer):
                    return cls(tuple(words), tuple(rarity), cast("Analyzer", analyzer))
        raise ValueError("its words and their rarity don't match")


def _have_little_in_common(rarity: NDArray[np.float64], n_texts: int) -> bool:
    """Tell whether words that stand in several texts are fewer than one in two texts."""
    n_having = np.rint((1 + n_texts) / np.exp(rarity - 1) - 1)
    return bool(2 * n_having[n_having > 1].sum() < n_texts)


def _composed(texts: Sequence[str]) -> list[str]:
    """Write letters with accents as one character: files of macOS and of Windows spell them in two ways."""
    return [unicodedata.normalize("NFC", text) for text in texts]


def _vectorizer(analyzer: Analyzer, *, stop_words: str | None = None, **settings: Any) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    if analyzer == "characters":
        settings |= {"analyzer": "char", "ngram_range": (1, 2)}
    elif analyzer == "words":
        settings["stop_words"] = stop_words
    else:
        settings["analyzer"] = words_and_characters if stop_words is None else _without_stop_words()
    return TfidfVectorizer(max_features=MOST_WORDS, sublinear_tf=True, dtype=np.float32, **settings)


def _without_stop_words() -> Callable[[str], list[str]]:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return lambda text: [word for word in words_and_characters(text) if word not in ENGLISH_STOP_WORDS]
