"""Texts as rows: tf-idf of their most frequent words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from scipy.sparse import csr_array

# Words of a vocabulary: the paper takes as many of REUTERS (section 4.1).
MOST_WORDS = 2000


@dataclass(frozen=True)
class Texts:
    """The words that rows are made of, and how rare each was (its idf)."""

    kind: ClassVar = "texts"
    words: tuple[str, ...]
    rarity: tuple[float, ...]

    @classmethod
    def fit(cls, texts: Sequence[str]) -> Self:
        """Take the most frequent words that are no English stop words.

        Raises
        ------
        ValueError
            If the texts have no words.
        """
        vectorizer = _vectorizer(stop_words="english").fit(texts)
        return cls(tuple(vectorizer.get_feature_names_out().tolist()), tuple(vectorizer.idf_.tolist()))

    @property
    def width(self) -> int:
        """Number of words."""
        return len(self.words)

    def transform(self, texts: Sequence[str]) -> csr_array:
        """Return a row for each text, of length 1, or 0 where no word is known."""
        vectorizer = _vectorizer(vocabulary=list(self.words))
        vectorizer.idf_ = np.array(self.rarity)
        return csr_array(vectorizer.transform(texts))

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` makes the same of."""
        return {"words": list(self.words), "rarity": list(self.rarity)}

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
                if known and all(isinstance(r, float) for r in rarity):
                    return cls(tuple(words), tuple(rarity))
        raise ValueError("its words or their rarity do not fit")


def _vectorizer(**settings: Any) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(max_features=MOST_WORDS, sublinear_tf=True, dtype=np.float32, **settings)
