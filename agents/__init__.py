"""i2a: the roles as AutoGen agents, with their prompts beside them."""

OPENAI_AGENTS = ("Agent", "ModelSettings", "Runner", "Session", "function_tool", "handoff", "trace")


def __getattr__(name: str) -> object:
    if name in OPENAI_AGENTS:
        raise ImportError(
            f"this package `agents` is that of i2a, and has no {name}; openai-agents installs one of the same name: "
            "give each an environment of its own"
        )
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
