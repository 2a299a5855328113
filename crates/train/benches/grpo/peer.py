"""GRPO in arenas with TRL: the peer of `compare.py`.

    python peer.py ARENAS MODEL --steps N …      (options as in compare.py; prints one JSON object)

`GRPOTrainer` with an `environment_factory` per arena, transformers' `generate`, PyTorch in f32. The model reads and
writes the compact template, with the same text before its first turn as under astra: tools stand in the system turn
(`tool_line`), `TEMPLATE` says the rest, and `Tokenizer.parse_response` reads calls. Tools run in a plain Python process
an episode. The reward is a short form of the arena's, which gives the same work and not always the same number: no
grounding, no goals over states, no honest refusals.
"""

import argparse
import inspect
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

# Before torch is there: it reads this once.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"

TEMPLATE = (
    "{%- for message in messages -%}"
    "{%- if message.role == 'assistant' -%}"
    "{{- message.content or '' -}}"
    "{%- for call in message.tool_calls or [] -%}"
    "{{- '<tool_call>' + call.function.name + (call.function.arguments | tojson) -}}"
    "{%- endfor -%}{{- '<|im_end|>' -}}"
    "{%- elif message.role == 'tool' -%}"
    "{{- '<tool_response>' + message.content -}}"
    "{%- if loop.last or loop.nextitem.role != 'tool' -%}{{- '<|im_end|>' -}}{%- endif -%}"
    "{%- else -%}"
    "{{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>' -}}"
    "{%- endif -%}"
    "{%- endfor -%}"
)

# What runs in the process of an episode: an arena on the first line, then calls, one a line, each with an answer.
HARNESS = r"""
import hashlib, inspect, io, json, sys, types
replies, sys.stdout = sys.stdout, io.StringIO()
arena = json.loads(sys.stdin.readline())
made, parsed = {}, {}
def data(name):
    if name not in parsed:
        parsed[name] = json.loads(arena["data"][name])
    return parsed[name]
def new_id(state, prefix, fields):
    what = json.dumps([prefix, fields], sort_keys=True, default=str)
    made[what] = made.get(what, 0) + 1
    return prefix + "-" + hashlib.blake2b(f"{what}#{made[what]}".encode(), digest_size=5).hexdigest()
sys.modules["astra"] = types.SimpleNamespace(data=data, new_id=new_id)
spaces = {}
tools = {}
for tool in arena["tools"]:
    if tool["code"] not in spaces:
        spaces[tool["code"]] = {"__name__": "tool"}
        exec(compile(tool["code"], "tool", "exec"), spaces[tool["code"]])
    entry = spaces[tool["code"]][tool["entry"]]
    takes_state = next(iter(inspect.signature(entry).parameters), None) == "state"
    tools[tool["name"]] = (entry, takes_state)
for line in sys.stdin:
    request = json.loads(line)
    entry, takes_state = tools[request["tool"]]
    try:
        result = entry(*[arena["state"]] * takes_state, **request["arguments"])
        reply = json.dumps({"result": result}, ensure_ascii=False)
    except Exception as error:
        reply = json.dumps({"error": f"{type(error).__name__}: {error}"}, ensure_ascii=False)
    replies.write(reply + "\n")
    replies.flush()
"""


# Prompts: tools as the compact template writes them, one line each.

def literal(value):
    plain = isinstance(value, str) and value and not re.search(r'[|()"\s]', value)
    return value if plain else compact(value)


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def kind(schema):
    name = schema.get("type", "any")
    if isinstance(name, list):
        name = next((one for one in name if one != "null"), "any")
    if name == "array":
        return f"[{kind(schema['items']) if 'items' in schema else ''}]"
    if name == "object" and "properties" in schema:
        return "{" + parameters(schema) + "}"
    return {"string": "", "integer": "#", "number": "#", "boolean": "bool"}.get(name, name)


def parameter(name, schema, required):
    default = None if required else schema.get("default")
    choices = schema.get("enum") or []
    if default is not None:
        return f"{name}=" + "|".join(map(literal, [default] + [one for one in choices if one != default]))
    what = "|".join(map(literal, choices)) if choices else kind(schema)
    colon = ":" if what not in ("", "#") else ""
    return name + ("" if required else "?") + colon + what


def parameters(schema):
    required = schema.get("required", [])
    return " ".join(parameter(name, one, name in required) for name, one in schema.get("properties", {}).items())


def tool_line(doc):
    description = doc["description"]
    names = [one for one in description.split("`")[1::2] if one and re.fullmatch(r"\w+", one) and one != "error"]
    end = len(description)
    for at, letter in enumerate(description):
        following = description[at + 1:at + 2]
        if (letter in "。；：\n(（" or letter in ".;:" and (not following or following.isspace())
                or letter == "," and len(description[:at].split()) > 3):
            end = at
            break
    clause = description[:end].strip().replace("`", "")
    fields = " > " + " ".join(dict.fromkeys(names)) if names else ""
    return f"{doc['name']}({parameters(doc['parameters'])})" + (f" {clause}" if clause else "") + fields


def prompt(arena):
    messages = [{"role": one["role"], "content": one["content"]} for one in arena["prompt"]]
    said = messages.pop(0)["content"] + "\n" if messages[0]["role"] == "system" else ""
    lines = "".join(tool_line(tool["doc"]) + "\n" for tool in arena["tools"])
    return [{"role": "system", "content": said + lines}] + messages


# Arenas as environments.

def read(folder):
    import pyarrow

    for part in sorted(pathlib.Path(folder).glob("part-*.jsonl")):
        for line in part.read_text(encoding="utf-8").splitlines():
            arena = json.loads(line)
            files = {}
            for file in arena.get("data", []):
                path = part.parent / "data" / f"{file['blake3'].removeprefix('blake3:')}.json.zst"
                with pyarrow.input_stream(str(path), compression="zstd") as stream:
                    files[file["name"]] = stream.read().decode()
            tools = [{"name": one["doc"]["name"], "code": one["code"], "entry": one["entry"]} for one in arena["tools"]]
            program = {"tools": tools, "data": files, "state": arena.get("state") or {}}
            yield arena, json.dumps(program, ensure_ascii=False) + "\n"


def at(value, pointer):
    for step in pointer.split("/")[1:]:
        step = step.replace("~1", "/").replace("~0", "~")
        try:
            value = value[int(step)] if isinstance(value, list) else value[step]
        except (KeyError, IndexError, TypeError, ValueError):
            return None
    return value


def matches(found, expected):
    wanted = expected.get("value")
    if isinstance(found, (int, float)) and isinstance(wanted, (int, float)):
        return abs(found - wanted) <= expected.get("tolerance", 1e-9)
    return found == wanted


class Environment:
    """One episode at a time; `TOOLS`, methods for them, `ARENA` and `PROGRAM` are a subclass's."""

    def reset(self, **row):
        self._end()
        self._calls = []
        self._process = subprocess.Popen([sys.executable, "-I", "-S", "-c", HARNESS], text=True, encoding="utf-8",
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self._process.stdin.write(self.PROGRAM)
        self._process.stdin.flush()

    def _call(self, tool, arguments):
        self._process.stdin.write(json.dumps({"tool": tool, "arguments": arguments}) + "\n")
        self._process.stdin.flush()
        reply = json.loads(self._process.stdout.readline())
        result = reply.get("result")
        self._calls.append((tool, result))
        return result if isinstance(result, str) else compact(reply if "error" in reply else result)

    def _end(self):
        process = getattr(self, "_process", None)
        if process is not None:
            process.stdin.close()
            process.wait()
            process.stdout.close()
            self._process = None

    def get_reward(self):
        self._end()
        calls = len(self._calls)
        if not self.ARENA.get("answerable", True):
            return float(calls <= 1)
        credited, free = [], list(self._calls)
        for goal in self.ARENA["goals"]:
            goal = goal["kind"]
            if goal["type"] == "returns":
                for call in free:
                    if call[0] == goal["tool"] and matches(at(call[1], goal["path"]), goal["value"]):
                        free.remove(call)
                        credited.append(goal)
                        break
        recall = len(credited) / len(self.ARENA["goals"])
        precision = min(1.0, len(credited) / calls) if calls else 0.0
        return 2 * recall * precision / (recall + precision) if recall + precision else 0.0


TYPES = {"string": str, "integer": int, "number": float, "boolean": bool, "array": list, "object": dict}


def method(doc):
    """A method with the signature that TRL reads; the model is told of the tool by `tool_line`."""
    def call(self, **arguments):
        return self._call(doc["name"], arguments)

    names = list(doc["parameters"].get("properties", {}))
    kinds = {name: TYPES.get(kind, str) for name in names
             if isinstance(kind := doc["parameters"]["properties"][name].get("type", "string"), str)}
    call.__name__ = doc["name"]
    call.__annotations__ = {name: kinds.get(name, str) for name in names} | {"return": str}
    call.__signature__ = inspect.Signature(
        [inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)]
        + [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=call.__annotations__[name])
           for name in names], return_annotation=str)
    arguments = "".join(f"    {name}: An argument.\n" for name in names)
    call.__doc__ = f"A tool.\n\nArgs:\n{arguments}" if names else "A tool."
    return call


def environments(arenas):
    made = {}
    for number, (arena, program) in enumerate(arenas):
        methods = {tool["doc"]["name"]: method(tool["doc"]) for tool in arena["tools"]}
        made[str(number)] = type(f"Arena{number}", (Environment,), {**methods, "ARENA": arena, "PROGRAM": program})
    return made


def tokenizer_of(folder):
    from transformers import PreTrainedTokenizerFast

    class Tokenizer(PreTrainedTokenizerFast):
        def parse_response(self, response, schema=None, *, prefix=None, tools=None):
            said, *written = self.decode(response).split("<|im_end|>")[0].split("<tool_call>")
            calls = []
            for call in written:
                name, brace, rest = call.partition("{")
                try:
                    arguments = json.loads(brace + rest)
                except ValueError:
                    name, arguments = "malformed call", {}
                calls.append({"type": "function", "function": {"name": name, "arguments": arguments}})
            return {"role": "assistant", "content": said} | ({"tool_calls": calls} if calls else {})

    tokenizer = Tokenizer.from_pretrained(folder)
    tokenizer.chat_template = TEMPLATE
    tokenizer.padding_side = "left"
    # Only its presence counts: what it would say is said by `parse_response`.
    tokenizer.response_template = {}
    return tokenizer


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("arenas")
    parser.add_argument("model")
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--groups", type=int, default=8)
    parser.add_argument("--group-size", type=int, default=8)
    parser.add_argument("--max-turns", type=int, default=8)
    parser.add_argument("--max-turn-tokens", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--lr", type=float, default=1e-5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=int, default=64, help="only the first so many arenas")
    parser.add_argument("--micro-batch", type=int, default=16, help="episodes that TRL learns from at once")
    parser.add_argument("--prompts", action="store_true", help="print the first prompts' ids and do nothing else")
    return parser


def main():
    given = options().parse_args()
    arenas = [one for one, _ in zip(read(given.arenas), range(given.limit))]
    tokenizer = tokenizer_of(given.model)
    if given.prompts:
        for arena, _ in arenas:
            print(json.dumps(tokenizer.apply_chat_template(prompt(arena), return_dict=False)))
        return
    import torch
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, TrainerCallback
    from trl import GRPOConfig, GRPOTrainer

    torch.set_num_threads(given.threads)
    episodes = given.groups * given.group_size
    model = AutoModelForCausalLM.from_pretrained(given.model, dtype=torch.float32)

    class Clock(TrainerCallback):
        steps, began = [], 0.0

        def on_train_begin(self, *_, **__):
            self.began = time.perf_counter()

        def on_log(self, args, state, control, logs=None, **_):
            if "completions/mean_length" in (logs or {}):
                now = time.perf_counter()
                self.steps.append({"seconds": now - self.began, "episodes": episodes,
                                   "tokens": logs["completions/mean_length"] * episodes, "reward": logs["reward"],
                                   "calls": logs["tools/call_frequency"]})
                self.began = now

    with tempfile.TemporaryDirectory() as folder:
        settings = GRPOConfig(
            output_dir=folder, max_steps=given.steps, num_generations=given.group_size,
            per_device_train_batch_size=given.micro_batch, gradient_accumulation_steps=episodes // given.micro_batch,
            max_completion_length=model.config.max_position_embeddings,
            generation_kwargs={"max_new_tokens": given.max_turn_tokens}, max_tool_calling_iterations=given.max_turns - 1,
            temperature=1.0, beta=0.0, epsilon=0.2, loss_type="dapo", scale_rewards="group", learning_rate=given.lr,
            lr_scheduler_type="constant", weight_decay=0.0, max_grad_norm=1.0, gradient_checkpointing=False, bf16=False,
            use_cpu=True, dataloader_pin_memory=False, save_strategy="no", report_to="none", logging_steps=1,
            disable_tqdm=True, seed=given.seed)
        made = environments(arenas)
        rows = [{"prompt": prompt(arena), "environment": str(number)} for number, (arena, _) in enumerate(arenas)]
        clock = Clock()
        trainer = GRPOTrainer(model=model, args=settings, train_dataset=Dataset.from_list(rows),
                              processing_class=tokenizer, environment_factory=made, callbacks=[clock])
        sys.stdout, stdout = sys.stderr, sys.stdout
        trainer.train()
        print(json.dumps({"steps": clock.steps}), file=stdout)


if __name__ == "__main__":
    main()
