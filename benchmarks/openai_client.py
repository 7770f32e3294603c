"""CPU per call of our OpenAI model against AutoGen's own, over HTTP to the same server on loopback.

Run: python benchmarks/openai_client.py [--calls 400] [--concurrency 32]
"""

import argparse
import asyncio
import statistics
import time
from itertools import repeat

from autogen_ext.models.openai import OpenAIChatCompletionClient
from http_bound import server

from i2a.models.autogen import AutoGenModel, ModelClient
from i2a.models.model import Message, Model
from i2a.models.openai import OpenAIModel

TEXT = "The bus was late again, so I walked along the canal and thought about what you said last week. " * 4
MESSAGES = [Message("user" if turn % 2 == 0 else "assistant", TEXT) for turn in range(11)]


async def cpu_per_call(model: Model, calls: int, concurrency: int) -> float:
    waiting = repeat(None, calls)

    async def work() -> None:
        for _ in waiting:
            await model.complete(MESSAGES, {})

    await model.complete(MESSAGES, {})
    start = time.process_time()
    async with asyncio.TaskGroup() as group:
        for _ in range(concurrency):
            group.create_task(work())
    spent = time.process_time() - start
    await model.close()
    return spent / calls


async def compare(url: str, calls: int, concurrency: int) -> tuple[float, float]:
    ours = OpenAIModel("offline", base_url=url)
    info = ModelClient(ours).model_info
    stock = AutoGenModel(OpenAIChatCompletionClient(model="offline", base_url=url, api_key="none", model_info=info))
    return await cpu_per_call(ours, calls, concurrency), await cpu_per_call(stock, calls, concurrency)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=400)
    parser.add_argument("--concurrency", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    rows = []
    with server() as model:
        for _ in range(args.rounds):
            rows.append(asyncio.run(compare(model.partition("@")[2], args.calls, args.concurrency)))
            print(f"OpenAIModel {rows[-1][0] * 1e6:5.0f} us/call   AutoGen's {rows[-1][1] * 1e6:5.0f} us/call")
    ratio = statistics.median(stock / ours for ours, stock in rows)
    print(f"ratio AutoGen's / ours: {ratio:.1f} (median of {args.rounds} rounds)")


if __name__ == "__main__":
    main()
