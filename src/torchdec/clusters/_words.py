"""The words and phrases that tell the texts of each cluster from all others."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from torchdec.prepare._texts import is_unusual, words_and_characters

# Characters of a text that are read, and of all texts, which are drawn at random from more: seconds of counting.
_OF_A_TEXT, _OF_ALL = 1_500, 4_000_000
# Terms that are compared, and terms a cluster.
_MOST_TERMS, _WORDS = 20_000, 8
# Terms of a cluster that are looked at, and the fraction of a word's texts from which on a phrase stands for it.
_LOOKED_AT, _MOSTLY = 60, 0.6
# Fewer texts than this hold a term by chance.
_FEWEST = 3
# Texts that tell in which languages all are, and the fraction of them that a language needs.
_ASKED, _SPOKEN = 1_000, 0.01

# Lines "Name: value" one after another, as at the head of a mail or a post, if the subject is among them.
_HEADER = re.compile(r"\s*(?:[A-Z][\w-]*:.*\n(?:[ \t]+\S.*\n)*){2,}")
_SUBJECT = re.compile(r"^(?:Subject|Betreff|Objet|Asunto|Oggetto|Assunto|Onderwerp):(.*)", re.MULTILINE)
_NOT_SAID_HERE = re.compile(
    r"^(?:.*:[ \t]*\n\s*)?(?:>.*\n?)+"  # quoted lines, and the line before them that says whose they are
    r"|^-- ?\n(?s:.*)"  # a signature
    r"|(?<!\S)\S+@\S+|https?://\S+|www\.\S+",
    re.MULTILINE,
)


def words_of(texts: Sequence[str], labels: NDArray[np.int32], n_clusters: int) -> list[tuple[str, ...]]:
    """Return the words and phrases that tell the texts of each cluster from all others, the clearest first.

    They are ranked by class-based tf-idf (Grootendorst, "BERTopic", 2022): the fraction of the cluster's texts
    that have a term, times the logarithm of 1 + how rare the term is among all clusters. A phrase of two words
    stands for one of them where most texts that have that word have the phrase. Stop words of the language of a
    text don't count, and neither does what a mail has around its text: headers but the subject, quotes of others,
    addresses, a signature.
    """
    from sklearn.feature_extraction.text import CountVectorizer

    index = _drawn(texts, np.flatnonzero(labels >= 0))
    some = [_own(texts[i][: 4 * _OF_A_TEXT])[:_OF_A_TEXT] for i in index.tolist()]
    vectorizer = CountVectorizer(analyzer=_terms(some), binary=True, max_features=_MOST_TERMS)
    try:
        counts = csr_array(vectorizer.fit_transform(some))
    except ValueError:  # no text has a word
        return [()] * n_clusters
    own = csr_array((np.ones(len(index)), (labels[index], np.arange(len(index)))), (n_clusters, len(index)))
    in_cluster = (own @ counts).toarray()
    fraction = in_cluster / np.maximum(np.bincount(labels[index], minlength=n_clusters), 1)[:, None]
    score = fraction * np.log1p(1 / fraction.sum(axis=0))
    score[in_cluster < min(_FEWEST, len(index))] = 0
    terms = vectorizer.get_feature_names_out()
    return [_clearest(terms, *scored) for scored in zip(score, in_cluster, strict=True)]


def _own(text: str) -> str:
    """Return what the author of a mail or a post says in it, of any other text all but addresses."""
    header = _HEADER.match(text)
    if header and (subject := _SUBJECT.search(header[0])):
        text = f"{subject[1]}\n{text[header.end() :]}"
    return _NOT_SAID_HERE.sub(" ", text)


def _drawn(texts: Sequence[str], index: NDArray[np.int64]) -> NDArray[np.int64]:
    """Draw as many texts at random as are read in seconds."""
    order = np.random.default_rng(0).permutation(index)
    lengths = np.cumsum([min(len(texts[i]), _OF_A_TEXT) for i in order.tolist()])
    return np.sort(order[: max(1, int(np.searchsorted(lengths, _OF_ALL)))])


def _clearest(terms: NDArray[Any], score: NDArray[Any], count: NDArray[Any]) -> tuple[str, ...]:
    """Take the terms with the highest scores that share no word with one before; phrases in place of words."""
    best = [i for i in np.argsort(-score, kind="stable")[:_LOOKED_AT] if score[i] > 0]
    phrases = [i for i in best if " " in terms[i]]
    taken: list[str] = []
    for i in best:
        longer = (j for j in phrases if terms[i] in terms[j].split() and count[j] >= _MOSTLY * count[i])
        term = str(terms[next(longer, i)])
        if not set(term.split()) & {word for other in taken for word in other.split()}:
            taken.append(term)
    return tuple(taken[:_WORDS])


def _terms(texts: Sequence[str]) -> Callable[[str], list[str]]:
    """Return what cuts a text into words that mean something and phrases of two of them."""
    asked = texts[:: max(1, len(texts) // _ASKED)]
    has_unspaced = any(map(is_unusual, asked))
    spoken = Counter(_language(set(words_and_characters(text)), stop_words()) for text in asked)
    least = _SPOKEN * len(asked)
    known = {language: stop_words()[language] for language, n in spoken.most_common() if n >= least}

    def terms(text: str) -> list[str]:
        words = words_and_characters(text)
        stop = known[_language(set(words), known)]
        words = [word if word not in stop and not word.isdecimal() else "" for word in words]
        phrases = [f"{a} {b}" for a, b in pairwise(words) if a and b and not has_unspaced]
        return [word for word in words if word] + phrases

    return terms


def _language(words: set[str], known: dict[str, frozenset[str]]) -> str:
    """Return the language that most words of a text are stop words of; the first one where none is."""
    return max(known, key=lambda language: len(words & known[language]))


@cache
def stop_words() -> dict[str, frozenset[str]]:
    """Return the stop words of each language, as texts are cut into words.

    English ones, which come first, are those of scikit-learn: the list of `stopwordsiso` has "home" and "website".
    """
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS
    from stopwordsiso import langs, stopwords

    found = {"en": frozenset(ENGLISH_STOP_WORDS)}
    for language in sorted(langs() - {"en"}):
        found[language] = frozenset(word for entry in stopwords(language) for word in re.split(r"['’\s]", entry))
    return found
