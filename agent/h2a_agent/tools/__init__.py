"""What a model can do."""

from __future__ import annotations

from typing import Any

from h2a_agent.tools.base import Tool

__all__ = ["default_tools"]


def default_tools() -> tuple[Tool[Any], ...]:
    """One of each tool there is, in the order a model is told of them.

    Imported here: the tools bring ripgrep, diffs and child processes, which a first frame does not need.
    """
    from h2a_agent.tools.bash import BashTool
    from h2a_agent.tools.edit import EditTool
    from h2a_agent.tools.find import FindTool
    from h2a_agent.tools.grep import GrepTool
    from h2a_agent.tools.job_output import JobOutputTool
    from h2a_agent.tools.job_stop import JobStopTool
    from h2a_agent.tools.ls import LsTool
    from h2a_agent.tools.read import ReadTool
    from h2a_agent.tools.todo import TodoTool
    from h2a_agent.tools.write import WriteTool

    return (
        ReadTool(),
        WriteTool(),
        EditTool(),
        BashTool(),
        JobOutputTool(),
        JobStopTool(),
        GrepTool(),
        FindTool(),
        LsTool(),
        TodoTool(),
    )
