"""Medians, Markdown tables, and the document that holds them."""

import re
import statistics
import sys


class Failure(Exception):
    """Something the user can mend; the text says what failed and what to do."""


def note(text):
    """Tells on stderr how far the run is."""
    print(text, file=sys.stderr, flush=True)


def spread(values, unit="ms"):
    """The median with the least and the greatest value, times given in nanoseconds."""
    if not values:
        return "–"
    scale, digits = {"ms": (1e6, 1), "s": (1e9, 2), "": (1, 0)}[unit]
    median, least, most = (f"{number / scale:.{digits}f}"
                           for number in (statistics.median(values), min(values), max(values)))
    return f"{median} ({least}–{most})"


def compared(ours, theirs):
    """Three cells: two lists of values, each as its median with the least and the greatest, and the medians' ratio."""
    ratio = f"{statistics.median(ours) / statistics.median(theirs):.2f}" if statistics.median(theirs) else "–"
    return [median(ours), median(theirs), ratio]


def median(values):
    return f"{number(statistics.median(values))} ({number(min(values))}–{number(max(values))})"


def number(value):
    digits = 0 if value >= 1000 else 1 if value >= 10 else 2
    return f"{value:.{digits}f}"


def milliseconds(nanoseconds):
    return f"{nanoseconds / 1e6:.1f}"


def table(head, rows):
    """A Markdown table; all columns but the first are numbers."""
    lines = [head, ["---"] + ["---:"] * (len(head) - 1)] + rows
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def replace_section(document, name, text):
    """Puts `text` between the document's two marker comments for `name`."""
    begin, end = f"<!-- bench {name} -->", f"<!-- end {name} -->"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    replaced, count = pattern.subn(lambda _: f"{begin}\n{text}\n{end}", document)
    if count != 1:
        raise Failure(f"the document has no section between '{begin}' and '{end}'; add these two lines to it")
    return replaced
