"""The `i2a serve` command: flags in, server running. Imports the server only when called."""

from typing import Annotated

import typer


def serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 picks a free one.")] = 8000,
    host: Annotated[str, typer.Option(help="Loopback address to listen on; others are refused.")] = "127.0.0.1",
    latency: Annotated[float, typer.Option(min=0, help="Seconds that each answer takes.")] = 0.0,
    slots: Annotated[
        int | None, typer.Option(min=1, help="Requests served at once, the rest queue; default: all.")
    ] = None,
    faults: Annotated[float, typer.Option(min=0, max=1, help="Chance of any fault, spread over all kinds.")] = 0.0,
    rate_limit: Annotated[float, typer.Option(min=0, max=1, help="Chance of a 429 with Retry-After.")] = 0.0,
    server_error: Annotated[float, typer.Option(min=0, max=1, help="Chance of a 500, 502, 503 or 529.")] = 0.0,
    drop: Annotated[float, typer.Option(min=0, max=1, help="Chance of a connection closed without an answer.")] = 0.0,
    slow: Annotated[float, typer.Option(min=0, max=1, help="Chance of an answer --slow-seconds late.")] = 0.0,
    html: Annotated[float, typer.Option(min=0, max=1, help="Chance of a 200 with a web page.")] = 0.0,
    empty: Annotated[float, typer.Option(min=0, max=1, help="Chance of a 200 without choices.")] = 0.0,
    malformed: Annotated[float, typer.Option(min=0, max=1, help="Chance that a JSON answer comes broken.")] = 0.0,
    fault_seed: Annotated[int, typer.Option(help="Seed of the faults.")] = 0,
    retry_after: Annotated[float, typer.Option(min=0, help="Seconds in the Retry-After of a 429.")] = 0.1,
    slow_seconds: Annotated[float, typer.Option(min=0, help="Seconds that --slow adds.")] = 5.0,
    require_key: Annotated[str | None, typer.Option(help="Answer 401 to requests without this key.")] = None,
) -> None:
    """Serve the offline engine over the OpenAI protocol, on loopback, with faults on request; Ctrl-C stops it.

    Example: i2a serve --port 0 --latency 0.2 --slots 64 --faults 0.05

    It prints the model spec to use, such as openai:offline@http://127.0.0.1:8000/v1; GET /stats tells what was asked.
    The models generic, parrot, facts and salad each have one behaviour, as offline:generic has, whatever the prompt.
    """
    import asyncio

    from i2a.simulator.server import ServeOptions
    from i2a.simulator.server import serve as run

    options = ServeOptions(
        latency=latency,
        slots=slots,
        rate_limit=rate_limit,
        server_error=server_error,
        drop=drop,
        slow=slow,
        html=html,
        empty=empty,
        malformed=malformed,
        faults=faults,
        fault_seed=fault_seed,
        retry_after=retry_after,
        slow_seconds=slow_seconds,
        require_key=require_key,
    )
    asyncio.run(run(options, port, lambda url: typer.echo(f"openai:offline@{url}"), host=host))
