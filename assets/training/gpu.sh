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
        sleep 1
    done
    tail -n 4 $home/train.log
}

# Unpacks text that training is to take up. It appears in one go.
add() {
    for part in "$@"; do
        local name
        name=$(basename "$part" .tar.xz)
        mkdir -p "$home/incoming/$name" $home/data
        python3 -c 'import sys, tarfile; tarfile.open(sys.argv[1]).extractall(sys.argv[2], filter="data")' "$part" "$home/incoming/$name"
        mv "$home/incoming/$name" $home/data/
    done
}

case $1 in
keep) # a part of what was packed
    mkdir -p $home/parts
    cp .gpu/part-* $home/parts/
    ;;
begin) # MINUTES [OPTIONS of train.py]: unpack, start, and follow for a minute
    cat $home/parts/part-* .gpu/part-* | tar -x -C $home
    python3 -m pip install -q --no-index --no-deps --target $home/site $home/whl/*.whl
    cp -r "$training" $home/code
    add .gpu/data-*
    nvidia-smi --query-gpu=name,memory.total --format=csv,noheader
    cd $home
    setsid python3 code/train.py --data data --start start --tokenizer start/tokenizer.json --out run --minutes "$2" \
        --length 256 256 256 256 256 256 256 1024 --pass-tokens 65536 --workers 8 --embeddings --rate 6e-4 --warm-up 150 \
        --decay 0.05 --log-every 20 --save-minutes 99 --change run.change "${@:3}" >train.log 2>&1 &
    echo $! >pid
    follow 60
    ;;
add) # more text
    add .gpu/data-*
    follow 1
    ;;
follow) # SECONDS: go on watching
    follow "$2"
    ;;
fetch) # FIRST LAST: these pieces of what was learnt, and the log
    follow 600
    cd $home
    [ -e change-0 ] || split -b 15M -d -a 1 run.change change-
    for piece in $(seq "$2" "$3"); do
        [ ! -e "change-$piece" ] || cp "change-$piece" "$OUT"
    done
    cp run/log.csv train.log "$OUT"
    ;;
esac
