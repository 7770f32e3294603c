"""What a role does with what its model sends back, without calling it: ask again, repair, shorten, mark, or give up."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import BaseModel, ValidationError

from agents.window import openings, too_long
from i2a.digests import digest
from i2a.errors import ContextOverflow, MalformedAnswer, ModelError, UnfinishedAnswer
from i2a.jsonl import JsonObject
from i2a.models.model import DEFAULT_MAX_TOKENS, Completion, Message
from i2a.models.response_format import response_format
from i2a.text import shortened
from i2a.trees.tree import ASKED_AGAIN, FAULTS, LEFT_OUT, SAMPLE, SentPrompt, TokenUsage, Utterance
from i2a.validation import problem

if TYPE_CHECKING:
    from agents.role import Role, RoleView

TRIES = 2
MOST_AGAIN = {"echo": 1, "hint": 1}  # how often an utterance with such a fault is asked for again; any other fault: 2
RAISE = "raise max_tokens: ?max_tokens=N in the model string, or --role-max-tokens {role}=N"
REPAIR = """Your answer could not be used: {error}.
Answer again, with one JSON object of the form asked for and nothing else."""


class RoleCall:
    """One call of a role: send `messages` with `parameters` and `take` what comes back, until there is an `answer`.

    `notes`: what is to be noted about the answer.
    """

    def __init__(self, role: "Role[object]", view: "RoleView", inputs: Mapping[str, str]) -> None:
        self._role, self._view, self._inputs = role, view, inputs
        self._dialogue = view.dialogue
        self.notes: JsonObject = {}
        self.answer: BaseModel | Utterance | None = None
        model = role.model
        limited = role.max_tokens is not None and model.limits_answers
        self.parameters: JsonObject = {DEFAULT_MAX_TOKENS: role.max_tokens} if limited else {}
        if role.answer is not None and model.structured_output:
            self.parameters["response_format"] = response_format(role.answer)
        self._begin()

    def _begin(self) -> None:
        """Ask from scratch about what is left of the dialogue."""
        self._values = self._role.filled(self._view, self._inputs)
        self.messages: Sequence[Message] = self._role.messages(self._view, self._values)
        self._request = self.messages
        self._tries = 0
        self._repairing = False
        self._found: list[str] = []
        self._said: Utterance | None = None
        self._faults: Sequence[str] = ()

    def take(self, completion: Completion) -> None:
        """Raises `UnfinishedAnswer`, `MalformedAnswer` and, where the context was full, `ContextOverflow`."""
        context, used = self._role.model.context, completion.prompt_tokens + completion.completion_tokens
        if completion.finish_reason == "length" and context and used >= context - 1 and not self._role.keeps_cut:
            why = f"{self._role.name}: prompt and answer have no room in {context:,} tokens; serve a larger context"
            raise ContextOverflow(why, context=context, needed=used + 1)
        if self._role.answer is None:
            self._take_text(completion)
        else:
            self._take_form(completion, self._role.answer)

    @property
    def sent(self) -> SentPrompt | None:
        """The prompt that was answered, if the role keeps it."""
        return self._role.kept_prompt(self._values)

    def shorten(self, overflow: ContextOverflow) -> None:
        """Leave out the oldest turns. Raises `overflow` if only the last one is left."""
        characters = sum(len(message.content) for message in self._request)
        turns = too_long(overflow, self._view.dialogue, characters)
        if not turns:
            raise overflow
        name = self._role.name
        left_out = self.notes.get(LEFT_OUT, {}).get(name, 0) + turns
        self._view = replace(self._view, dialogue=self._dialogue[openings(self._dialogue)[left_out] :])
        self._begin()
        self.notes = {LEFT_OUT: {name: left_out}}

    def _take_form(self, completion: Completion, form: type[BaseModel]) -> None:
        """An invalid answer is repaired once with the error shown, then asked for from scratch.

        An unfinished one is not repaired, as the repair would be cut too, but asked for from scratch.
        """
        role = self._role
        try:
            answer = form.model_validate_json(json_object(completion.content))
        except ValidationError as error:
            mistake = problem(error)
        else:
            if not (mistake := role.fault(answer, self._view, self._values)):
                self.answer = answer
                return
        failed: ModelError
        if why := self._unfinished(completion):
            failed = self._no_whole_answer(completion, why)
        elif not self._repairing:
            self._repairing = True
            repair = Message("user", REPAIR.format(error=mistake))
            self.messages = [*self._request, Message("assistant", completion.content), repair]
            return
        else:
            failed = MalformedAnswer(f"{role.name} gave no usable answer in {2 * TRIES} tries: {mistake}")
        self._repairing, self.messages = False, self._request
        self._tries += 1
        if self._tries == TRIES:
            failed.answer = completion.content
            raise failed

    def _take_text(self, completion: Completion) -> None:
        """An utterance with a fault is asked for again, then kept, and its notes say which fault it has."""
        role = self._role
        if why := self._unfinished(completion):
            self._tries += 1
            if self._tries == TRIES:
                if self._said is None:
                    raise self._no_whole_answer(completion, why)
                self._keep(self._said, self._faults)  # the one before was whole
            return
        self._tries = 0
        self._said = _utterance(role.name, completion)
        self._faults = role.faults(self._said.content, self._view, self._values)
        if self._faults and len(self._found) < max(MOST_AGAIN.get(fault, 2) for fault in self._faults):
            self._found.append(self._faults[0])
        else:
            self._keep(self._said, self._faults)

    def _keep(self, said: Utterance, faults: Sequence[str]) -> None:
        again = {ASKED_AGAIN: self._found} if self._found else {}
        self.notes |= {**said.notes} | again | ({FAULTS: list(faults)} if faults else {})
        self.answer = said._replace(notes=self.notes, prompt=self.sent)

    def _unfinished(self, completion: Completion) -> str:
        """Why a completion is not a whole answer; empty if it is one."""
        role = self._role
        if completion.finish_reason == "length":
            kept = role.answer is None and (role.keeps_cut or role.model.keeps_cut)
            return "" if kept else f"cut at the limit of tokens; {RAISE.format(role=role.name)}"
        if completion.finish_reason == "content_filter":
            return f"refused, or cut by a content filter: {shortened(completion.content, 100)!r}"
        return ""

    def _no_whole_answer(self, completion: Completion, why: str) -> UnfinishedAnswer:
        error = UnfinishedAnswer(f"{self._role.name} gave no whole answer in {TRIES} tries: {why}")
        error.answer = completion.content
        if completion.finish_reason == "content_filter":
            error.request = [message.content for message in self._request]
        return error


def _utterance(speaker: str, completion: Completion) -> Utterance:
    usage = TokenUsage(completion.prompt_tokens, completion.completion_tokens)
    reason = None if completion.finish_reason == "stop" else completion.finish_reason
    notes = {SAMPLE: digest(completion.sample)} if completion.sample else {}
    return Utterance(speaker, completion.content.strip(), usage, reason, notes)


def json_object(text: str) -> str:
    """The JSON object in `text`, which may stand between prose or in a fence; all of it if there is none."""
    return text[text.find("{") : text.rfind("}") + 1] or text
