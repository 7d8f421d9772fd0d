"""Transcript of the screen."""
