"""`train grpo --vllm-server` on a stand-in: `python -m tests.vllm_stand_in MODEL OUT` trains and prints what came in.

TRL's own client speaks to it. Where that wants NCCL and a GPU, a queue of this process carries the weights; the server
begins with other weights than those of MODEL, and every fifth answer is an HTTP 500.
"""

import asyncio
import json
import sys
import threading
from importlib.machinery import ModuleSpec
from itertools import count
from pathlib import Path
from queue import Queue
from types import ModuleType
from typing import Any

from aiohttp import web

SENT: Queue[dict[str, Any]] = Queue()
WITH_500 = 5
CONFIG = {
    "weight_transfer_config": {"backend": "nccl"},
    "model_config": {"logprobs_mode": "processed_logprobs"},
}


def pretend_vllm() -> None:
    """The names that TRL 1.16 imports from vLLM 0.25."""

    class NCCLWeightTransferEngine:
        @staticmethod
        def trainer_init(init_info: dict[str, Any]) -> Any:
            assert init_info["world_size"] == 2, "one worker and the trainer"
            group = ModuleType("group")
            return type("Communicator", (), {"group": group})()

        @staticmethod
        def trainer_send_weights(iterator: Any, trainer_args: Any) -> None:
            SENT.put({name: weight.clone() for name, weight in iterator})

    def module(name: str, **names: Any) -> None:
        made = ModuleType(name)
        made.__spec__, made.__path__ = ModuleSpec(name, None), []
        vars(made).update(names)
        sys.modules[name] = made

    module("vllm", __version__="0.25.0", LLM=None, RequestOutput=None, SamplingParams=None)
    module("vllm.sampling_params", StructuredOutputsParams=None)
    module("vllm.utils")
    module("vllm.utils.network_utils", get_ip=lambda: "127.0.0.1")
    module("vllm.distributed")
    module("vllm.distributed.weight_transfer")
    engine = {"NCCLWeightTransferEngine": NCCLWeightTransferEngine, "NCCLTrainerSendWeightsArgs": dict}
    module("vllm.distributed.weight_transfer.nccl_engine", **engine)


class StandIn:
    """The server, in a thread of its own."""

    def __init__(self, folder: str) -> None:
        import torch
        from transformers import AutoModelForCausalLM

        from i2a.models.local.checkpoint import Checkpoint
        from i2a.models.local.generation import Generator

        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        for weight in self.model.parameters():
            weight.data.normal_()
        stop = Checkpoint.find(folder).tokenizer().eos_token_id
        self.generator = Generator(self.model, [stop], keep=0)
        self.asked: list[str] = []
        self.completions = count(1)
        self.started, self.url = threading.Event(), ""

    def run(self) -> None:
        loop = asyncio.new_event_loop()
        loop.run_until_complete(self._serve())
        loop.run_forever()

    async def _serve(self) -> None:
        app = web.Application(client_max_size=2**26)
        app.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        self.started.set()

    async def _answer(self, request: web.Request) -> web.Response:
        path = request.path
        self.asked.append(path)
        body = await request.json() if request.can_read_body else {}
        match path:
            case "/v1/models":
                return web.json_response({"data": [{"id": "stand-in"}]})
            case "/server_info":
                return web.json_response({"vllm_config": CONFIG})
            case "/get_world_size":
                return web.json_response({"world_size": 1})
            case "/update_weights":
                weights = await asyncio.to_thread(SENT.get, timeout=30)
                self.load(body["update_info"], weights)
            case "/v1/completions":
                if next(self.completions) % WITH_500 == 0:
                    return web.Response(status=500, text="busy")
                return web.json_response({"choices": [self.drawn(body)]})
        return web.json_response({})

    def load(self, announced: dict[str, Any], weights: dict[str, Any]) -> None:
        assert announced["names"] == list(weights)
        assert announced["dtype_names"] == [str(weight.dtype).removeprefix("torch.") for weight in weights.values()]
        missing, unexpected = self.model.load_state_dict(weights, strict=False)
        assert not unexpected
        assert set(missing) <= {"lm_head.weight"}, "tied"

    def drawn(self, asked: dict[str, Any]) -> dict[str, Any]:
        """As vLLM answers with --logprobs-mode processed_logprobs."""
        from i2a.models.local.batching import Row

        assert (asked["logprobs"], asked["return_token_ids"]) == (0, True)
        assert (asked["top_k"], asked["min_p"], asked["repetition_penalty"]) == (0, 0, 1), "else the checkpoint's own"
        how = asked["temperature"], asked["top_p"], asked["seed"]
        row = Row(list(asked["prompt"]), asked["max_tokens"], *how, keeps_logprobs=True)
        self.generator.advance([], [row], lambda: False)
        return {
            "text": "not looked at",
            "token_ids": row.written,
            "logprobs": {"token_logprobs": row.logprobs},
            "finish_reason": row.end,
        }


def main(folder: str, out: str) -> None:
    pretend_vllm()
    from i2a import train_grpo
    from i2a.testing import ScriptedModel
    from tests.training.test_grpo import SMALL, user

    server = StandIn(folder)
    threading.Thread(target=server.run, daemon=True).start()
    server.started.wait()
    talkers = {"user": ScriptedModel(user), "judge": ScriptedModel()}
    train_grpo(model=folder, out=Path(out), clients=talkers, vllm_server=server.url, **SMALL)
    print(json.dumps(server.asked))


if __name__ == "__main__":
    main(*sys.argv[1:])
