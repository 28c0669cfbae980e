"""Draws a run's log as an SVG file: `python curves.py run/log.csv curves.svg`."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

WIDTH, HEIGHT, MARGIN = 720, 320, 48
CURVES = {"loss": "#1b1b1b", "plain": "#2b6cb0", "expand": "#c05621", "end": "#2f855a"}
SMOOTHED = 0.9  # share of the running mean that a new row leaves in place


def smooth(values: list[float]) -> list[float]:
    mean, found = values[0], []
    for value in values:
        mean = SMOOTHED * mean + (1 - SMOOTHED) * value
        found.append(mean)
    return found


def main() -> None:
    rows = list(csv.DictReader(Path(sys.argv[1]).open()))
    tokens = [float(row["tokens"]) for row in rows]
    curves = {name: smooth([float(row[name]) for row in rows]) for name in CURVES if name in rows[0]}
    top = max(map(max, curves.values()))
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">']
    parts.append(f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>')

    def place(x: float, y: float) -> str:
        return f"{MARGIN + x / tokens[-1] * (WIDTH - 2 * MARGIN):.1f},{HEIGHT - MARGIN - y / top * (HEIGHT - 2 * MARGIN):.1f}"

    for nats in range(int(top) + 1):
        x, y = place(0, nats).split(",")
        parts.append(f'<path d="M{x} {y}H{WIDTH - MARGIN}" stroke="#ddd"/><text x="{MARGIN - 8}" y="{y}" text-anchor="end">{nats}</text>')
    for at, name in enumerate(curves):
        colour = CURVES[name]
        points = " ".join(place(x, y) for x, y in zip(tokens, curves[name]))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        parts.append(f'<text x="{MARGIN + 70 * at}" y="20" fill="{colour}">{name}</text>')
    label = f"nats a labelled position (running mean) over {tokens[-1] / 1e6:.2f} million tokens"
    parts.append(f'<text x="{WIDTH / 2}" y="{HEIGHT - 12}" text-anchor="middle">{label}</text></svg>')
    Path(sys.argv[2]).write_text("\n".join(parts) + "\n")


if __name__ == "__main__":
    main()
