"""The same as steer.mjs, for a machine without Node: steer.py COMMAND ..."""

import json
import subprocess
import sys

agent = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
seen = {"cut": "", "answer": "", "acknowledged": []}
steered = False


def send(**record):
    agent.stdin.write(json.dumps(record) + "\n")
    agent.stdin.flush()


for line in agent.stdout:
    event = json.loads(line)
    match event["type"]:
        case "hello":
            assert event["protocol"] == 1
            send(type="prompt", text="explain", id=1)
        case "ack" if event["ok"]:
            seen["acknowledged"].append(event["command"])
        case "token_stream":
            seen["answer" if steered and event["step"] > 1 else "cut"] += event["text"]
            if not steered:
                steered = True
                send(type="steer", text="in one sentence", item_id="steer-1", id=2)
        case "settled":
            agent.stdin.close()
print(json.dumps({**seen, "exit": agent.wait()}))
