"""Whether a candidate has met the people of an evaluation before: in its training, as the folder of its model says.

Only `hf:` folders that i2a trained say it. Knows nothing of how a model is trained.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from i2a.models.spec import ModelSpec
from i2a.personas.copies import CopyIndex
from i2a.runs.training_folder import trained_personas
from i2a.text import counted
from i2a.trees.persona import Persona, clean

SHOWN = 5


@dataclass(frozen=True, slots=True)
class Leak:
    """The ids of the profiles and personalities of the cases that a model was trained on, word for word or nearly."""

    profiles: tuple[str, ...]
    personalities: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def find_leaks(models: Mapping[str, str], personas: Iterable[Persona]) -> dict[str, Leak]:
    """Of the candidates, name -> model string, those that were trained on halves of these personas."""
    personas = list(personas)
    profiles = {persona.profile_id: persona.profile for persona in personas}
    personalities = {persona.personality_id: persona.personality for persona in personas}
    found = {}
    for name, model in models.items():
        if not model.startswith("hf:"):
            continue
        trained = trained_personas(Path(ModelSpec.parse(model).name).expanduser()) or {}
        leak = Leak(_known(profiles, trained.get("profile", ())), _known(personalities, trained.get("personality", ())))
        if leak.profiles or leak.personalities:
            found[name] = leak
    return found


def _known(texts: Mapping[str, str], trained: Iterable[str]) -> tuple[str, ...]:
    index = CopyIndex({str(place): clean(text) for place, text in enumerate(trained)})
    return tuple(id for id, text in texts.items() if index.copied(clean(text)))


def in_words(leaks: Mapping[str, Leak]) -> Iterator[str]:
    """A line for each candidate."""
    for name, leak in leaks.items():
        whom = [
            f"{counted(len(ids), kind)} ({', '.join(ids[:SHOWN])}{', ...' if len(ids) > SHOWN else ''})"
            for ids, kind in ((leak.profiles, "profiles"), (leak.personalities, "personalities"))
            if ids
        ]
        yield f"{name} was trained on {' and '.join(whom)} of these cases: its numbers are not about strangers"
