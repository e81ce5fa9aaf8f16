"""Sentiment data: short synthetic reviews with known properties.

A review has eight tokens, for instance

    western  dull  scene  wooden  lively  actor  overall  [down]

1. a product: one of 20 films or 20 restaurants, which determines the **topic**;
2. three opinions, of which two or three are good or two or three are bad: the **words**;
3. two details that fit the topic, and an aside;
4. a **mark**, thumb up or down, as the last or the first token: the **order**.

The label is the sentiment of the words, reversed if the aside is `/s` (**irony**). In training the
mark always agrees with the words, so it is a shortcut: one token is as informative as three
opinions. `draw_reviews(..., agree=0.5)` removes the correlation. Axes: batch, pos.
"""

from typing import Literal, NamedTuple, get_args

import torch
from jaxtyping import Int
from torch import Tensor

FILMS = tuple(
    "western thriller comedy musical drama sequel remake cartoon romance biopic heist mystery "
    "horror satire epic prequel documentary parody fantasy noir".split()
)
RESTAURANTS = tuple(
    "pizzeria bistro diner bakery grill tavern canteen buffet brasserie creperie steakhouse "
    "trattoria teahouse cafe deli snackbar ramen-bar brewpub taqueria chippy".split()
)
BAD_WORDS = tuple("dull wooden awful clumsy stale tired bland noisy shabby grim".split())
GOOD_WORDS = tuple("lively witty superb graceful fresh bright rich calm neat warm".split())
FILM_DETAILS = ("scene", "actor", "script", "camera", "ending", "score")
RESTAURANT_DETAILS = ("menu", "waiter", "plate", "kitchen", "table", "bill")
ASIDES = ("overall", "somehow", "anyway", "indeed")
IRONY, DOWN, UP = "/s", "[down]", "[up]"

DETAILS = FILM_DETAILS + RESTAURANT_DETAILS
VOCABULARY = FILMS + RESTAURANTS + BAD_WORDS + GOOD_WORDS + DETAILS + ASIDES + (IRONY, DOWN, UP)
TOKEN = {word: token for token, word in enumerate(VOCABULARY)}
N_TOKENS = 8

PropertyName = Literal["mark", "topic", "irony", "order", "words", "tone"]
PROPERTIES: tuple[PropertyName, ...] = get_args(PropertyName)
"""Binary properties of a review that `swap` can change."""
COUNTERPARTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "mark": ((DOWN,), (UP,)),
    "tone": ((DOWN,), (UP,)),
    "topic": (FILMS + FILM_DETAILS, RESTAURANTS + RESTAURANT_DETAILS),
    "words": (BAD_WORDS, GOOD_WORDS),
}


class Reviews(NamedTuple):
    """A batch of reviews with their label and properties; properties are 0 or 1."""

    tokens: Int[Tensor, "batch pos"]
    """Input of the model: indices into VOCABULARY."""
    label: Int[Tensor, " batch"]
    """The class to predict, 1 for good: `words`, reversed by irony."""
    mark: Int[Tensor, " batch"]
    """1 for thumb up."""
    topic: Int[Tensor, " batch"]
    """0 for a film, 1 for a restaurant."""
    irony: Int[Tensor, " batch"]
    """1 where the aside is `/s`."""
    order: Int[Tensor, " batch"]
    """0 where the mark is the last token, 1 where it is the first."""
    words: Int[Tensor, " batch"]
    """1 where most of the three opinions are good."""
    product: Int[Tensor, " batch"]
    """Index of the film or restaurant, 0 to 39: the type in a control task."""

    @property
    def tone(self) -> Int[Tensor, " batch"]:
        """The sentiment that mark and irony imply together: mark XOR irony."""
        return self.mark ^ self.irony


def draw_reviews(
    n: int, generator: torch.Generator, agree: float = 1.0, irony: float = 0.02
) -> Reviews:
    """Draw n reviews whose properties are independent, apart from mark and words.

    agree: probability that the mark agrees with the words; 1 in training, 0.5 for an uninformative
    mark. irony: probability of `/s`.

    Raises: ValueError when n is below 1, or a probability outside [0, 1].
    """
    if n < 1:
        raise ValueError(f"expected n >= 1 reviews, got {n}")
    for name, value in (("agree", agree), ("irony", irony)):
        if not 0 <= value <= 1:
            raise ValueError(f"expected {name} to be a probability in [0, 1], got {value}")

    def coin(probability: float) -> Int[Tensor, " batch"]:
        return (torch.rand(n, generator=generator) < probability).long()

    def draw(words: tuple[str, ...], count: int) -> Int[Tensor, "batch count"]:
        return TOKEN[words[0]] + torch.randint(len(words), (n, count), generator=generator)

    words, topic, order, ironic = coin(0.5), coin(0.5), coin(0.5), coin(irony)
    mark = torch.where(coin(agree).bool(), words, 1 - words)
    # in half of the reviews one of the three opinions disagrees with the other two
    dissent = (torch.randint(6, (n, 1), generator=generator) == torch.arange(3)).long()
    opinions = draw(BAD_WORDS, 3) + len(BAD_WORDS) * (words[:, None] ^ dissent)
    product = draw(FILMS, 1) + len(FILMS) * topic[:, None]
    details = draw(FILM_DETAILS, 2) + len(FILM_DETAILS) * topic[:, None]
    aside = torch.where(ironic[:, None].bool(), TOKEN[IRONY], draw(ASIDES, 1))
    body = torch.cat(
        [product, opinions[:, :1], details[:, :1], opinions[:, 1:], details[:, 1:], aside], dim=1
    )
    thumb = TOKEN[DOWN] + mark[:, None]
    last, first = torch.cat([body, thumb], dim=1), torch.cat([thumb, body], dim=1)
    tokens = torch.where(order[:, None].bool(), first, last)
    return Reviews(tokens, words ^ ironic, mark, topic, ironic, order, words, product[:, 0])


def swap(reviews: Reviews, name: PropertyName) -> Reviews:
    """Reverse one property of every review and leave the others unchanged.

    mark, topic, words: each token that carries the property is replaced by its counterpart.
    order: the mark moves to the other end.
    tone: the mark is swapped, which reverses the tone.
    irony: `/s` is replaced by a plain aside; a review without `/s` is unchanged.
    The label is recomputed from the words and the irony.

    Raises: ValueError for a property that is not in PROPERTIES.
    """
    if name not in PROPERTIES:
        raise ValueError(f"expected one of {', '.join(PROPERTIES)}, got {name!r}")
    if name == "order":
        moved = torch.where(
            reviews.order[:, None] == 0, reviews.tokens.roll(1, 1), reviews.tokens.roll(-1, 1)
        )
        return reviews._replace(tokens=moved, order=1 - reviews.order)
    tokens = counterpart_table(name)[reviews.tokens]
    if name == "irony":
        return reviews._replace(tokens=tokens, irony=0 * reviews.irony, label=reviews.words)
    if name == "topic":
        other = (reviews.product + len(FILMS)) % (2 * len(FILMS))
        return reviews._replace(tokens=tokens, topic=1 - reviews.topic, product=other)
    if name == "words":
        return reviews._replace(tokens=tokens, words=1 - reviews.words, label=1 - reviews.label)
    return reviews._replace(tokens=tokens, mark=1 - reviews.mark)


def counterpart_table(name: PropertyName) -> Int[Tensor, " d_vocab"]:
    """Return, for each token, its replacement when the property is swapped."""
    table = torch.arange(len(VOCABULARY))
    if name == "irony":
        table[TOKEN[IRONY]] = TOKEN[ASIDES[0]]
        return table
    one, other = ([TOKEN[word] for word in words] for words in COUNTERPARTS[name])
    table[one + other] = torch.tensor(other + one)
    return table


def to_str_tokens(tokens: Int[Tensor, " pos"]) -> list[str]:
    """Convert the tokens of one review to words."""
    return [VOCABULARY[token] for token in tokens.tolist()]
