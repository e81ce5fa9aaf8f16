"""Words of the indirect-object task: sentence frames, names, places and objects.

A frame introduces two names, {A} and {B}, and then one of them, {S}, gives something away, so the
other name is the likely continuation.
The frames are ours, in the grammar of the paper: openings with "when", "while", "after" or "then",
and a comma or a full stop between the clauses.
No frame begins with a name, because a name without a space before it is another token.
"""

FRAMES = (
    "When {A} and {B} walked to the {place}, {S} handed a {object} to",
    "After {A} and {B} met at the {place}, {S} sent a {object} to",
    "While {A} and {B} waited at the {place}, {S} passed a {object} to",
    "As {A} and {B} sat in the {place}, {S} offered a {object} to",
    "Then {A} and {B} visited the {place}. Later {S} gave a {object} to",
    "After work, {A} and {B} left. Soon {S} sent a {object} to",
    "At the {place} {A} and {B} talked, and {S} gave a {object} to",
    "Once {A} and {B} reached the old {place}, {S} sold a {object} to",
    "While {A} and {B} cleaned the big {place}, {S} threw a {object} to",
    "When {A} and {B} had a long talk, {S} brought a {object} to",
    "So {A} and {B} agreed, and {S} then kindly gave a {object} to",
    "The day {A} and {B} met, {S} decided to give a {object} to",
    "Last night {A} and {B} had fun, so {S} passed a {object} to",
    "When {A} and {B} came home from the {place}, {S} gave a {object} to",
    "Today {A} and {B} bought a {object} together. Then {S} gave it to",
)
"""In byte-level BPE the first thirteen have 14 tokens, the last two 15 and 14."""

NAMES = tuple(
    """
    Mary John Tom James Dan Sarah Anna Paul Mark Robert Michael David William Richard Thomas Charles
    Daniel Matthew Anthony Steven Andrew Kevin Brian George Edward Jason Ryan Jacob Nicholas Eric
    Stephen Scott Benjamin Samuel Frank Patrick Jack Henry Adam Nathan Peter Jeremy Carl Roger
    Arthur Sean Albert Joe Jennifer Linda Elizabeth Susan Jessica Karen Lisa Nancy Margaret Ashley
    Emily Michelle Amanda Melissa Rebecca Laura Helen Amy Angela Nicole Katherine Christine Emma
    Rachel Julia Alice Maria Kate Jane Lucy Simon Martin
    """.split()
)
PLACES = ("store", "garden", "school", "hospital", "office", "museum", "station", "library")
OBJECTS = ("book", "computer", "drink", "letter", "ticket", "flower", "coat", "gift")
