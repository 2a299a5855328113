"""Conversations rendered and tokenised by `transformers`, as expected values for our templates.

Run in an environment with transformers, tokenizers and gguf:

    python chat_templates.py [SMOLLM2.gguf]

writes chat_tokenizer.json and chat_templates.json beside this file. The SmolLM2 template (Apache-2.0) is read from
the GGUF; the templates `grouped` and `blocks` were written for this test and use the constructs of other families:
lookback by index, `namespace`, `tojson`, `items`, `trim`, a begin token, a default system turn.
"""

import json
import sys
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

HERE = Path(__file__).parent
CONTROLS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<tool_call>", "</tool_call>", "<tool_response>",
            "</tool_response>", "<think>", "</think>"]

GROUPED = """{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0]['role'] == 'system' %}
        {{- messages[0]['content'] }}
    {%- else %}
        {{- 'Be brief.' }}
    {%- endif %}
    {{- "\\n\\nTools:\\n<tools>" }}
    {%- for tool in tools %}
        {{- "\\n" }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- "\\n</tools><|im_end|>\\n" }}
{%- else %}
    {%- if messages[0]['role'] == 'system' %}
        {{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}
    {%- endif %}
{%- endif %}
{%- set seen = namespace(turns=0) %}
{%- for message in messages %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) or (message.role == "assistant" and not message.tool_calls) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
        {%- set seen.turns = seen.turns + 1 %}
    {%- elif message.role == "assistant" %}
        {{- '<|im_start|>' + message.role }}
        {%- if message.content %}
            {{- '\\n' + message.content }}
        {%- endif %}
        {%- for tool_call in message.tool_calls %}
            {%- if tool_call.function is defined %}
                {%- set tool_call = tool_call.function %}
            {%- endif %}
            {{- '\\n<tool_call>\\n{"name": "' }}
            {{- tool_call.name }}
            {{- '", "arguments": ' }}
            {{- tool_call.arguments | tojson }}
            {{- '}\\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == "tool" %}
        {%- if (loop.index0 == 0) or (messages[loop.index0 - 1].role != "tool") %}
            {{- '<|im_start|>user' }}
        {%- endif %}
        {{- '\\n<tool_response>\\n' }}
        {{- message.content }}
        {{- '\\n</tool_response>' }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}
            {{- '<|im_end|>\\n' }}
        {%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""

BLOCKS = """{{- bos_token }}
{% for message in messages %}
{% if message['role'] not in ['system', 'user', 'assistant'] %}
{{ raise_exception('no such role') }}
{% endif %}
<|im_start|>{{ message.role | upper }}
{# a comment #}
{% for key, value in message.items() if key == 'content' %}
{{ value if message.role == 'assistant' else value.strip().split('\\n')[-1] | trim }}<|im_end|>
{% endfor %}
{% endfor %}
{% if add_generation_prompt %}
<|im_start|>ASSISTANT
{% endif %}"""


def tool(name, **properties):
    return {"type": "function", "function": {
        "name": name, "description": "Finds “things”; 1 < 2 & 'so'.",
        "parameters": {"type": "object", "properties": properties, "required": list(properties)[:1]}}}


TOOLS = [tool("find_city", city={"type": "string", "enum": ["Zürich", "北京"]}, limit={"type": "number", "default": 1e-05}),
         tool("sum", values={"type": "array", "items": {"type": "number"}})]


def calls(*pairs):
    return [{"id": f"c{i}", "type": "function", "function": {"name": name, "arguments": arguments}}
            for i, (name, arguments) in enumerate(pairs)]


def conversations():
    yield "question", [], [{"role": "user", "content": "Wie hoch ist der Säntis?\n  Wirklich?"}]
    yield "system", [], [{"role": "system", "content": "Say <b>no</b>."}, {"role": "user", "content": "Hi"},
                         {"role": "assistant", "content": "no"}, {"role": "user", "content": "Yes?"}]
    talk = [{"role": "user", "content": "Sum 2500.0 and 你好"},
            {"role": "assistant", "content": "", "tool_calls": calls(
                ("find_city", {"city": "北京", "limit": 8465.0}), ("sum", {"values": [1, -0.5, 1e22], "note": None}))},
            {"role": "tool", "tool_call_id": "c0", "content": "{\"rows\":[]}"},
            {"role": "tool", "tool_call_id": "c1", "content": "12.5"}]
    yield "calls", TOOLS, talk
    yield "said_calls", TOOLS, [{"role": "system", "content": "Use tools."}, *talk[:1],
                                {**talk[1], "content": "Let me look."}, *talk[2:],
                                {"role": "assistant", "content": "It is 12.5."}, {"role": "user", "content": "Sure?"}]
    yield "reasoned", TOOLS, [*talk[:1], {**talk[1], "reasoning_content": "I should look.\nTwice."}, *talk[2:]]


def main():
    base = Tokenizer(models.BPE())
    base.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    base.decoder = decoders.ByteLevel()
    texts = [json.dumps(list(conversations()), ensure_ascii=False), GROUPED, BLOCKS]
    base.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=480, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    base.add_special_tokens([AddedToken(c, normalized=False) for c in CONTROLS[:3]])
    base.add_tokens([AddedToken(c, normalized=False) for c in CONTROLS[3:]])
    base.save(str(HERE / "chat_tokenizer.json"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=base, bos_token="<|endoftext|>", eos_token="<|im_end|>")

    hermes = (HERE / "../../src/tokens/hermes.jinja").read_text()
    templates = {"hermes": hermes, "grouped": GROUPED, "blocks": BLOCKS}
    if len(sys.argv) > 1:
        from gguf import GGUFReader
        field = GGUFReader(sys.argv[1]).fields["tokenizer.chat_template"]
        templates["smollm2"] = bytes(field.parts[field.data[0]]).decode()
    cases = []
    for name, template in templates.items():
        for title, tools, messages in conversations():
            if tools and name not in ("hermes", "grouped"):
                continue
            given = json.loads(json.dumps(messages))
            if name == "hermes":  # arguments as text, as in our own records
                for message in given:
                    for call in message.get("tool_calls", []):
                        call["function"]["arguments"] = json.dumps(call["function"]["arguments"], ensure_ascii=False)
            rendered = tokenizer.apply_chat_template(
                given, tools=tools or None, chat_template=template, add_generation_prompt=True, tokenize=False)
            cases.append({"template": name, "title": title, "tools": tools, "messages": given, "text": rendered,
                          "ids": base.encode(rendered, add_special_tokens=False).ids})
    del templates["hermes"]
    out = {"templates": templates, "cases": cases}
    (HERE / "chat_templates.json").write_text(json.dumps(out, ensure_ascii=False, separators=(",", ":")) + "\n")
    print(len(cases), "cases")


main()
