"""Personas: read and drawn (`pool`), grown by a model, checked (`quality`), and measured (`diversity`)."""
