"""Word lists about people - traits, occupations, family, pets, countries - and what of them some texts cover.

Small on purpose: they tell whether a pool covers a thing at all, they do not understand a text. A word that ends
in * stands for all words that begin so; a word that follows "not", "never", "rarely" and the like does not count.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

# The two poles of the Big Five, after the unipolar markers of Goldberg (1992), "The development of markers for the
# Big-Five factor structure", with synonyms that language models like. A word stands at one pole only.
TRAITS: dict[str, str] = {
    "extraverted": """extrover* extraver* outgoing sociable social talkative chatty gregarious assertive bold energetic
        energy enthusias* lively vibrant playful charismatic cheerful jovial adventurous adventure daring brave
        confident confidence spontaneous spontaneity exuberant ramble rambles loud boisterous leader vivacious""",
    "introverted": """introver* shy shyness quiet quietly reserved withdrawn solitary silent silence taciturn laconic
        bashful timid reticent private alone soft-spoken introspective loner aloof""",
    "agreeable": """agreeable kind kindly kindness kind-hearted warm warmth warm-hearted empath* compassion* sympath*
        considerate cooperat* collaborat* generous generosity helpful supportive caring nurturing gentle gentleness
        loyal loyalty trusting trustworthy friendly polite tactful diplomatic modest humble patient patience
        thoughtful attentive forgiving forgives altruistic affectionate listener easy-going easygoing honest sincere
        tender protective fair""",
    "disagreeable": """disagreeable rude unkind cold harsh blunt bluntly sarcas* cynic* suspicio* distrust* mistrust*
        selfish jealous* envious envy vain vanity boast* bragg* arrogan* critical quarrel* argumentative stubborn*
        vindictive grudge* manipulat* hostile aggressive ruthless callous condescend* contempt* domineering bossy
        nosy mocking mocks spiteful sharp-tongued abrasive grumpy grumbl* complain* insensitive unforgiving
        competitive contrarian pushy haughty proud stingy deceitful dishonest""",
    "conscientious": """organized organised well-organized orderly methodical meticulous thorough efficient diligent
        disciplin* self-disciplined reliable dependable responsible punctual* careful precise precision exact practical
        pragmatic hardworking hard-working persistent determined steadfast perfectionis* scrupulous* systematic
        detail-oriented dedicated ambitious driven pedantic strategic""",
    "careless": """careless* disorgani* sloppy lazy laziness unreliable forgetful absent-minded impulsive* reckless*
        procrastinat* negligent messy chaotic unpunctual late haphazard frivolous irresponsible scatterbrained
        aimless undisciplined impractical inattentive distracted""",
    "neurotic": """anxious* anxiety nervous* worried worries worrier moody insecur* emotional tense touchy irritab*
        fretful temperamental jittery panick* gloom* melanchol* pessimis* fearful self-conscious oversensitive sulk*
        flustered impatien* restless self-pity* brood* paranoid high-strung hot-tempered""",
    "stable": """calm* relaxed unflappable composed composure resilien* even-tempered steady serene tranquil laid-back
        unexcitable unemotional imperturbable self-controlled optimis* poised content carefree""",
    "open": """creativ* imaginat* curious curiosity inquisitive inventive innovat* artistic intellectual philosophical
        reflective insightful open-minded unconventional dreamer dreamy complex original visionary eccentric quirky
        versatile adaptable""",
    "conventional": """conventional traditional unimaginative uncreative unadventurous narrow-minded close-minded
        closed-minded literal conservative old-fashioned predictable rigid inflexible dull incurious formal stiff""",
}

# What makes somebody uneasy company, whatever else they are.
UNPLEASANT = ("disagreeable", "careless", "neurotic")

# Traits that no pole holds, but that a profile has no place for either.
OTHER_TRAITS = """analytical articulate perceptive intuitive witty humorous charming resourceful proactive passionate
    candid outspoken independent observant eloquent mature wise rational logical sensitive stoic decisive indecisive
    motivated motivating inspiring straightforward ironic"""

OCCUPATIONS = """accountant activist actuary adviser advisor analyst anthropologist apprentice archaeologist
    architect archivist astronaut astronomer athlete attendant author baker banker barber barista bartender
    beautician beekeeper biochemist biologist blacksmith blogger bookkeeper boxer bricklayer broker butcher
    carpenter cartographer cashier chef chemist choreographer civil-servant cleaner clerk coach cobbler colonel
    composer conductor consultant contractor cook counsellor counselor courier curator dancer dealer dentist
    dermatologist designer developer dietitian diver docker doctor driver drummer economist editor electrician
    engineer entrepreneur farmer filmmaker firefighter fisherman fitter florist freelancer gardener geologist
    goldsmith guard hairdresser handyman historian homemaker housekeeper housewife hygienist illustrator
    instructor interpreter jeweler jeweller journalist laborer labourer landlord lawyer lecturer librarian
    lifeguard linguist locksmith machinist magician manager marketer masseuse mathematician mechanic merchant
    meteorologist midwife miner minister musician nanny neurologist novelist nurse nutritionist officer optician
    painter paramedic pastor pediatrician pensioner pharmacist photographer physicist physiotherapist pianist
    pilot playwright plumber policeman policewoman politician porter potter president priest principal professor
    programmer psychiatrist psychologist pupil rancher realtor receptionist referee reporter researcher roofer
    sailor salesman salesperson saleswoman scientist sculptor seamstress secretary sergeant shepherd shopkeeper
    singer skateboarder social-worker soldier sommelier specialist statistician stylist surgeon surveyor swimmer
    tailor teacher technician therapist trader trainer translator tutor undertaker vet veterinarian violinist
    vlogger waiter waitress warden weaver welder woodworker writer zookeeper zoologist"""

# Occupations that are also said of characters: a hard worker, a good judge, a team player.
FIGURATIVE_OCCUPATIONS = """actor actress agent artist builder comedian detective diplomat director gamer
    guide judge model philosopher planner player poet producer student tester worker"""

FAMILY = """husband wife married divorced widow widowed widower engaged fiancé fiancée fiance fiancee partner girlfriend
    boyfriend son sons daughter daughters stepson stepdaughter child children kids baby toddler twin twins triplets
    mother father mom mum dad parent parents brother brothers sister sisters sibling siblings aunt uncle cousin cousins
    nephew nephews niece nieces grandmother grandfather grandma grandpa grandparents grandson grandsons granddaughter
    granddaughters grandchild grandchildren great-granddaughter great-grandson family relatives single"""

PETS = """pet pets dog dogs puppy cat cats kitten kittens parrot parakeet canary budgie rabbit rabbits hamster hamsters
    ferret turtle tortoise snake python lizard iguana gecko goldfish aquarium beagle terrier labrador retriever poodle
    dachshund collie chihuahua corgi greyhound pony horse horses mule donkey llama llamas hedgehog chinchilla tarantula
    cockatiel guinea-pig hens chickens"""

COUNTRIES = """Afghanistan|Albania|Algeria|Andorra|Angola|Argentina|Armenia|Australia|Austria|Azerbaijan|Bahamas|Bahrain
    |Bangladesh|Barbados|Belarus|Belgium|Belize|Benin|Bhutan|Bolivia|Bosnia|Botswana|Brazil|Brunei|Bulgaria|Burkina Faso
    |Burundi|Cambodia|Cameroon|Canada|Cape Verde|Central African Republic|Chad|Chile|China|Colombia|Comoros|Congo
    |Costa Rica|Croatia|Cuba|Cyprus|Czech Republic|Czechia|Denmark|Djibouti|Dominican Republic|Ecuador|Egypt
    |El Salvador|England|Eritrea|Estonia|Eswatini|Ethiopia|Fiji|Finland|France|Gabon|Gambia|Georgia|Germany|Ghana|Greece
    |Grenada|Guatemala|Guinea|Guyana|Haiti|Honduras|Hungary|Iceland|India|Indonesia|Iran|Iraq|Ireland|Israel|Italy
    |Ivory Coast|Jamaica|Japan|Jordan|Kazakhstan|Kenya|Kiribati|Kosovo|Kuwait|Kyrgyzstan|Laos|Latvia|Lebanon|Lesotho
    |Liberia|Libya|Liechtenstein|Lithuania|Luxembourg|Madagascar|Malawi|Malaysia|Maldives|Mali|Malta|Mauritania
    |Mauritius|Mexico|Moldova|Monaco|Mongolia|Montenegro|Morocco|Mozambique|Myanmar|Namibia|Nepal|Netherlands
    |New Zealand|Nicaragua|Nigeria|Niger|North Korea|North Macedonia|Norway|Oman|Pakistan|Palau|Palestine|Panama
    |Papua New Guinea|Paraguay|Peru|Philippines|Poland|Portugal|Qatar|Romania|Russia|Rwanda|Samoa|San Marino
    |Saudi Arabia|Scotland|Senegal|Serbia|Seychelles|Sierra Leone|Singapore|Slovakia|Slovenia|Solomon Islands|Somalia
    |South Africa|South Korea|South Sudan|Spain|Sri Lanka|Sudan|Suriname|Sweden|Switzerland|Syria|Taiwan|Tajikistan
    |Tanzania|Thailand|Togo|Tonga|Trinidad|Tunisia|Turkey|Turkmenistan|Tuvalu|Uganda|Ukraine|United Arab Emirates
    |United Kingdom|UK|United States|USA|Uruguay|Uzbekistan|Vanuatu|Venezuela|Vietnam|Wales|Yemen|Zambia|Zimbabwe"""

_NAMES_OF_PEOPLE_TOO = {"Chad", "Georgia", "Israel", "Jordan"}

# Up to two words may stand between the negation and the word: "never really shy".
_NEGATED = re.compile(
    "\\b(?:not|never|no|nor|neither|rarely|seldom|hardly|without|\\w{2,6}n['\u2019]t)(?:\\s+[\\w'\u2019-]+){0,2}\\s+$",
    re.IGNORECASE,
)


@cache
def pattern(listed: str) -> re.Pattern[str]:
    """Matches the words of a list; a hyphen in the list also stands for a space."""
    stems = sorted(listed.split(), key=len, reverse=True)
    forms = (re.escape(stem.rstrip("*")).replace(r"\-", "[- ]") + (r"\w*" if stem[-1] == "*" else "") for stem in stems)
    return re.compile(rf"(?<![\w-])(?:{'|'.join(forms)})(?![\w-])", re.IGNORECASE)


def found(listed: str, text: str) -> list[str]:
    """The words of `text` that are in the list and not negated, in lower case and in their order."""
    return [
        hit.group().lower()
        for hit in pattern(listed).finditer(text)
        if not _NEGATED.search(text, max(0, hit.start() - 40), hit.start())
    ]


@cache
def _country() -> re.Pattern[str]:
    names = sorted((" ".join(name.split()) for name in COUNTRIES.split("|")), key=len, reverse=True)
    return re.compile(rf"(\b(?:in|from)\s+)?\b({'|'.join(names)})\b")


def countries_in(text: str) -> set[str]:
    """The countries that are named, as they are written. Neither cities nor adjectives ("Italian food") count."""
    hits = ((hit[1], hit[2]) for hit in _country().finditer(text))
    return {name for before, name in hits if before or name not in _NAMES_OF_PEOPLE_TOO}


# What of people the texts cover.


@dataclass(frozen=True, slots=True)
class Traits:
    """`covered`: pole of the Big Five -> share of personalities that name one of its traits.

    `purely_agreeable`: share that name no trait which makes somebody uneasy company.
    """

    covered: Mapping[str, float]
    purely_agreeable: float


@dataclass(frozen=True, slots=True)
class Demographics:
    """`ages`: decade -> count. `pronouns`: he, she, they or none -> count. Shares of the profiles with a job and so on.

    `countries`: name -> count of profiles, the most frequent first.
    """

    ages: Mapping[str, int]
    pronouns: Mapping[str, int]
    job: float
    family: float
    pets: float
    countries: Mapping[str, int]


_AGE = re.compile(
    r"\b(\d{1,3})[- ]years?[- ]old\b|\b(?:is|are|turned|turns|aged|age of) (\d{1,3})\b"
    r"(?!\s*(?:%|percent|per cent|kilo|met|minutes|hours))",
    re.IGNORECASE,
)
_PRONOUN = re.compile(r"\b(he|she|they)\b", re.IGNORECASE)
_JOB = re.compile(
    pattern(f"{OCCUPATIONS} {FIGURATIVE_OCCUPATIONS}").pattern
    + r"|\b(?:works?|worked|working|jobs?|retired|studies|studying|employed|unemployed|career|shifts?"
    r"|runs (?:an?|his|her|their))\b",
    re.IGNORECASE,
)


def traits(texts: Sequence[str]) -> Traits:
    """What personalities cover, by the word lists of `lexicon`."""
    named = [{pole for pole, words in TRAITS.items() if found(words, text)} for text in texts]
    covered = {pole: _share(pole in poles for poles in named) for pole in TRAITS}
    return Traits(covered, _share(not poles.intersection(UNPLEASANT) for poles in named))


def demographics(texts: Sequence[str]) -> Demographics:
    """What profiles cover. The first age and the first pronoun of a text count."""
    found = [next((int(hit[1] or hit[2]) for hit in _AGE.finditer(text)), None) for text in texts]
    ages = Counter("unknown" if age is None else f"{age // 10 * 10}-{age // 10 * 10 + 9}" for age in found)
    pronouns = Counter(hit[1].lower() if (hit := _PRONOUN.search(text)) else "none" for text in texts)
    countries = Counter(name for text in texts for name in sorted(countries_in(text)))
    return Demographics(
        ages=dict(sorted(ages.items(), key=lambda item: (item[0] == "unknown", len(item[0]), item[0]))),
        pronouns=dict(pronouns.most_common()),
        job=_share(bool(_JOB.search(text)) for text in texts),
        family=_share(bool(pattern(FAMILY).search(text)) for text in texts),
        pets=_share(bool(pattern(PETS).search(text)) for text in texts),
        countries=dict(countries.most_common()),
    )


def _share(hits: Iterable[bool]) -> float:
    listed = list(hits)
    return round(sum(listed) / len(listed), 4)
