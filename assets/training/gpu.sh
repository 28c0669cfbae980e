#!/usr/bin/env bash
# What runs on a lent GPU machine, one verb a call (README, "On a GPU"). What has to last from call to call lies in $home.
set -euo pipefail
home=/tmp/lacuna
training=$(cd "$(dirname "$0")" && pwd)
export PYTHONPATH=$home/site PYTHONUNBUFFERED=1

# Prints how the training goes until it has ended, or so many seconds have passed.
follow() {
    local end=$((SECONDS + $1))
    while kill -0 "$(cat $home/pid)" 2>/dev/null && [ $SECONDS -lt $end ]; do
        sleep 20
        tail -n 1 $home/train.log
    done
}

case $1 in
keep) # a part of what was packed
    mkdir -p $home/parts
    cp .gpu/part-* $home/parts/
    du -h $home/parts/*
    ;;
begin) # MINUTES: unpack, start, and follow for as long as a call allows
    cat $home/parts/part-* | tar -xz -C $home
    python3 -m pip install -q --no-index --no-deps --target $home/site $home/whl/*.whl
    cp -r "$training" $home/code
    nvidia-smi --query-gpu=name,memory.total --format=csv,noheader
    cd $home
    setsid python3 code/train.py --data data --start start --tokenizer start/tokenizer.json --out run --minutes "$2" \
        --length 512 --batch 256 --micro 64 --workers 12 --embeddings --rate 5e-4 --warm-up 100 --decay 0.05 \
        --schedule cosine --log-every 20 --save-minutes 2 >train.log 2>&1 &
    echo $! >pid
    follow 520
    ;;
follow) # go on watching
    follow 560
    ;;
export) # make the model, cut it into files that may come back, and send the log with the first of them
    cd $home
    python3 code/export.py --run run --start start --template start --data data --canvases 256 --out model
    split -b 15M -d model/*.gguf model/part-
    cp run/log.csv model/*.json model/part-0[0-3] "$OUT"
    ;;
rest)
    cp $home/model/part-0[4-9] "$OUT"
    ;;
esac
