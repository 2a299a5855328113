"""The client against the official Python client, on one endpoint that answers at once, in one run.

usage: python compare.py [--requests 20000] [--concurrency 64]     (needs `pip install openai`; builds the benchmark)

Both send the same prompts to the same endpoint, which runs as a process of its own. Ours stores every answer in its
journal before it gives it out; the peer keeps nothing.
"""

import argparse
import asyncio
import json
import subprocess
import time

BENCH = ["cargo", "bench", "--quiet", "--workspace", "--bench", "client", "--"]


async def peer(url, requests, concurrency):
    """Seconds that `openai.AsyncOpenAI` takes."""
    from openai import AsyncOpenAI

    client = AsyncOpenAI(base_url=url, api_key="none", max_retries=0)
    filler = "x" * 4000
    numbers = iter(range(requests))

    async def work():
        for number in numbers:
            messages = [{"role": "user", "content": f"{number} {filler}"}]
            answer = await client.chat.completions.create(model="scripted", messages=messages)
            assert answer.choices[0].message.content.startswith("yes")

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(concurrency)))
    return time.perf_counter() - began


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--concurrency", type=int, default=64)
    options = parser.parse_args()
    server = subprocess.Popen([*BENCH, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        url = json.loads(server.stdout.readline())
        line = [*BENCH, str(options.requests), str(options.concurrency), url]
        ours = json.loads(subprocess.run(line, check=True, capture_output=True, text=True).stdout)
        # The peer is an order of magnitude slower; a tenth of the requests gives its rate as well.
        fewer = max(options.requests // 10, 100)
        seconds = asyncio.run(peer(url, fewer, options.concurrency))
    finally:
        server.stdin.close()
        server.wait()
    theirs = {"requests": fewer, "seconds": seconds, "requests_per_s": fewer / seconds}
    ratio = ours["requests_per_s"] / theirs["requests_per_s"]
    print(json.dumps({"astra": ours, "openai_async": theirs, "ratio": ratio}, indent=2))


if __name__ == "__main__":
    main()
