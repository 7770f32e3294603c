"""The pictures of a report show what was logged."""

from i2a.report.charts import training


def test_a_training_is_drawn_from_what_it_logged_and_only_from_that() -> None:
    drawn = training([{"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.0, "rewards/margins": 0.1}], "dpo")
    assert drawn is not None
    assert drawn.startswith("data:image/svg+xml;base64,")
    assert training([{"step": 1, "epoch": 0.5}], "dpo") is None
