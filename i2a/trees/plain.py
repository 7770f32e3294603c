"""Formats for people and spreadsheets: `dialogue`, the words as text; `utterances`, a row each, as `to_dataframe`."""

from i2a.errors import UsageError
from i2a.jsonl import JsonMapping, JsonObject
from i2a.trees import chats
from i2a.trees.formats import Format, Rows
from i2a.trees.frame import utterances as rows_of
from i2a.trees.persona import Persona
from i2a.trees.tree import Label, Node, Tree, Utterance


def _dialogue(tree: Tree, *, markdown: bool = False) -> Rows:
    """A text for each dialogue, a paragraph for each utterance; `markdown` sets the names in bold type."""
    rows: list[JsonObject] = []
    held: dict[Node, None] = {}
    for place, end in enumerate(tree.ends):
        path = end.path
        mark = "**" if markdown else ""
        said = [f"{mark}{node.speaker}:{mark} {node.content.strip()}" for node in path]
        title = tree.id if len(tree.ends) == 1 else f"{tree.id}, dialogue {place + 1}"
        head = f"## {title}" if markdown else f"[{title}]"
        system = [f"{mark}system:{mark} {text}"] if (text := chats.system_of(path)) is not None else []
        rows.append({"tree": tree.id, "text": "\n\n".join([head, *system, *said])})
        held |= dict.fromkeys(path)
    return Rows(rows, {"dialogues": len(rows)}, chats.left_out(tree, held, "dialogue"))


def _utterances(tree: Tree) -> Rows:
    """A row for each utterance of the tree, also of those that the dialogue left behind."""
    rows = list(rows_of([tree]))
    counts = chats.left_out(tree, tree, "utterances", labels=True)
    if tree.roots and chats.SYSTEM in tree.roots[0].metadata:
        counts["system prompts"] += 1
    return Rows(rows, {"utterances": len(rows)}, counts)


def _read(record: JsonObject) -> Tree:
    """The tree of some rows, in the order of their numbers. Raises `UsageError`."""
    if "rows" not in record:
        raise UsageError("a row without the columns tree, node and speaker")
    rows = sorted(record["rows"], key=lambda row: _number(row, "node"))
    first = rows[0]
    id = str(first["tree"])
    profile_id, personality_id = (str(first.get(name) or "") for name in ("profile", "personality"))
    tree = Tree(
        id, str(first.get("scenario") or chats.IMPORTED), Persona(id, "", "", profile_id, personality_id), seed=0
    )
    nodes: dict[int, Node] = {}
    for row in rows:
        parent = None if row.get("parent") in (None, "") else nodes.get(_number(row, "parent"))
        if parent is None and row.get("parent") not in (None, ""):
            raise UsageError(f"tree {id}: row {row['node']} answers one that is not there")
        node = tree.add(parent, Utterance(str(row["speaker"]), str(row.get("content") or "")))
        node.label = _label(row)
        node.finish_reason = str(row["finish_reason"]) if row.get("finish_reason") else None
        nodes[_number(row, "node")] = node
    for row in rows:
        nodes[_number(row, "node")].continued = str(row.get("continued", True)).lower() in ("true", "1", "yes")
    return tree


def _label(row: JsonMapping) -> Label | None:
    match row.get("label"):
        case None | "":
            return None
        case "preferred":
            return "preferred"
        case "rejected":
            return "rejected"
    raise UsageError(f"label is {row['label']!r:.40}, not preferred or rejected")


def _number(row: JsonMapping, name: str) -> int:
    try:
        return int(float(row[name]))
    except (KeyError, TypeError, ValueError):
        raise UsageError(f"{name} is {row.get(name)!r:.40}, not a number") from None


dialogue = Format(_dialogue, flat=True, text=True)
utterances = Format(
    _utterances,
    flat=True,
    read=_read,
    fits=lambda record: all(name in record for name in ("tree", "node", "speaker")),
    key=lambda record: str(record.get("tree")),
)
