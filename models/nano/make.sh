#!/usr/bin/env bash
# Makes the nano model again: arenas from the shipped tables, expert traces, tokenizer, weights, measurement.
# usage: models/nano/make.sh FOLDER      (about seven hours on 2 cores; ASTRA names the binary)
# Stopped, it goes on where it was. Same revision, seeds and number of threads give the same bytes.
set -euo pipefail
astra=${ASTRA:-astra}
mkdir -p "${1:?usage: models/nano/make.sh FOLDER}"
cd "$1"

"$astra" envs from-tables --language en --max-hops 3 --count 14000 --seed 21 --out arenas --resume
"$astra" arenas split arenas --by entity,shape --held-out 0.04 --seed 21 --out split --resume
"$astra" arenas solve split/train --policy expert --distractors 1,1,1 --failure-rate 0.05 --samples 2 --seed 21 --sft traces.jsonl
"$astra" arenas solve split/held-out --policy expert --distractors 1,1,1 --limit 120 --sft validation.jsonl

# Arenas without a chain again: their episodes are short, so that they weigh little in a mean over tokens.
mkdir -p single
ln -sfn ../split/train/data single/data
grep -h -E '"topology":"(single_hop|parallel_single_hop)"' split/train/part-*.jsonl > single/single.jsonl
"$astra" arenas solve single/single.jsonl --policy expert --distractors 1,1,1 --failure-rate 0.05 --samples 2 --seed 23 --sft single.jsonl

[ -e fresh/config.json ] || "$astra" model init --text traces.jsonl --vocab 2048 --hidden 192 --layers 4 --heads 3 --kv-heads 3 --ffn 512 \
  --copying --seed 21 --out fresh
"$astra" train sft traces.jsonl --model fresh --steps 2600 --batch 8 --drop-reasoning --max-tokens 1536 \
  --context-loss 0.1 --lr 1.5e-3 --beta2 0.95 --weight-decay 0.1 \
  --validate validation.jsonl --validate-every 100 --checkpoint-every 200 --threads 2 --seed 21 --out first

# From here on from the assistant's words alone.
"$astra" train sft traces.jsonl --model first/model --steps 1500 --batch 8 --drop-reasoning --max-tokens 1536 \
  --lr 7e-4 --beta2 0.95 --weight-decay 0.05 --final-lr 0.05 \
  --validate validation.jsonl --validate-every 250 --checkpoint-every 250 --threads 2 --seed 22 --out second
"$astra" train sft traces.jsonl single.jsonl --model second/model --steps 7000 --batch 8 --drop-reasoning --max-tokens 1536 \
  --lr 1.2e-3 --warmup 60 --beta2 0.95 --weight-decay 0.1 --final-lr 0.02 \
  --validate validation.jsonl --validate-every 250 --checkpoint-every 250 --threads 2 --seed 24 --out third

# More arenas, none of which touches what is held out, and calls that go wrong first: how to go on is learned, the mistake is not.
wrong="--distractors 1,1,1 --failure-rate 0.05 --slips 0.12"
"$astra" envs from-tables --language en --max-hops 3 --count 12755 --seed 31 --out more --resume
"$astra" arenas split more --by entity,shape --held-out 0.005 --seed 31 --spare split/held-out.keys --out more-split --resume
"$astra" arenas solve more-split/train --policy expert $wrong --seed 31 --sft more.jsonl
"$astra" arenas solve split/train --policy expert $wrong --seed 25 --sft again.jsonl
"$astra" train sft more.jsonl again.jsonl single.jsonl --model third/model --steps 8000 --batch 8 --drop-reasoning --max-tokens 1536 \
  --lr 1e-3 --warmup 60 --beta2 0.95 --weight-decay 0.1 --final-lr 0.01 \
  --validate validation.jsonl --validate-every 250 --checkpoint-every 250 --threads 2 --seed 26 --out fourth

mkdir -p more-single
ln -sfn ../more-split/train/data more-single/data
grep -h -E '"topology":"(single_hop|parallel_single_hop)"' more-split/train/part-*.jsonl > more-single/single.jsonl
"$astra" arenas solve more-single/single.jsonl --policy expert $wrong --samples 3 --seed 33 --sft more-single.jsonl
"$astra" train sft more.jsonl again.jsonl single.jsonl more-single.jsonl --model fourth/model --steps 5000 --batch 8 --drop-reasoning \
  --max-tokens 1536 --lr 9e-4 --warmup 60 --beta2 0.95 --weight-decay 0.1 --final-lr 0.01 \
  --validate validation.jsonl --validate-every 250 --checkpoint-every 250 --threads 2 --seed 27 --out fifth

# A rejection names what is offered: from traces with more of them it learns to take it up.
wrong="--distractors 1,1,1 --failure-rate 0.05 --slips 0.2"
"$astra" arenas solve more-split/train --policy expert $wrong --seed 34 --sft more-wrong.jsonl
"$astra" arenas solve split/train --policy expert $wrong --seed 35 --sft again-wrong.jsonl
"$astra" arenas solve more-single/single.jsonl --policy expert $wrong --samples 3 --seed 36 --sft single-wrong.jsonl
"$astra" train sft more-wrong.jsonl again-wrong.jsonl single-wrong.jsonl --model fifth/model --steps 5000 --batch 8 --drop-reasoning \
  --max-tokens 1536 --lr 9e-4 --warmup 60 --beta2 0.95 --weight-decay 0.1 --final-lr 0.01 \
  --validate validation.jsonl --validate-every 250 --checkpoint-every 250 --threads 2 --seed 28 --out sixth

# What it still gets wrong, put right where it would get it wrong.
"$astra" arenas solve more-split/train --policy expert --slips-of sixth/model --max-turn-tokens 160 --distractors 1,1,1 \
  --failure-rate 0.05 --seed 41 --sft own.jsonl
grep '"weight":0' own.jsonl > wrong.jsonl
cat wrong.jsonl wrong.jsonl wrong.jsonl wrong.jsonl wrong.jsonl wrong.jsonl > wrong-often.jsonl
"$astra" train sft wrong-often.jsonl more-wrong.jsonl again-wrong.jsonl single-wrong.jsonl --model sixth/model --steps 3200 --batch 8 \
  --drop-reasoning --max-tokens 1536 --lr 8e-4 --warmup 60 --beta2 0.95 --weight-decay 0.1 --final-lr 0.01 \
  --validate validation.jsonl --validate-every 200 --checkpoint-every 200 --threads 2 --seed 29 --out last

# Everything that it has seen.
{ head -n 1 split/train.keys; tail -q -n +2 split/train.keys more-split/train.keys | LC_ALL=C sort -u; } > train.keys
"$astra" eval arenas split/held-out --policy last/model --against null --distractors 1,1,1 --out evaluation
"$astra" eval arenas split/held-out --policy last/model --distractors 1,1,1 --strict-calls --out evaluation-strict
