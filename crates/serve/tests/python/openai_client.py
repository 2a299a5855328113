"""What the official client understands of a server whose model has learned the conversations of `tests/it/world.rs`.

Usage: openai_client.py BASE_URL. Exits with a traceback at the first thing that is not as it should be.
"""

import asyncio
import json
import sys
from typing import Literal

import openai
import pydantic

BASE_URL = sys.argv[1]
STORY = [{"role": "user", "content": "Tell me a story."}]
TOLD = "There was a fox.\nIt had 2 dens, é and 雪.\nThe end."
WEATHER = [{"role": "user", "content": "How warm is it in Oslo?"}]
BOTH = [{"role": "user", "content": "And in Oslo and Rome?"}]
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "Weather of a city",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
            },
        },
    }
]

client = openai.OpenAI(base_url=BASE_URL, api_key="none", max_retries=0)


def ask(messages, **more):
    return client.chat.completions.create(model="tiny", messages=messages, temperature=0, **more)


def refused(kind, **more):
    try:
        client.chat.completions.create(**{"model": "tiny", "messages": STORY, **more})
    except kind as error:
        return error
    raise AssertionError(f"{more} was not refused")


def models():
    assert [model.id for model in client.models.list()] == ["tiny"]
    assert client.models.retrieve("tiny").object == "model"


def completion():
    answer = ask(STORY, seed=7, user="somebody")
    choice = answer.choices[0]
    assert choice.message.content == TOLD and choice.finish_reason == "stop", choice
    usage = answer.usage
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens > 0
    cut = ask(STORY, max_completion_tokens=3).choices[0]
    assert cut.finish_reason == "length" and TOLD.startswith(cut.message.content)
    stopped = ask(STORY, stop=["dens"]).choices[0]
    assert stopped.finish_reason == "stop" and stopped.message.content == TOLD.split("dens")[0]
    several = ask(STORY, n=3)
    assert [(choice.index, choice.message.content) for choice in several.choices] == [(i, TOLD) for i in range(3)]


def tool_loop():
    messages = list(WEATHER)
    first = ask(messages, tools=TOOLS, tool_choice="auto").choices[0]
    assert first.finish_reason == "tool_calls" and first.message.content is None
    (call,) = first.message.tool_calls
    assert call.function.name == "weather" and json.loads(call.function.arguments) == {"city": "Oslo"}
    messages.append(first.message)
    messages.append({"role": "tool", "tool_call_id": call.id, "content": '{"celsius": 4}'})
    last = ask(messages, tools=TOOLS).choices[0]
    assert last.message.content == "It is 4 degrees." and last.finish_reason == "stop"
    both = ask(BOTH, tools=TOOLS).choices[0].message.tool_calls
    assert [json.loads(call.function.arguments)["city"] for call in both] == ["Oslo", "Rome"]
    forced = ask(STORY, tools=TOOLS, tool_choice="required", parallel_tool_calls=False, max_tokens=200).choices[0]
    (call,) = forced.message.tool_calls
    assert call.function.name == "weather" and forced.message.content is None
    plain = ask(WEATHER, tools=TOOLS, tool_choice="none", max_tokens=30).choices[0]
    assert plain.message.tool_calls is None


def streaming():
    chunks = list(ask(STORY, stream=True, stream_options={"include_usage": True}))
    texts = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(texts) == TOLD and len(texts) > 10
    assert chunks[-1].choices == [] and chunks[-1].usage == ask(STORY).usage
    with client.chat.completions.stream(model="tiny", messages=BOTH, tools=TOOLS, temperature=0) as stream:
        for _ in stream:
            pass
        choice = stream.get_final_completion().choices[0]
    assert choice.finish_reason == "tool_calls"
    assert [call.function.name for call in choice.message.tool_calls] == ["weather", "weather"]
    assert [json.loads(call.function.arguments)["city"] for call in choice.message.tool_calls] == ["Oslo", "Rome"]
    with ask(STORY, stream=True) as left_early:
        next(iter(left_early))


def logprobs():
    entries = ask(STORY, logprobs=True).choices[0].logprobs.content
    assert b"".join(bytes(entry.bytes) for entry in entries).decode() == TOLD
    assert all(-1 < entry.logprob <= 0 for entry in entries)
    entries = ask(STORY, logprobs=True, top_logprobs=2).choices[0].logprobs.content
    assert all(entry.top_logprobs[0].token == entry.token for entry in entries)
    assert all(len(entry.top_logprobs) == 2 for entry in entries)


class Tale(pydantic.BaseModel):
    dens: int = pydantic.Field(ge=0, le=9)
    fur: Literal["red", "grey"]


def structured():
    answer = client.chat.completions.parse(
        model="tiny", messages=STORY, temperature=0, max_tokens=100, response_format=Tale
    )
    tale = answer.choices[0].message.parsed
    assert isinstance(tale, Tale) and answer.choices[0].finish_reason == "stop"


def errors():
    error = refused(openai.NotFoundError, model="other")
    assert error.code == "model_not_found" and error.param == "model"
    error = refused(openai.BadRequestError, temperature=-1)
    assert error.param == "temperature" and error.type == "invalid_request_error"
    assert refused(openai.BadRequestError, presence_penalty=1).code == "unsupported_parameter"
    assert refused(openai.BadRequestError, top_logprobs=2).param == "top_logprobs"
    error = refused(openai.BadRequestError, messages=[{"role": "user", "content": "word " * 600}])
    assert error.code == "context_length_exceeded"
    assert "sampl" in refused(openai.BadRequestError, extra_body={"sampler": 1}).message
    # Beyond the protocol, as other servers have it.
    assert ask(STORY, extra_body={"top_k": 5, "min_p": 0.1}).choices[0].message.content == TOLD


async def together():
    async with openai.AsyncOpenAI(base_url=BASE_URL, api_key="none", max_retries=0) as several:
        async def one(seed):
            answer = await several.chat.completions.create(
                model="tiny", messages=STORY, temperature=3, seed=seed, max_tokens=40
            )
            return answer.choices[0].message.content

        alone = [await one(seed) for seed in range(8)]
        assert len(set(alone)) > 1
        assert await asyncio.gather(*(one(seed) for seed in range(8))) == alone


for check in (models, completion, tool_loop, streaming, logprobs, structured, errors):
    check()
asyncio.run(together())
print("the official client understands everything")
