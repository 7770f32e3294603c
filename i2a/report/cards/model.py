"""The model card: what a model was made of and how, so that others can judge it and make it again."""

from pathlib import Path

from i2a.jsonl import JsonMapping, JsonObject
from i2a.report.cards.markdown import fill, simulated, table

METHODS = {"sft": "supervised fine-tuning", "dpo": "direct preference optimisation"}
METHODS |= {"grpo": "group-relative policy optimisation"}


def model_card(result: JsonMapping, manifest: JsonMapping) -> str:
    """The card of a training, from its `result.json` and `manifest.json`."""
    identity, corpus = manifest["identity"], manifest["corpus"]
    stage, source, adapter = identity["stage"], identity["model"]["source"], result["adapter"]
    return fill(
        "model",
        metadata=_metadata(stage, source, adapter=adapter),
        name=Path(result["model"]).name,
        # The path of a local model is private.
        source=Path(source).name if Path(source).is_absolute() else source,
        method=METHODS[stage],
        adapter="This is a LoRA adapter for the model that its `adapter_config.json` names." if adapter else "",
        simulated=simulated("wrote at least part of the training data") if corpus["simulated"] else "",
        data=table(_data(corpus, result)),
        settings=table(_settings(identity["settings"], result)),
        course=table(
            {
                "steps": result["steps"],
                "at first": result["first"],
                "at last": result["last"],
                "held-out personas": result["validation"],
                "tokens of the rows / tokens computed": result["tokens_saved"],
            }
        ),
        versions=table(manifest["versions"]),
    )


def _metadata(stage: str, source: str, *, adapter: bool) -> str:
    lines = [f"library_name: {'peft' if adapter else 'transformers'}", f"tags: [i2a, trl, {stage}]"]
    if not Path(source).is_absolute():  # a model of the hub
        lines.append(f"base_model: {source}")
    return "\n".join(lines)


def _data(corpus: JsonMapping, result: JsonMapping) -> JsonObject:
    if "parts" not in corpus:  # of conversations of its own
        return {
            "talked with": "; ".join(f"{role}: {model}" for role, model in corpus["models"].items()),
            "persona fingerprint": corpus["fingerprint"],
            "replies learnt from": result["rows"],
            "notes": "; ".join(result["notes"]) or "none",
        }
    part = corpus["parts"]["train"]
    return {
        "runs": "; ".join(_run(run) for run in corpus["sources"]),
        "corpus fingerprint": corpus["fingerprint"],
        "persona fingerprint": corpus["personas"],
        "trees": part["trees"],
        "rows": result["rows"],
        "left out": "; ".join(result["notes"]) or "nothing",
    }


def _settings(settings: JsonMapping, result: JsonMapping) -> JsonObject:
    """What was set and what it resolved to, without the settings that had no effect."""
    unused = set() if result["adapter"] else {"lora_rank", "lora_alpha"}
    if settings.get("mix") is None:
        unused.add("mix_ratio")
    return {name: value for name, value in {**settings, **result["settings"]}.items() if name not in unused}


def _run(run: JsonMapping) -> str:
    models = sorted(set(run.get("models", {}).values()))
    return f"{run['run']} ({', '.join(models)})" if models else str(run["run"])
