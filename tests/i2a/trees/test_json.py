"""A tree on disk is the tree that was grown: nothing is lost, nothing is guessed, and damage is told with its place."""

import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from i2a.errors import UsageError
from i2a.trees.json import FORMAT, dump, load, read, schema, trees_of, write
from i2a.trees.persona import Persona
from i2a.trees.tree import Inference, KeptAnswer, Node, SentPrompt, TokenUsage, Tree, Utterance, Verdict

texts = st.text(max_size=12)
inferences = st.none() | st.builds(
    Inference, reason=texts, profile=st.lists(texts, max_size=2), personality=st.lists(texts, max_size=2)
)
usages = st.none() | st.builds(TokenUsage, st.integers(0, 10**6), st.integers(0, 10**6))
notes = st.dictionaries(texts, st.none() | st.booleans() | st.integers(-9, 9) | texts | st.lists(texts), max_size=2)
# A node: whose child it is (modulo the nodes so far, 0 for a root), and what is known about it.
facts = st.tuples(
    st.integers(0, 30), st.sampled_from(["user", "preferred", "rejected"]), texts, usages, inferences,
    st.sampled_from([None, "preferred", "rejected"]), st.booleans(), notes,
)  # fmt: skip


def grow(tree: Tree, items: list[tuple[Any, ...]], order: list[int]) -> Tree:
    """The tree that `items` describe. `order` decides which branch grows next; siblings keep their order."""
    parents = [parent % (i + 1) - 1 for i, (parent, *_) in enumerate(items)]  # -1: a root
    made: dict[int, Node] = {}
    waiting = list(range(len(items)))
    for choice in order:
        ready = [
            i for i in waiting
            if (parents[i] == -1 or parents[i] in made)
            and not any(parents[j] == parents[i] for j in waiting if j < i)
        ]  # fmt: skip
        if not ready:
            break
        i = ready[choice % len(ready)]
        waiting.remove(i)
        _, speaker, content, usage, *_ = items[i]
        made[i] = tree.add(None if parents[i] == -1 else made[parents[i]], Utterance(speaker, content, usage))
    for i, node in made.items():
        *_, inference, label, continued, noted = items[i]
        node.inference, node.label, node.continued, node.metadata = inference, label, continued, noted
        for one, other in zip(node.children, node.children[1:], strict=False):
            winner = [one, other, None][len(node.content) % 3]
            node.verdicts += [Verdict(one, other, winner, node.content), Verdict(other, one, winner, "")]
    return tree


@st.composite
def trees_grown_in_two_orders(draw: st.DrawFn) -> tuple[Tree, Tree]:
    items = draw(st.lists(facts, max_size=10))
    persona = Persona(draw(texts), draw(texts), draw(texts), draw(texts), draw(texts))
    options = {"turns": draw(st.integers(0, 5))}
    orders = st.lists(st.integers(0, 9), min_size=len(items), max_size=len(items))
    seed = draw(st.integers(0, 2**31 - 1))
    one, other = (grow(Tree("t-0", "aloe", persona, seed, options), items, draw(orders)) for _ in range(2))
    return one, other


trees = trees_grown_in_two_orders().map(lambda both: both[0])


def known(node: Node) -> list[Any]:
    """All that a tree says about a node but its place."""
    verdicts = [(v.first.content, v.second.content, v.winner and v.winner.content, v.reason) for v in node.verdicts]
    return [
        node.speaker, node.content, node.usage, node.inference, node.label, node.continued, node.metadata, verdicts,
        [step.content for step in node.path], [sibling.content for sibling in node.siblings],
    ]  # fmt: skip


@pytest.fixture
def tree() -> Tree:
    tree = Tree("aloe-0", "aloe", Persona("p", "Bäcker 🥖", "Blunt."), 7, {"turns": 1})
    opening = tree.add(None, Utterance("user", "Hello.", TokenUsage(9, 2)))
    one, other = tree.add(opening, Utterance("preferred", "Oh?")), tree.add(opening, Utterance("rejected", "I see."))
    opening.verdicts = [Verdict(one, other, one, "warmer"), Verdict(other, one, None, "no usable answer in 4 tries")]
    opening.inference = Inference(reason="says so", profile=["baker"], personality=[])
    tree.keep(one)
    return tree


# Laws.


@given(trees)
def test_what_is_loaded_is_what_was_dumped(tree: Tree) -> None:
    line = dump(tree)
    again = load(line)
    assert [known(node) for node in again] == [known(node) for node in tree]
    assert (again.id, again.scenario, again.persona, again.seed) == (tree.id, tree.scenario, tree.persona, tree.seed)
    assert again.options == tree.options
    assert dump(again) == line


@given(trees_grown_in_two_orders())
def test_the_bytes_do_not_tell_which_branch_grew_first(both: tuple[Tree, Tree]) -> None:
    one, other = both
    assert dump(one) == dump(other)


@given(trees)
def test_a_dumped_tree_is_one_line_that_its_schema_accepts(tree: Tree) -> None:
    line = dump(tree)
    assert line.encode().splitlines() == [line.encode()]
    jsonschema.Draft202012Validator(schema()).validate(json.loads(line))


@given(trees)
def test_ends_and_pairs_survive_the_disk(tree: Tree) -> None:
    again = load(dump(tree))
    assert [known(end) for end in again.ends] == [known(end) for end in tree.ends]
    assert [[known(pair.chosen), known(pair.rejected)] for pair in again.pairs] == [
        [known(pair.chosen), known(pair.rejected)] for pair in tree.pairs
    ]


# The form.


def test_the_schema_is_a_schema_and_wants_what_the_format_has(tree: Tree) -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    for name in json.loads(dump(tree)):
        damaged = json.loads(dump(tree))
        del damaged[name]
        assert not jsonschema.Draft202012Validator(schema()).is_valid(damaged), name


def test_the_published_schema_is_the_one_that_holds() -> None:
    published = files("i2a.trees") / "tree.schema.json"
    assert json.loads(published.read_text("utf-8")) == schema()


def test_words_stand_in_the_file_as_they_were_written(tree: Tree) -> None:
    assert "Bäcker 🥖" in dump(tree)


def test_nodes_are_counted_depth_first_and_name_their_parents(tree: Tree) -> None:
    tree.add(tree.roots[0].children[0], Utterance("user", "later"))
    nodes = json.loads(dump(tree))["nodes"]
    assert [(node["id"], node["parent"]) for node in nodes] == [(0, None), (1, 0), (2, 1), (3, 0)]


def test_a_verdict_that_was_never_given_stays_so(tree: Tree) -> None:
    unjudged = load(dump(tree)).roots[0].verdicts[1]
    assert unjudged.winner is None
    assert unjudged.reason == "no usable answer in 4 tries"
    assert (unjudged.first.speaker, unjudged.second.speaker) == ("rejected", "preferred")


def test_verdicts_point_at_the_nodes_themselves(tree: Tree) -> None:
    opening = load(dump(tree)).roots[0]
    assert opening.verdicts[0].winner is opening.children[0]


# Damage.


def damaged(tree: Tree, change: Callable[[dict[str, Any]], object]) -> str:
    stored = json.loads(dump(tree))
    change(stored)
    return json.dumps(stored)


def complaint(line: str) -> str:
    with pytest.raises(UsageError) as caught:
        load(line)
    message = str(caught.value)
    assert "\n" not in message
    assert FORMAT in message
    return message


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda t: t.update(format="i2a.tree/3"), "format"),
        (lambda t: t.pop("seed"), "seed"),
        (lambda t: t.update(extra=1), "extra"),
        (lambda t: t["persona"].pop("profile"), "persona.profile"),
        (lambda t: t["nodes"][1].update(label="best"), "nodes.1.label"),
        (lambda t: t["nodes"][0]["verdicts"][0].update(winner="first"), "nodes.0.verdicts.0.winner"),
        (lambda t: t["nodes"][2].pop("content"), "nodes.2.content"),
        (lambda t: t["nodes"][2].update(childs=[]), "nodes.2.childs"),
    ],
)
def test_an_error_names_the_field(tree: Tree, change: Callable[[dict[str, Any]], object], field: str) -> None:
    assert f"{field}:" in complaint(damaged(tree, change))


@pytest.mark.parametrize("line", ["", "{", "[]", "null", "no json"])
def test_what_is_not_a_tree_at_all_is_told_so(line: str) -> None:
    assert "not a tree" in complaint(line)


@pytest.mark.parametrize("parent", [1, 2, -1, 99])
def test_a_node_that_does_not_follow_its_parent_is_refused(tree: Tree, parent: int) -> None:
    assert "node 1" in complaint(damaged(tree, lambda t: t["nodes"][1].update(parent=parent)))


def test_ids_that_do_not_count_up_are_refused(tree: Tree) -> None:
    complaint(damaged(tree, lambda t: t["nodes"][1].update(id=5)))


@pytest.mark.parametrize("place", ["first", "second", "winner"])
@pytest.mark.parametrize("id", [99, -1])
def test_a_verdict_that_names_no_node_is_refused(tree: Tree, place: str, id: int) -> None:
    line = damaged(tree, lambda t: t["nodes"][0]["verdicts"][0].update({place: id}))
    assert "verdict of node 0" in complaint(line)


def test_a_winner_that_was_not_compared_is_refused(tree: Tree) -> None:
    complaint(damaged(tree, lambda t: t["nodes"][0]["verdicts"][0].update(winner=0)))


def test_a_verdict_may_compare_any_two_nodes(tree: Tree) -> None:
    """A script may compare drafts of several branches, or openings: what it writes must be readable."""
    opening, other = tree.roots[0], tree.add(None, Utterance("user", "Another opening."))
    opening.verdicts.append(Verdict(opening, other, other, "clearer"))
    verdict = load(dump(tree)).roots[0].verdicts[-1]
    assert [node.content for node in verdict[:2]] == [opening.content, other.content]


# Files.


def test_a_written_file_is_read_back(tree: Tree, tmp_path: Path) -> None:
    path = tmp_path / "trees.jsonl"
    assert write(path, [tree, tree]) == 2
    assert [dump(again) for again in read(path)] == [dump(tree)] * 2


def test_an_error_in_a_file_names_the_file_and_the_line(tree: Tree, tmp_path: Path) -> None:
    path = tmp_path / "trees.jsonl"
    path.write_text(dump(tree) + "\n" + "{}\n", encoding="utf-8")
    trees = read(path)
    next(trees)
    with pytest.raises(UsageError, match=r"trees\.jsonl:2: .*format: Field required"):
        next(trees)


@pytest.mark.parametrize("rest", ["", "{", '{"format": "i2a.tree/1", "id": "al'])
def test_a_torn_last_line_is_left_out(tree: Tree, tmp_path: Path, rest: str) -> None:
    path = tmp_path / "trees.jsonl"
    path.write_text(dump(tree) + "\n" + rest, encoding="utf-8")
    assert [again.id for again in read(path)] == [tree.id]


def test_a_file_without_its_last_newline_keeps_its_last_tree(tree: Tree, tmp_path: Path) -> None:
    path = tmp_path / "trees.jsonl"
    path.write_text(dump(tree), encoding="utf-8")
    assert [again.id for again in read(path)] == [tree.id]


def test_the_trees_of_a_run_are_found_by_its_folder_or_by_the_file(tree: Tree, tmp_path: Path) -> None:
    path = tmp_path / "trees.jsonl"
    with pytest.raises(UsageError, match="holds no trees; `i2a simulate --out"):
        trees_of(tmp_path)
    write(path, [tree])
    assert trees_of(tmp_path) == trees_of(path) == path


def test_a_file_that_is_not_there_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.jsonl"):
        list(read(tmp_path / "nowhere.jsonl"))


def test_a_finish_reason_stands_in_the_file_only_where_not_all_was_said(tree: Tree) -> None:
    plain = dump(tree)
    next(iter(tree)).finish_reason = "stop"
    assert dump(tree) == plain
    next(iter(tree)).finish_reason = "length"
    again = load(dump(tree))
    assert next(iter(again)).cut
    assert dump(again) == dump(tree) != plain


@pytest.mark.parametrize("value", [float("nan"), object(), {1, 2}])
def test_metadata_that_json_cannot_hold_is_named(value: object) -> None:
    tree = Tree("t-0", "duel", Persona("", "A.", "B."), 0)
    tree.add(None, Utterance("user", "Hi.")).metadata["score"] = value
    with pytest.raises(UsageError, match=r"tree t-0: metadata\['score'\] of what user says is not JSON"):
        dump(tree)


def test_a_label_that_nobody_could_read_back_is_refused_with_what_to_write() -> None:
    tree = Tree("t-0", "duel", Persona("", "A.", "B."), 0)
    tree.add(None, Utterance("user", "Hi.")).label = "good"  # type: ignore[assignment]
    with pytest.raises(UsageError, match=r"tree t-0, what user says: label 'good'; write here\.label = \"preferred\""):
        dump(tree)


def test_the_prompts_that_roles_were_sent_are_stored_once_each_and_come_back() -> None:
    tree = Tree("t-0", "duel", Persona("", "A.", "B."), 0)
    sent, asked = SentPrompt("Speak."), SentPrompt("Is it true?", "User: Hi.", shows_dialogue=True, private=True)
    here = tree.add(tree.add(None, Utterance("user", "Hi.", prompt=sent)), Utterance("user", "Ho.", prompt=sent))
    here.answers += [KeptAnswer("judge", "{2}", asked), KeptAnswer("judge", "{1}", asked)]
    stored = json.loads(dump(tree))
    assert stored["prompts"] == [{"system": "Speak."}, sent_as_json(asked)]
    assert [node["prompt"] for node in stored["nodes"]] == [0, 0]
    first, second = load(dump(tree))
    assert (first.prompt, second.prompt) == (sent, sent)
    assert second.answers == [KeptAnswer("judge", "{1}", asked), KeptAnswer("judge", "{2}", asked)]


def sent_as_json(prompt: SentPrompt) -> dict[str, object]:
    return dict(prompt._asdict())
