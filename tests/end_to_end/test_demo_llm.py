"""`make demo-llm` says how long it will take, and each of its commands is one that there is."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the extra `train` is not installed")
from tests.tiny import checkpoint

ROOT = Path(__file__).parents[2]


def test_the_time_it_takes_is_told_in_advance(tmp_path: Path) -> None:
    model = checkpoint(tmp_path / "tiny")
    sizes = ("--trained", "30000000", "--read", "0", "--written", "0", "--seconds", "0.1")
    done = speed(str(model), *sizes)
    found = re.search(r"trains on ([\d,]+) tokens a second.*about ([\d,]+) minutes", done.stdout, re.DOTALL)
    assert found is not None, done.stderr
    rate, minutes = (int(number.replace(",", "")) for number in found.groups())
    assert minutes == pytest.approx(30_000_000 / rate / 60, rel=0.02, abs=0.6)


def test_a_model_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    done = speed(str(tmp_path / "none.gguf"))
    assert done.returncode == 1
    assert "there is no file" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def speed(*args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "benchmarks/llm_speed.py"), *args]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=100, check=False)


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")
def test_every_step_goes_on_where_it_stopped_and_is_about_the_same_models() -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    command = ["make", "-n", "demo-llm", "READY=", "LLM_DEMO=here", "I2A=i2a", "MODEL=openai:a@b"]
    planned = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True).stdout
    steps = [shlex.split(line) for line in planned.replace("\\\n", "").splitlines() if line.startswith("i2a ")]
    stages = [" ".join(step[1:3]) if step[1] in ("train", "personas") else step[1] for step in steps]
    assert stages == [
        *["personas grow"] * 4,
        *["simulate"] * 2,
        *["train sft", "train dpo", "choice", "choice", "evaluate", "report", "compare", "compare", "compare"],
    ]
    assert all("--resume" in step for step in steps if step[1] not in ("report", "compare"))
    sft, dpo, choice, _, evaluate = steps[6:11]
    assert dpo[dpo.index("--model") + 1] == sft[sft.index("--out") + 1] == "here/sft"
    for run in (choice, evaluate):
        assert [part.partition("?")[0] for part in run if "=" in part and "hf:" in part] == [
            *["base=hf:smollm2", "sft=hf:here/sft", "dpo=hf:here/dpo", "shuffled=shuffled:hf:here/dpo"],
            "last=last:hf:here/dpo" if run is choice else "brief=brief:hf:smollm2",
        ]
    assert evaluate[evaluate.index("--judge") + 1] == evaluate[evaluate.index("--user") + 1] == "openai:a@b"
