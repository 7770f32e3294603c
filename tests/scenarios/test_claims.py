"""The audit's rules find claims that a persona rules out, and leave alone what a person of that kind may well say."""

import pytest

from scenarios.claims import unsupported_claim

DEAF = "She was born deaf. She restores furniture in a workshop in Ghent. She has a dog named Pip."
CLEANER = "She is a 41-year-old hotel cleaner. She cleans fourteen rooms a day. She sings in a church choir."
OLD = "He is 88 years old and walks with a walking frame. He was a village teacher. His wife died in 2009."
HOSTEL = "He is 52 and stays in a hostel for homeless men. He lost his job in March. He plays draughts."
BLIND = "He has been blind since he was six. He tunes pianos in Lyon. He swims on Sundays."
WHEELCHAIR = "She uses a wheelchair since a fall. She is a librarian. She lives with two cats."
PUPIL = "He is ten years old. He goes to school in Galway. He has a guinea pig called Mop."
VEGETARIAN = "She is vegetarian and never drinks alcohol. She is a nurse. She has a son and plays the cello."
RETIRED = "She is a retired nurse of 70. She grows roses. She lives alone."
BROTHER = "She is a florist. Her brother is deaf and her father is blind. She learns sign language."
PROGRAMMER = "He is 27 and a programmer. He studies for a degree in the evening. He boxes and has a band."

INVENTED = [
    (DEAF, "Something in the house is making a strange noise."),
    (DEAF, "I've had the same tune in my head since breakfast."),
    (DEAF, "There was a song on the radio this morning that got to me."),
    (DEAF, "Somebody's car alarm has been going for ten minutes here."),
    (DEAF, "Ugh, my neighbour is hoovering at this hour, can you believe it?"),
    (CLEANER, "Some code of mine works, and I've no idea why."),
    (CLEANER, "Don't get me started: my brain is full, one more lecture and I'll burst."),
    (CLEANER, "My dog ate my shoes."),
    (OLD, "My brain is full, one more lecture and I'll burst."),
    (OLD, "I skipped the workout today and I feel bad about it."),
    (OLD, "I went for a run before breakfast."),
    (OLD, "Somebody asked me what I learnt in class this week, and I had to think."),
    (HOSTEL, "The oven is on and the whole place smells good."),
    (HOSTEL, "I moved the couch today and found three pens."),
    (HOSTEL, "Something in the house is making a strange noise."),
    (HOSTEL, "Erm, the day at work went on for ever."),
    (BLIND, "I was watching something last night and talked back at the screen."),
    (BLIND, "I saw a lovely red coat in a shop window."),
    (WHEELCHAIR, "My legs hurt, and it's my own fault."),
    (WHEELCHAIR, "I've got mud on my boots again, after a wet walk in the woods."),
    (PUPIL, "My boss had one of those ideas again."),
    (PUPIL, "I've been looking at my bank account, and it looked away first."),
    (VEGETARIAN, "We grilled a huge steak on the balcony."),
    (VEGETARIAN, "I had two beers with the neighbours."),
    (RETIRED, "I took work home with me again."),
    (RETIRED, "My boss is driving me up the wall."),
    (RETIRED, "My band has a concert on Friday."),
    (BROTHER, "I play guitar in the evening."),
    (BROTHER, "I play the violin."),
    (PUPIL, "I work as a nurse."),
]
FINE = [
    (DEAF, "Pip jumped up when the doorbell lamp went on."),
    (DEAF, "I can't hear, so the others sign for me."),
    (DEAF, "I've never heard a song in my life, but I feel the bass."),
    (DEAF, "I heard that the workshop will move."),
    ("She is a 16-year-old pupil. She loves chess.", "Homework is piling up."),
    (DEAF, "Do you listen to music when you work?"),
    (CLEANER, "My back is sore after fourteen rooms."),
    (CLEANER, "My boss wants the rooms done by noon."),
    (CLEANER, "My choir sings on Sunday."),
    (OLD, "I remember every lecture that I ever gave."),
    (OLD, "I wish I could go for a run."),
    (OLD, "My wife died long ago."),
    (OLD, "If I had to sit an exam today, I'd fail."),
    (OLD, "The postman went for a run before breakfast."),
    (HOSTEL, "I don't have a kitchen, so I eat noodles."),
    (HOSTEL, "I used to have a house with a big kitchen."),
    (HOSTEL, "I dreamt about work last night."),
    (BLIND, "I see. That makes sense."),
    (BLIND, "I went for a swim and heard the bells."),
    (BLIND, "The lady next door saw a heron, she says."),
    (WHEELCHAIR, "I went down to the river this morning."),
    (WHEELCHAIR, "I can't walk, but I can row."),
    (WHEELCHAIR, "My cats are fighting over the armchair."),
    (PUPIL, "My teacher gave us too much homework."),
    (PUPIL, "My dad's boss came to dinner."),
    (PUPIL, "My guinea pig ate my homework."),
    (VEGETARIAN, "I don't eat steak, and I don't miss it."),
    (VEGETARIAN, "I had a glass of juice while they drank beer."),
    (VEGETARIAN, "My shift went on for ever."),
    (RETIRED, "I've got soil under my nails again."),
    (RETIRED, "When I was a nurse, my boss was a terror."),
    (RETIRED, "My roses are out."),
    (BROTHER, "I heard a blackbird this morning."),
    (BROTHER, "My brother can't hear the radio."),
    (BROTHER, "I watched the sun come up over the shop."),
    (PROGRAMMER, "Some code of mine works, and I've no idea why."),
    (PROGRAMMER, "One more lecture and I'll burst."),
    (PROGRAMMER, "My band rehearses in the garage."),
    (PROGRAMMER, "My boss wants it done by Friday."),
    (PROGRAMMER, "I had a beer and a steak."),
    (PROGRAMMER, "My neighbour's dog barks all night."),
    (PROGRAMMER, "My phone is at four per cent."),
    (PROGRAMMER, "Would you rather have a dog or a cat?"),
]


@pytest.mark.parametrize(("profile", "message"), INVENTED)
def test_what_a_persona_rules_out_is_found(profile: str, message: str) -> None:
    assert unsupported_claim(message, profile), message


@pytest.mark.parametrize(("profile", "message"), FINE)
def test_what_a_persona_may_say_is_no_claim_without_support(profile: str, message: str) -> None:
    assert unsupported_claim(message, profile) is None, message


def test_the_words_that_claim_are_named() -> None:
    assert unsupported_claim("Ha! Some code of mine works.", CLEANER) == "Some code"
