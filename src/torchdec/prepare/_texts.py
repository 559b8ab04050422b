"""Texts as rows: tf-idf of their most frequent words."""

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self, cast, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from torchdec.prepare._words import is_unusual, words_and_characters

# Words of a vocabulary: the paper takes as many of REUTERS (section 4.1).
MOST_WORDS = 2000
# How a text is cut: into words by scikit-learn, also into characters by `words_and_characters`, or only into
# characters.
Analyzer = Literal["words", "words and characters", "characters"]
# Texts from which on words tell by how often they recur.
_ENOUGH = 10


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
        raise ValueError("its words or their rarity do not fit")


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
