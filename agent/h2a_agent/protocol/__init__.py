"""The agent for other programs: what goes over a pipe, one JSON object a line.

A program writes commands and reads events and replies:

    ──▶ {"type": "prompt", "text": "why does the build fail?", "id": 1}
    ◀── {"type": "ack", "command": "prompt", "id": 1, "ok": true, "item_id": "01K..."}
    ◀── {"type": "token_stream", "seq": 7, "time": 1790000000.1, "step": 1, "block": 0, "text": "Let me"}
    ──▶ {"type": "steer", "text": "only the unit tests"}

Commands (`commands.py`) are the verbs of `Agent`, events (`h2a_agent.events`) are all it says, and replies
(`replies.py`) are the answers to commands. All three are dataclasses, and the classes are the protocol: `values.py`
turns them into JSON and back by their type hints, and `schema.py` describes them as a JSON schema the same way.

Every object carries its `type`. The first line is `hello` with the number of the protocol. Within a number, types
and fields may be added, so a reader passes over what it does not know; what changes or goes makes a new number.
"""
