"""Clusters of texts are told by words of their topics, in any language, and not by what a mail has around them."""

from itertools import combinations

import numpy as np
import pytest

from torchdec.clusters import _words
from torchdec.clusters._words import words_of

# Sentences of three topics each; those of a text are two of them.
GERMAN = {
    "rechnung": [
        "ich brauche eine Kopie der Rechnung für die Buchhaltung",
        "bitte erstatten Sie mir die doppelte Zahlung auf der Rechnung",
        "mir wurde der Betrag auf der Rechnung zweimal von der Karte abgebucht",
    ],
    "paket": [
        "das Paket ist noch nicht bei mir angekommen, wo ist es",
        "die Nummer von dem Paket wird auf der Seite nicht gefunden",
        "der Kurier sagt, dass das Paket verloren ist, und das ist nicht gut",
    ],
    "passwort": [
        "ich kann mich nicht mehr anmelden, weil das Passwort falsch ist",
        "die Mail für das Passwort ist nicht bei mir angekommen",
        "nach dem Passwort werde ich immer wieder gefragt, was soll das",
    ],
}
FRENCH = {
    "facture": [
        "j'ai besoin d'une copie de la facture pour le service comptable",
        "vous avez débité deux fois le montant de la facture sur ma carte",
        "la facture est avec un mauvais taux, il faut que vous la changiez",
    ],
    "colis": [
        "le colis n'est pas encore arrivé chez moi, où est-il",
        "le numéro du colis n'est pas dans la liste que vous avez",
        "on me dit que le colis est perdu, et ce n'est pas normal",
    ],
    "compte": [
        "je ne peux plus me connecter à mon compte depuis hier",
        "le mot de passe de mon compte est refusé par le site",
        "mon compte est bloqué et je ne sais pas ce que je dois faire",
    ],
}
ENGLISH = {
    "invoice": [
        "I need a copy of the invoice for my accounting",
        "you have charged the invoice twice to my card",
        "the invoice is with the wrong rate and you have to change it",
    ],
    "parcel": [
        "the parcel has not been delivered to me yet, where is it",
        "the number of the parcel is not on the site that you gave me",
        "they say that the parcel is lost, and this is not what I want",
    ],
    "account": [
        "I can not log in to my account since the day before",
        "the password of my account is refused by the site",
        "my account is locked and I do not know what I should do",
    ],
}


def texts_of(*languages: dict[str, list[str]]) -> tuple[list[str], np.ndarray]:
    topics = [sentences for language in languages for sentences in language.values()]
    pairs = [(". ".join(pair), number) for number, own in enumerate(topics) for pair in combinations(own, 2)]
    texts, labels = zip(*pairs * 3, strict=True)
    return list(texts), np.array(labels, dtype=np.int32)


@pytest.mark.parametrize("language", [GERMAN, FRENCH, ENGLISH])
def test_stop_words_of_no_language_name_a_cluster(language: dict[str, list[str]]) -> None:
    texts, labels = texts_of(language)
    for topic, words in zip(language, words_of(texts, labels, 3), strict=True):
        assert topic in words[0]
        said = {part for word in words for part in word.split()}
        assert not said & {
            "ist",
            "der",
            "die",
            "das",
            "nicht",
            "le",
            "la",
            "est",
            "que",
            "vous",
            "the",
            "is",
            "you",
        }


def test_each_text_loses_the_stop_words_of_its_own_language() -> None:
    texts, labels = texts_of(GERMAN, FRENCH, ENGLISH)
    topics = [topic for language in (GERMAN, FRENCH, ENGLISH) for topic in language]
    for topic, words in zip(topics, words_of(texts, labels, 9), strict=True):
        assert topic in words[0]
    # "war" and "die" are German stop words, and what English texts may be about.
    texts += ["the war was lost, and they let the soldiers die in it"] * 9
    assert "war" in " ".join(words_of(texts, np.append(labels, [9] * 9).astype(np.int32), 10)[9]).split()


POST = """\
From: {name}@{host} (Gordon Banks)
Subject: {language}{subject}
Organization: University of Pittsburgh
\tComputer Science
Nntp-Posting-Host: {host}
Lines: 12

In article <1993Apr5.{number}@{host}> kent@newton.apple.com (Kent Sandvik) writes:

>Somebody else said that bananas are yellow.
> > And that apples are green.

{text}
See https://{host}/page for more.
-- 
Gordon Banks  N3JXP      | "Skepticism is the chastity of the intellect"
"""  # noqa: W291


def test_what_a_mail_has_around_its_text_names_no_cluster() -> None:
    topics = {
        "hockey": "the goalie saved the puck",
        "space": "the orbit of the rocket",
        "car": "an engine needs oil",
    }
    texts, labels = [], []
    for label, (subject, text) in enumerate(topics.items()):
        for number in range(9):
            host = f"host{label}.pitt.edu"
            post = {"name": "geb", "host": host, "language": "Re: ", "subject": subject, "number": number}
            texts.append(POST.format(**post, text=text))
            labels.append(label)
    found = words_of(texts, np.array(labels, dtype=np.int32), 3)
    own = [{"goalie", "saved", "puck", "hockey"}, {"orbit", "rocket", "space"}, {"engine", "needs", "oil", "car"}]
    for words, said in zip(found, own, strict=True):
        assert len(words) >= 2
        assert set(" ".join(words).split()) <= said


@pytest.mark.parametrize(
    "text",
    [
        "Problem: the printer is on fire\nDevice: laser\nand it burns\n",  # a form, and no mail
        "we agreed:\nnothing is quoted here\n",
        "a -- b\nand more | of | it\n",
    ],
)
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert _words._own(text) == text


def test_lines_without_blanks_are_read_in_time_that_grows_with_them() -> None:
    assert _words._own("x" * 200_000).strip() == "x" * 200_000
    assert _words._own(":" * 200_000).strip() == ":" * 200_000


def test_of_long_and_many_texts_a_part_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    texts, labels = texts_of(ENGLISH)
    monkeypatch.setattr(_words, "_OF_ALL", sum(map(len, texts)) // 2)
    index = _words._drawn(texts, np.arange(len(texts)))
    assert 10 <= len(index) <= 17
    assert (np.diff(index) > 0).all()
    assert all(words_of(texts, labels, 3))
