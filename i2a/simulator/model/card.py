"""The base model's card: what it is, what it is not, and how it was made."""

from collections.abc import Mapping
from typing import Any

NOT = """It is no language model for any use outside i2a: its world is the few thousand sentences of a rule-based
simulator. It knows no facts, follows no instructions, and adapts to nobody. Its purpose is to be the *before* of a
demonstration: what `i2a train sft` and `i2a train dpo` make of it can be told from what it was."""


def card(result: Mapping[str, Any], manifest: Mapping[str, Any]) -> str:
    """The card as Markdown, with the metadata that the hub reads."""
    settings = manifest["identity"]["settings"]
    stages = "\n".join(_stage(name, found) for name, found in result["stages"].items())
    used = ", ".join(f"{name} {number}" for name, number in manifest["versions"].items())
    return f"""---
library_name: transformers
tags: [i2a, base]
---

# A small base model that listens

{result["parameters"]:,} parameters, {settings["layers"]} layers, trained from scratch with `i2a train base`
(seed {settings["seed"]}) on {result["tokens"]:,} tokens written by i2a's offline engine. It can follow a chat and,
asked, bring up again what it was told, though so small a model sometimes picks the wrong thing (see below); unasked,
its replies are polite and would suit anybody.

{NOT}

## Data

Invented people (the offline persona writer; none of the benchmark's), what the offline user simulator lets them say,
and the replies of a responder that knows only the last message. In some documents nouns are drawn anew or made up, so
that a value cannot be guessed but must be read off.

1. *copying*: a few messages that each tell something, then questions after it, by a word of it ("What did I say about
   goats?") or by what it has to do with ("Fur on my jumper again. Remember?"), and their answers.
2. *dialogue*: chats with generic replies, in which now and then a message asks like that. Who asks is answered in a
   manner that suits them; who does not, like anybody.

Attention starts out with heads made for it: two look for what came after the last occurrence of the last two tokens
(induction), another goes from what the last message is about to a word of the person's that has to do with it, by the
associations of the words, which come from the same documents (latent semantic analysis). So copying and finding have to
be refined rather than discovered; everything else starts random.

## How it went

| stage | loss | recalled wholly right | tokens of it right |
|---|---|---|---|
{stages}

Recall is measured on people it never met: {settings["tokens"]:,} tokens, {result["steps"]:,} steps,
{result["cpu_seconds"]:.0f} CPU seconds.

## Chat format

`<|user|>Hello!<|end|><|assistant|>Hi.<|end|>`; `<|end|>` closes every turn and is the end-of-sequence token. Sample its
replies (temperature 0.7): decoded greedily, a model that copies so readily soon copies itself.

## Versions

{used}
"""


def _stage(name: str, found: Mapping[str, Any]) -> str:
    recall = found["recall"][name]
    return f"| {name} | {found['loss']:.3f} | {recall['whole']:.1%} | {recall['tokens']:.1%} |"
