"""The choice of models of somebody who has chosen nothing, on a machine where nothing runs but what a test says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from h2a_agent.assemble import connect
from h2a_agent.catalogue import Catalogue
from h2a_agent.keys import Keys
from h2a_agent.model_choice import ModelChoice
from support.scripted_agent import ScriptedAgent

__all__ = ["models_to_choose"]

_LOCAL = ("ollama", "llama.cpp", "lmstudio", "vllm")


def models_to_choose(
    agent: ScriptedAgent, root: Path, tables: Mapping[str, Mapping[str, str]]
) -> ModelChoice:
    """`tables` are the user's own providers, as in the settings; keys and settings are kept in `root`."""
    agent.provider_name = "demo"
    nowhere = {name: {"base_url": "http://127.0.0.1:1"} for name in _LOCAL}
    catalogue = Catalogue({**tables, **nowhere, **tables})
    return ModelChoice(agent, catalogue, Keys(root / "keys", {}), root / "config.toml", connect)
