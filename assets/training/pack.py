"""Prepared text, cut into parts small enough to travel to a machine that takes 64 MiB at a time.

    python pack.py --data data-prose data-code --most python=36e6 rust=20e6 --parts 0.08 0.31 0.31 0.30 --out pack

Each part is a sample of all of it (whole documents, drawn), so that training begins with the first; `gpu.sh add` unpacks them.
"""

from __future__ import annotations

import argparse
import io
import json
import tarfile
from pathlib import Path

import numpy as np

from model import END


def documents(tokens: np.ndarray) -> list[np.ndarray]:
    return [part for part in np.split(tokens, 1 + np.flatnonzero(tokens == END)) if len(part) > 1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="folders of prepare.py")
    parser.add_argument("--most", nargs="*", default=[], metavar="DOMAIN=TOKENS", help="take no more of a domain than this")
    parser.add_argument("--parts", type=float, nargs="+", default=[1.0], help="shares of the whole, part by part")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True, help="folder for data-0.tar.xz and so on")
    options = parser.parse_args()
    most = {name: float(tokens) for name, tokens in (pair.split("=") for pair in options.most)}
    rng = np.random.default_rng(options.seed)
    of_domain: dict[str, list[np.ndarray]] = {}
    for folder in options.data:
        tokens = np.fromfile(folder / "tokens.bin", np.uint16)
        for name, (start, end) in json.loads((folder / "index.json").read_text()).items():
            of_domain.setdefault(name, []).extend(documents(tokens[start:end]))
    options.out.mkdir(parents=True, exist_ok=True)
    packed = [(io.BytesIO(), {}) for _ in options.parts]
    for name, texts in of_domain.items():
        if not texts:
            continue
        texts = [texts[i] for i in rng.permutation(len(texts))]
        ends = np.cumsum([len(text) for text in texts])
        taken = min(most.get(name, np.inf), ends[-1])
        last = np.searchsorted(ends, taken * np.cumsum(options.parts) / sum(options.parts), "right")
        for (file, index), first, end in zip(packed, [0, *last[:-1]], last, strict=True):
            start = file.tell() // 2
            for text in texts[first:end]:
                file.write(text.tobytes())
            index[name] = [start, file.tell() // 2]
        print(f"{name}: {ends[-1]} tokens, {int(taken)} taken")
    for number, (file, index) in enumerate(packed):
        path = options.out / f"data-{number}.tar.xz"
        with tarfile.open(path, "w:xz", preset=4) as tar:
            for inner, content in ("tokens.bin", file.getvalue()), ("index.json", json.dumps(index).encode()):
                member = tarfile.TarInfo(inner)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
        print(f"{path}: {path.stat().st_size / 1e6:.1f} MB, {file.tell() // 2} tokens")


if __name__ == "__main__":
    main()
