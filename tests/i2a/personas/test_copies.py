"""A near-copy is found whatever was done to hide it, and people who merely resemble each other are none."""

import random
import re
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import pytest

from i2a.personas.copies import CopyIndex, groups, normal
from i2a.personas.pool import PersonaPool

BENCHMARK = PersonaPool.benchmark()
TEXTS = {**BENCHMARK.profiles, **BENCHMARK.personalities}
PUBLISHED = Path(__file__).parents[4] / "shared" / "aloe"
ZERO_WIDTH, CYRILLIC = "\u200b", str.maketrans("aeopcx", "\u0430\u0435\u043e\u0440\u0441\u0445")


def sentences(text: str) -> list[str]:
    return re.split(r"(?<=[.!?])\s+", text)


def without_one(text: str) -> str:
    return " ".join(sentences(text)[1:])


def moved(text: str) -> str:
    first, *rest = sentences(text)
    return " ".join([*rest, first])


def numbered(text: str) -> str:
    return " ".join(f"{i}. {sentence}" for i, sentence in enumerate(sentences(text), 1))


def one_word_changed(text: str) -> str:
    words = text.split()
    words[len(words) // 2] = "something"
    return " ".join(words)


DISGUISES: dict[str, Callable[[str], str]] = {
    "a sentence dropped": without_one,
    "the first half alone": lambda text: " ".join(sentences(text)[: len(sentences(text)) // 2]),
    "a sentence added": lambda text: f"{text} In spring, a village fair was cancelled because of rain.",
    "a sentence moved": moved,
    "a label": lambda text: f"Profile: {text}",
    "numbers": numbered,
    "zero-width characters": lambda text: ZERO_WIDTH.join(text),
    "look-alike letters": lambda text: text.translate(CYRILLIC),
    "full-width letters": lambda text: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text),
    "a word changed": one_word_changed,
    "capitals and bullets": lambda text: "\n".join(f"* {sentence.upper()}" for sentence in sentences(text)),
}


@pytest.mark.parametrize("how", DISGUISES)
def test_every_text_of_the_benchmark_is_found_in_every_disguise(how: str) -> None:
    index = CopyIndex(TEXTS)
    assert {id for id, text in TEXTS.items() if index.copied(DISGUISES[how](text)) == [id]} == set(TEXTS)


def test_no_two_texts_that_come_with_i2a_are_copies_of_each_other() -> None:
    seeds = PersonaPool.read()
    texts = {**TEXTS, **seeds.profiles, **seeds.personalities}
    assert groups(texts) == {id: id for id in texts}


def test_what_people_say_of_many_is_no_copy() -> None:
    index = CopyIndex(
        {"a": "She is 34 and works as a nurse. She loves hiking, and she lives with her two cats in Leeds."}
    )
    assert (
        index.copied("She is 34 and works as a baker. She hates hiking, but she lives with her sister in Leeds.") == []
    )
    assert index.copied("She is 34.") == [], "too little to be a copy of anything"


def test_short_texts_are_copies_if_all_of_them_is_the_same() -> None:
    index = CopyIndex({"a": "She is blunt.", "b": "\u5979\u662f\u533b\u751f\u4f4f\u5728\u5317\u4eac"})
    assert index.copied("SHE is  blunt!") == ["a"]
    assert index.copied("She is blunt and kind, but seldom on time.") == []
    assert index.copied("\u5979\u662f\u533b\u751f\u4f4f\u5728\u5317\u4eac\u3002") == ["b"], "no spaces between words"


def test_groups_hold_copies_of_copies_and_follow_from_no_order() -> None:
    text = TEXTS["bench-p01"]
    texts = {"c": text, "a": without_one(text), "b": moved(without_one(text)), "d": TEXTS["bench-p02"]}
    assert groups(texts) == {"a": "a", "b": "a", "c": "a", "d": "d"} == groups(dict(reversed(texts.items())))


def test_the_words_of_a_text_are_what_a_reader_sees() -> None:
    assert normal("Na\u00efve caf\u00e9-owner, 61\u200b!") == "naive cafe owner 61"


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="the published pools are not here")
def test_in_the_published_pools_only_a_true_copy_is_one() -> None:
    pool = PersonaPool.read(PUBLISHED / "profile.jsonl", PUBLISHED / "personality.jsonl")
    index = CopyIndex(TEXTS)
    assert not [text for text in (*pool.profiles.values(), *pool.personalities.values()) if index.copied(text)]
    assert groups(pool.profiles) == {id: id for id in pool.profiles}
    together = groups(pool.personalities)
    (pair,) = [pair for pair in combinations(together, 2) if together[pair[0]] == together[pair[1]]]
    shorter, longer = sorted((pool.personalities[id] for id in pair), key=len)
    assert longer.startswith(shorter)


def test_a_copy_is_found_though_one_word_in_ten_is_another() -> None:
    chance, index = random.Random(0), CopyIndex(TEXTS)
    for id, text in TEXTS.items():
        words = text.split()
        for place in chance.sample(range(len(words)), len(words) // 10):
            words[place] = "other"
        assert index.copied(" ".join(words)) == [id]


# Two people in each of some scripts: with words apart, with letters that run on, with vowels as marks.
SCRIPTS = {
    "Chinese": (
        "他今年四十七岁，在格但斯克开城市公交车，通常上早上四点四十分的班。他离了婚，儿子库巴十二岁，每隔一个周末来住。"
        "他养了一只叫米什卡的老猫，喜欢在河边钓鱼，正在学做面包。他的楼上邻居半夜练小号。",
        "她是一名退休的小学教师，住在成都的一栋老房子里。她每天早上去公园打太极拳，下午教孙女写毛笔字。"
        "她种了很多兰花，最近担心膝盖疼，想学会用手机买火车票。",
    ),
    "Japanese": (
        "彼は四十七歳で、グダニスクで市バスを運転しています。朝四時四十分の勤務が多いです。離婚していて、十二歳の息子が隔週で泊まりに来ます。"
        "古い猫を飼っていて、川で釣りをするのが好きです。",
        "彼女は退職した小学校の先生で、古い家に一人で暮らしています。毎朝公園を歩き、午後は孫に習字を教えます。蘭をたくさん育てています。",
    ),
    "Thai": (
        "เขาอายุสี่สิบเจ็ดปีและขับรถเมล์ในเมือง มักทำงานกะเช้าตีสี่สี่สิบนาที เขาหย่าแล้วและลูกชายอายุสิบสองปีมาพักทุกสองสัปดาห์ เขาเลี้ยงแมวแก่ตัวหนึ่ง",
        "เธอเป็นครูเกษียณอาศัยอยู่ในบ้านเก่า ทุกเช้าเธอเดินในสวนสาธารณะ และตอนบ่ายสอนหลานสาวเขียนหนังสือ เธอปลูกกล้วยไม้จำนวนมาก",
    ),
    "Arabic": (
        "يبلغ من العمر سبعة وأربعين عاما ويقود حافلة في المدينة، وعادة ما يعمل في نوبة الصباح الباكر. هو مطلق وابنه يقيم معه كل أسبوعين. "
        "لديه قطة عجوز ويحب صيد السمك عند النهر.",
        "هي معلمة متقاعدة تعيش في بيت قديم. تمشي كل صباح في الحديقة وتعلم حفيدتها الخط بعد الظهر. تزرع الكثير من الأوركيد وتقلق بشأن ركبتها.",
    ),
    "Hindi": (
        "वह सैंतालीस साल का है और शहर में बस चलाता है, अक्सर सुबह की पाली में। उसका तलाक हो चुका है और उसका बेटा हर दूसरे सप्ताह उसके साथ रहता है। "
        "उसके पास एक बूढ़ी बिल्ली है और उसे नदी में मछली पकड़ना पसंद है।",
        "वह एक सेवानिवृत्त शिक्षिका है जो पुराने घर में रहती है। वह हर सुबह पार्क में टहलती है और दोपहर में अपनी पोती को लिखना सिखाती है। उसने बहुत से फूल लगाए हैं।",
    ),
    "Korean": (
        "그는 마흔일곱 살이고 도시에서 버스를 운전하며 보통 새벽 근무를 한다. 그는 이혼했고 열두 살 아들이 격주로 와서 지낸다. 늙은 고양이를 키우고 강에서 낚시하기를 좋아한다.",
        "그녀는 은퇴한 초등학교 교사로 오래된 집에 산다. 매일 아침 공원을 걷고 오후에는 손녀에게 붓글씨를 가르친다. 난초를 많이 기르고 요즘 무릎이 아파서 걱정한다.",
    ),
    "Russian": (
        "Ему сорок семь лет, и он водит городской автобус, обычно в самую раннюю смену. Он разведён, и сын живёт у него каждые вторые выходные. "
        "У него старая кошка, и он любит рыбачить на реке.",
        "Она учительница на пенсии и живёт в старом доме. Каждое утро она гуляет в парке, а днём учит внучку каллиграфии. Она разводит орхидеи.",
    ),
}


@pytest.mark.parametrize("language", SCRIPTS)
def test_copies_are_found_in_any_script_and_other_people_are_none(language: str) -> None:
    one, other = SCRIPTS[language]
    index = CopyIndex({"one": one})
    first_half = one[: len(one) // 2]
    changed = one.replace(one[len(one) // 2 : len(one) // 2 + 3], "x")
    for copy in (one, f"{one} {other[:20]}", f"{other[:20]} {one}", first_half, changed):
        assert index.copied(copy) == ["one"]
    assert index.copied(other) == []


def test_of_texts_without_words_nothing_is_a_copy() -> None:
    assert CopyIndex({"a": "", "b": "..."}).copied("") == []
    assert groups({"a": "", "b": "", "c": "\u200b"}) == {"a": "a", "b": "b", "c": "c"}
