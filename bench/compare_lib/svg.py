"""Bars and lines as SVG text."""

import math
from xml.sax.saxutils import escape

WIDTH = 720
COLOURS = {"stickd": "#e4572e", "haproxy": "#4f7cac", "nginx": "#6aa84f"}
# Nothing is painted behind, so that the page's own colour shows; the grey of the text is legible on both
# where nothing tells which it is.
HEAD = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="%s">
<style>
text { font: 13px sans-serif; fill: #59636e; } .small { font-size: 11px; } .title { font-weight: bold; }
.rule { stroke: #8c959f; stroke-width: 1; opacity: 0.5; }
@media (prefers-color-scheme: dark) { text { fill: #d1d7e0; } }
</style>
"""


def document(height, title, names, parts):
    """The parts under a title and the names of the colours."""
    head = [HEAD % (WIDTH, height, escape(title, {'"': "&quot;"})), text(8, 18, title, "title")]
    for place, name in enumerate(names):
        x = 8 + 90 * place
        head += [rectangle(x, 28, 10, 10, name), text(x + 15, 38, name)]
    return "\n".join([*head, *parts, "</svg>"]) + "\n"


def text(x, y, words, style="", anchor="start"):
    return '<text x="%.1f" y="%.1f" class="%s" text-anchor="%s">%s</text>' % (
        x, y, style, anchor, escape(words))


def rectangle(x, y, width, height, name):
    return '<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>' % (
        x, y, width, height, COLOURS[name])


def rule(x1, y1, x2, y2):
    return '<line class="rule" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>' % (x1, y1, x2, y2)


def number(value):
    return "{:,.0f}".format(value) if value >= 100 else "%.3g" % value


def bars(title, groups, write, scale=lambda value: value):
    """`groups` is [(title, {program: value})]; a bar is as long as its scaled value."""
    left, right, top, thick = 210, WIDTH - 70, 52, 11
    most = max(scale(value) for _, values in groups for value in values.values())
    names = [name for name in COLOURS if any(name in values for _, values in groups)]
    parts, y = [], top
    for group, values in groups:
        shown = [name for name in names if name in values]
        parts.append(text(left - 8, y + thick * len(shown) / 2 + 4, group, anchor="end"))
        for name in shown:
            length = max(1, scale(values[name]) / most * (right - left))
            parts += [rectangle(left, y, length, thick - 1, name),
                      text(left + length + 5, y + thick - 2, write(values[name]), "small")]
            y += thick
        y += 8
    parts.append(rule(left, top - 4, left, y - 4))
    return document(y + 4, title, names, parts)


def lines(title, series, unit):
    """`series` is {program: [(x, y)]}; both axes are logarithmic."""
    left, right, top, bottom, inset = 70, WIDTH - 20, 60, 270, 40
    points = [point for line in series.values() for point in line]
    low_x, high_x = (pick(math.log10(x) for x, _ in points) for pick in (min, max))
    low_y = math.floor(min(math.log10(y) for _, y in points))
    high_y = math.ceil(max(math.log10(y) for _, y in points))

    def at(x, y):
        return (left + inset + (math.log10(x) - low_x) / max(high_x - low_x, 1) * (right - left - 2 * inset),
                bottom - (math.log10(y) - low_y) / max(high_y - low_y, 1) * (bottom - top))

    parts = []
    for power in range(low_y, high_y + 1):
        y = at(10 ** low_x, 10.0 ** power)[1]
        parts += [rule(left, y, right, y),
                  text(left - 6, y + 4, number(10.0 ** power) + " " + unit, "small", "end")]
    for power in range(math.ceil(low_x), math.floor(high_x) + 1):
        x = at(10.0 ** power, 10.0 ** low_y)[0]
        parts.append(text(x, bottom + 18, "{:,}".format(10 ** power), "small", "middle"))
    for name, line in series.items():
        places = [at(x, y) for x, y in line]
        path = " ".join("%.1f,%.1f" % place for place in places)
        colour = COLOURS[name]
        parts.append('<polyline points="%s" fill="none" stroke="%s" stroke-width="2.5"/>' % (path, colour))
        parts += ['<circle cx="%.1f" cy="%.1f" r="3.5" fill="%s"/>' % (*place, colour)
                  for place in places]
        parts += [text(x, y - 8, number(value), "small", "middle")
                  for (x, y), (_, value) in zip(places, line)]
    return document(bottom + 30, title, list(series), parts)
