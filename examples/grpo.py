"""Train a model by interaction with a reward of your own: replies that end with a question, and please the judge.

python examples/grpo.py MODEL OUT, e.g. small runs/asks; a minute on two CPU cores.
"""

import sys
from typing import Any

from i2a import Node, Tree, train_grpo


def asks(tree: Tree, reply: Node) -> float:
    """1 for a reply that hands the word back."""
    return float(reply.content.rstrip().endswith("?"))


def train(model: str, out: str, **settings: Any) -> float:
    """The mean reward of the last iterations."""
    reward = {f"{__file__}:asks": 1.0, "judge": 0.25, "repetition": -0.5}
    given = {"iterations": 20, "turns": 4, "max_new_tokens": 40, "learning_rate": 3e-5, **settings}
    return float(train_grpo(model=model, out=out, reward=reward, **given)["last"]["reward"])


if __name__ == "__main__":
    print(train(*sys.argv[1:3]))
