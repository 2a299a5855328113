#!/usr/bin/env bash
# Makes the nano model again: arenas from the shipped tables, expert traces, tokenizer, weights, measurement.
# usage: models/nano/make.sh FOLDER      (about two hours on 2 cores; ASTRA names the binary)
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
  --validate validation.jsonl --validate-every 250 --checkpoint-every 250 --threads 2 --seed 24 --out last

"$astra" eval arenas split/held-out --policy last/model --against null --distractors 1,1,1 --out evaluation
