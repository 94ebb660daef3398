"""A plot of times by rate, both logarithmic, as SVG."""

import math

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 640, 360, 60, 40, 44
LINES = [("p50_ms", "p50", "#4c78a8"), ("p95_ms", "p95", "#54a24b"), ("p99_ms", "p99", "#f58518"),
         ("p999_ms", "p99.9", "#e45756")]


def draw(results):
    """One panel for each engine, one above the other."""
    panels = "".join(f'<g transform="translate(0,{n * HEIGHT})">{_panel(result)}</g>'
                     for n, result in enumerate(results))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT * len(results)}" '
            'font-family="sans-serif" font-size="12">'
            f'<rect width="100%" height="100%" fill="white"/>{panels}</svg>\n')


def _panel(result):
    steps = result["steps"]
    least_rate, most_rate = min(s["rate"] for s in steps), max(s["rate"] for s in steps)
    times = [max(s[key], 0.05) for s in steps for key, _, _ in LINES]
    low, high = math.floor(math.log10(min(times))), math.ceil(math.log10(max(times) * 1.01))

    def x(rate):
        share = math.log(rate / least_rate) / max(math.log(most_rate / least_rate), 1e-9)
        return LEFT + 20 + (WIDTH - LEFT - 130) * share

    def y(milliseconds):
        share = (math.log10(max(milliseconds, 0.05)) - low) / max(high - low, 1)
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share

    parts = [f'<text x="{LEFT}" y="24" font-weight="bold">{result["engine"]}: time of answers by rate'
             "</text>"]
    for power in range(low, high + 1):
        at = y(10 ** power)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - 90}" y1="{at:.1f}" y2="{at:.1f}" '
                     'stroke="#ddd"/>'
                     f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{10 ** power:g} ms</text>')
    for step in steps:
        parts.append(f'<text x="{x(step["rate"]):.1f}" y="{HEIGHT - 24}" text-anchor="middle">'
                     f'{step["rate"]}</text>')
    parts.append(f'<text x="{(WIDTH - 30) / 2}" y="{HEIGHT - 8}" text-anchor="middle">requests per '
                 "second</text>")
    if result["knee"]:
        at = x(result["knee"])
        parts.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" '
                     'stroke="#888" stroke-dasharray="4 3"/>'
                     f'<text x="{at + 4:.1f}" y="{TOP + 10}">knee</text>')
    for key, name, colour in LINES:
        points = " ".join(f'{x(s["rate"]):.1f},{y(s[key]):.1f}' for s in steps)
        last = y(steps[-1][key])
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
                     f'<text x="{WIDTH - 84}" y="{last + 4:.1f}" fill="{colour}">{name}</text>')
    return "".join(parts)
