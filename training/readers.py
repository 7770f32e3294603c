"""How other tools read exported rows: what to write in TRL, Axolotl and LLaMA-Factory."""

import json
from typing import Any


def readers(format: str, layout: str, file: str) -> str:
    """Markdown for one file of rows."""
    if layout == "messages":
        return f"{_llama_factory(format, file)}\n\n{_axolotl(format, layout, file)}"
    other = f"LLaMA-Factory reads `i2a export --format {format} --option layout=messages`"
    if format == "sft":
        return f"{_trl(format, file)}\n\n{other}, and so does Axolotl."
    return f"{_trl(format, file)}\n\n{_axolotl(format, layout, file)}\n\n{other}."


def _kind(file: str) -> str:
    return "parquet" if file.endswith(".parquet") else "json"


def _trl(format: str, file: str) -> str:
    trainer = format.upper()
    return f"""TRL, as it is, with the loss on the replies alone. Without `max_length=None` it cuts long dialogues:

```python
from datasets import load_dataset
from trl import {trainer}Config, {trainer}Trainer

rows = load_dataset({_kind(file)!r}, data_files={file!r}, split="train")
{trainer}Trainer("Qwen/Qwen2.5-7B-Instruct", args={trainer}Config(max_length=None), train_dataset=rows).train()
```"""


def _axolotl(format: str, layout: str, file: str) -> str:
    dataset = {"path": file, "ds_type": _kind(file)}
    if format == "dpo":
        messages = "prompt" if layout == "trl" else "messages"
        dataset |= {"split": "train", "type": "chat_template.default", "field_messages": messages}
    else:
        dataset |= {"type": "chat_template", "field_messages": "messages", "message_field_training": "training"}
    first, *rest = (f"{name}: {value}" for name, value in dataset.items())
    return "\n".join(
        [
            "Axolotl:",
            "",
            "```yaml",
            *(["rl: dpo"] if format == "dpo" else []),
            "datasets:",
            f"  - {first}",
            *(f"    {line}" for line in rest),
            "```",
        ]
    )


def _llama_factory(format: str, file: str) -> str:
    columns = {"messages": "messages"}
    about: dict[str, Any] = {"file_name": file, "formatting": "sharegpt", "columns": columns}
    if format == "dpo":
        columns |= {"chosen": "chosen", "rejected": "rejected"}
        about["ranking"] = True
    names = ("user", "assistant", "system")
    about["tags"] = {"role_tag": "role", "content_tag": "content"} | {f"{name}_tag": name for name in names}
    once = ", and `mask_history: true` in the configuration, for only the last reply is to be learnt"
    return f"""LLaMA-Factory: this in `dataset_info.json`{once if format == "sft" else ""}:

```json
{json.dumps({"i2a": about}, indent=2)}
```"""
