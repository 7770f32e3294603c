"""The protocol `choice`, which needs no judge: of four replies to one message, which does a model prefer?

`items` are the questions, `build` makes them, `run` puts them to candidates, `numbers` says what came of it.
"""
