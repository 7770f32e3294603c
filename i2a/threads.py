"""How threads of numerical libraries wait for each other."""

import os


def wait_passively() -> None:
    """Have the threads of OpenMP sleep while they wait, if the user has not set how; before torch is imported.

    By default they spin, and where other programs want the cores too, waiting takes most of the time: with two threads
    on two busy cores, products of matrices took seven times the CPU time and twelve times as long.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
