// A program in another language that steers: node steer.mjs COMMAND ...
// It prompts, waits for the first words, steers, and prints what it saw as one JSON object.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

const [command, ...args] = process.argv.slice(2);
const agent = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
const send = (record) => agent.stdin.write(JSON.stringify(record) + "\n");
const seen = { cut: "", answer: "", acknowledged: [] };
let steered = false;

for await (const line of createInterface({ input: agent.stdout })) {
  const event = JSON.parse(line);
  switch (event.type) {
    case "hello":
      if (event.protocol !== 1) throw new Error(`protocol ${event.protocol}`);
      send({ type: "prompt", text: "explain", id: 1 });
      break;
    case "ack":
      if (event.ok) seen.acknowledged.push(event.command);
      break;
    case "token_stream":
      seen[steered && event.step > 1 ? "answer" : "cut"] += event.text;
      if (!steered) {
        steered = true;
        send({ type: "steer", text: "in one sentence", item_id: "steer-1", id: 2 });
      }
      break;
    case "settled":
      agent.stdin.end();
  }
}
const exit = agent.exitCode ?? (await new Promise((resolve) => agent.on("exit", resolve)));
console.log(JSON.stringify({ ...seen, exit }));
