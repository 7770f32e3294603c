"""A pydantic class as a strict JSON schema."""

from typing import Literal

from pydantic import BaseModel

from i2a.models.response_format import response_format


class Form(BaseModel):
    reason: str
    winner: Literal["1", "2"] = "1"
    default: list["Form"] = []


def test_a_response_format_is_strict_and_made_once() -> None:
    made = response_format(Form)
    assert response_format(Form) is made
    assert (made["json_schema"]["name"], made["json_schema"]["strict"]) == ("Form", True)
    schema = made["json_schema"]["schema"]["$defs"]["Form"]
    assert schema["required"] == ["reason", "winner", "default"]
    assert schema["additionalProperties"] is False
    assert "default" not in schema["properties"]["winner"]
