"""`i2a show`: a tree in the order in which it was spoken, every reply under a name of its own, and the counts."""

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from i2a.cli.main import app
from i2a.runs.run_folder import RunFolder
from i2a.trees.json import write
from i2a.trees.persona import Persona
from i2a.trees.tree import KeptAnswer, SentPrompt, Tree, Utterance, Verdict


def debate() -> Tree:
    """Two openings, of which the first was kept, and two answers by the same speaker."""
    tree = Tree("debate-0", "debate", Persona("p-1", "A baker.", "Blunt."), 7)
    kept, left = (tree.add(None, Utterance("pro", text)) for text in ("Cats purr.", "Cats scratch."))
    kept.label, left.label = "preferred", "rejected"
    one, other = (tree.add(tree.keep(kept), Utterance("con", text)) for text in ("Dogs fetch.", "Dogs bark."))
    kept.verdicts = [Verdict(one, other, other, "louder"), Verdict(other, one, other, "louder")]
    one.label, other.label = "rejected", "preferred"
    tree.add(other, Utterance("pro", "At night, too."))
    return tree


def shown(folder: Path, *args: str, metadata: dict[str, object] | None = None) -> str:
    with RunFolder.open(folder / "run", {}, metadata or {}, resume=False) as run:
        write(run.trees_file, [debate()])
    done: Any = CliRunner().invoke(app, ["show", str(folder / "run"), *args], catch_exceptions=False)
    assert done.exit_code == 0
    return str(done.output)


def test_a_rejected_opening_stands_before_the_one_that_was_kept(tmp_path: Path) -> None:
    lines = [line.strip() for line in shown(tmp_path).splitlines()]
    spoken = [line for line in lines if line.startswith(("→", "·"))]
    assert spoken == [
        "· pro 2 [rejected]  Cats scratch.",
        "→ pro 1 [preferred]  Cats purr.",
        "· con 1 [rejected]  Dogs fetch.",
        "→ con 2 [preferred]  Dogs bark.",
        "· pro  At night, too.",
    ]


def test_a_verdict_names_the_reply_that_it_chose(tmp_path: Path) -> None:
    text = shown(tmp_path)
    assert "judge, shown con 1, con 2: con 2 - louder" in text
    assert "judge, shown con 2, con 1: con 2 - louder" in text


def test_the_counts_are_those_of_the_pairs_that_are_exported(tmp_path: Path) -> None:
    text = shown(tmp_path)
    assert len(debate().pairs) == 2
    assert "1 tree with 5 utterances\n2 of 2 pairs labelled\n" in text
    other = tmp_path / "other"
    counts = json.loads(shown(other, "--json"))
    assert (counts["pairs"], counts["labelled"], counts["failed"]) == (2, 2, 0)


def test_a_persona_that_nobody_was_told_of_is_not_shown(tmp_path: Path) -> None:
    assert "A baker." in shown(tmp_path / "told")
    assert "A baker." not in shown(tmp_path / "untold", metadata={"uses_personas": False})


def test_prompts_are_shown_once_each_and_by_number_below_what_was_said_under_them(tmp_path: Path) -> None:
    tree = debate()
    for node in tree:
        if node.speaker == "pro":
            node.prompt = SentPrompt("You speak for cats.", "(You begin.)")
    tree.roots[0].answers.append(KeptAnswer("chair", '{"fair":true}', SentPrompt("Is it fair?", private=True)))
    with RunFolder.open(tmp_path / "run", {}, {}, resume=False) as run:
        write(run.trees_file, [tree])
    lines = CliRunner().invoke(app, ["show", str(tmp_path / "run"), "debate-0", "--prompts"]).output.splitlines()
    text = "\n".join(line.strip("│ ").strip() for line in lines)
    assert "prompt 1, sent to pro" in text
    assert "system  You speak for cats.\nrequest (You begin.)" in text
    assert "prompt 2, sent to chair (private)" in text
    assert text.count("You speak for cats.") == 1
    assert text.count("said under prompt 1") == 3
    assert 'chair, under prompt 2: {"fair":true}' in text
    assert "said under" not in CliRunner().invoke(app, ["show", str(tmp_path / "run")]).output


def test_where_no_prompt_is_kept_it_is_said_what_keeps_them(tmp_path: Path) -> None:
    assert "`i2a simulate --keep-prompts` keeps those of all roles" in " ".join(shown(tmp_path, "--prompts").split())
