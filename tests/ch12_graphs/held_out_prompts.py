"""Sentence frames and words on which claimed groups of neurons are tested.

No learner's pairs contain these frames.
"""

GENDER_FRAMES = (
    "In the morning {} opened the door and saw that",
    "The manager fired {} because",
    "Her cousin met {} at the airport when",
    "To be honest, I like {} because",
    "During the interview {} explained that",
    "The baby stopped crying when {} sang because",
    "Three years ago {} moved to Spain because",
)
GENDER_WORDS = (
    ("Alice", "Paul"),
    ("Laura", "Mark"),
    ("Jane", "Eric"),
    ("Rachel", "Adam"),
    ("Kate", "Tom"),
    ("the waitress", "the waiter"),
    ("the lady", "the gentleman"),
    ("the wife", "the husband"),
    ("the mother", "the father"),
    ("Emma", "Jack"),
)
OPEN_FRAMES = {
    "tense": (
        "The whole family hopes that {} the concert",
        "It is clear to me that {} the meeting",
        "The coach said that {} the game",
    ),
    "thing": (
        "A visitor asked about the {} because",
        "In the picture you can see the {} before",
        "Most of us forgot the {} because",
        "The teacher showed us the {} and said that",
    ),
    "object": (
        "The {} waited at the door, and the woman looked at",
        "After the {} left, few people ever saw",
        "The {} asked for water, and the girl gave some to",
    ),
    "owner": (
        "At that time the {} in the north had",
        "After the storm the {} lost most of",
        "Little by little, the {} changed",
    ),
}
