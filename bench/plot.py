"""Draws results as SVG, without a library. Colours stand on white and on black; the background is left alone."""
import math

from results import speed_key

WIDTH, PANEL, HEIGHT, LEFT, TOP, GAP = 900, 225, 150, 60, 40, 60
STYLE = """<style>
text { stroke: none !important; font: 12px system-ui, sans-serif; fill: #6e7781 }
.title { font-weight: 600 }
.grid { stroke: #8b949e; stroke-opacity: .35 }
.goal { stroke: #8b949e; stroke-dasharray: 4 3 }
.policyd { stroke: #2f81f7; fill: #2f81f7 }
.milter { stroke: #db6d28; fill: #db6d28 }
.other { fill: #8b949e }
polyline { fill: none !important; stroke-width: 2 }
circle { stroke: none }
@media (prefers-color-scheme: dark) { text { fill: #b1bac4 } }
</style>"""
AXES = {"keys": "mailboxes", "connections": "connections", "limits": "limits"}


def svg(width, height, parts):
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
                      f'viewBox="0 0 {width} {height}">', STYLE, *parts, "</svg>", ""])


def text(x, y, words, anchor="middle", kind=""):
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" class="{kind}">{words}</text>'


def line(x1, y1, x2, y2, kind):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def short(value):
    for limit, letter in ((1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:g}{letter}"
    return f"{value:g}"


def nice_top(value):
    """The least of 1, 2, 5 times a power of ten that is not below."""
    power = 10 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value)


# ---- growth: a row of panels a figure, a column an axis ----

def series(r, front, axis, figure):
    suite = f"growth.{front}.{axis}"
    key = speed_key(suite)
    for point in r.points(suite):
        if figure == "relative":
            value = r.relative(suite, point, "postern", "floor", key)
        elif figure == "cpu":
            value = r.median(suite, point, "postern", "cpu_us")
        else:
            value = r.median(suite, point, "counted", "instructions")
            value = value and value / 1000
        if value is not None:
            yield float(point), value


def panel(r, axis, figure, x, y, goals):
    curves = {front: list(series(r, front, axis, figure)) for front in ("policyd", "milter")}
    values = [v for curve in curves.values() for _, v in curve]
    points = sorted({p for curve in curves.values() for p, _ in curve})
    if not points:
        return []
    top = 1.25 if figure == "relative" and max(values) <= 1.25 else nice_top(max(values))
    low, high = math.log(points[0]), math.log(points[-1] if len(points) > 1 else points[0] * 10)

    def at(point, value):
        return x + PANEL * (math.log(point) - low) / (high - low), y + HEIGHT * (1 - value / top)

    parts = []
    for share in (0, 0.2, 0.4, 0.6, 0.8, 1):
        level = y + HEIGHT * (1 - share)
        parts += [line(x, level, x + PANEL, level, "grid"), text(x - 6, level + 4, f"{top * share:g}", "end")]
    for front, goal in goals.items():
        level = y + HEIGHT * (1 - goal / top)
        parts.append(line(x, level, x + PANEL, level, f"goal {front}"))
    parts += [text(at(p, 0)[0], y + HEIGHT + 16, short(p)) for p in points]
    for front, curve in curves.items():
        spots = [at(*spot) for spot in curve]
        parts.append(f'<polyline class="{front}" points="' + " ".join(f"{a:.1f},{b:.1f}" for a, b in spots) + '"/>')
        parts += [f'<circle class="{front}" cx="{a:.1f}" cy="{b:.1f}" r="3"/>' for a, b in spots]
    return parts


def growth(r):
    figures = (("relative", "throughput by the floor's (dashed: wanted)", {"policyd": 0.90, "milter": 0.97}),
               ("cpu", "processor time of a request or message, µs", {}),
               ("instructions", "instructions of a request or message in user space, thousands", {}))
    parts = [text(LEFT, 18, "policyd", "start", "title policyd"), text(LEFT + 70, 18, "milter", "start", "title milter")]
    y = TOP
    for figure, title, goals in figures:
        parts.append(text(LEFT, y + 10, title, "start", "title"))
        for column, axis in enumerate(AXES):
            x = LEFT + column * (PANEL + GAP)
            parts += panel(r, axis, figure, x, y + 24, goals)
            parts.append(text(x + PANEL / 2, y + 24 + HEIGHT + 34, AXES[axis]))
        y += HEIGHT + 84
    return svg(WIDTH, y, parts)


# ---- peers: bars on a logarithmic scale ----

def bars(r, suite, title, y):
    parts = [text(LEFT, y + 10, title, "start", "title")]
    y += 20
    for point in r.points(suite):
        for name in r.names(suite, point):
            speed = r.median(suite, point, name, speed_key(suite))
            kind = {"postern": "policyd" if suite == "policy" else "milter"}.get(name, "other")
            parts += [text(180, y + 14, name, "end"),
                      f'<rect class="{kind}" x="190" y="{y}" width="{110 * math.log10(speed):.1f}" height="18"/>',
                      text(196 + 110 * math.log10(speed), y + 14, f"{speed:,.0f}", "start")]
            y += 24
    return parts, y + 16


def peers(r):
    parts, y = bars(r, "policy", "policy servers: requests a second, logarithmic", 10)
    more, y = bars(r, "milter", "milters: messages a second, logarithmic", y)
    return svg(WIDTH, y, parts + more)
