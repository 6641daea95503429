"""Printing: plain tables, medians, spreads."""
import statistics


def show(title, heads, rows, notes=()):
    """Prints a table; the first column is text, the others are numbers or text already formatted."""
    cells = [list(map(str, heads))] + [list(map(str, row)) for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(heads))]
    print("\n## " + title)
    for number, row in enumerate(cells):
        print("  ".join([row[0].ljust(widths[0])] + [c.rjust(w) for c, w in zip(row[1:], widths[1:])]).rstrip())
        if number == 0:
            print("  ".join("-" * width for width in widths))
    for note in notes:
        print("  " + note)
    print(flush=True)


def number(value, digits=0):
    return "-" if value is None else "{:,.{}f}".format(value, digits)


def ratio(value, base, digits=2):
    """`value` against `base`; nothing where the base is too small to divide by."""
    return "-" if value is None or not base or base <= 0 else "{:.{}f}".format(value / base, digits)


def verdict(value, most):
    return "-" if value is None else "yes" if value <= most + 1e-9 * abs(most) else "NO"


def median(values):
    return statistics.median(values) if values else None


def midmean(values):
    """Mean of the middle half: as deaf to outliers as the median, and it doesn't stick to the ticks of a clock."""
    ordered = sorted(values)
    cut = len(ordered) // 4
    return statistics.fmean(ordered[cut:len(ordered) - cut])


def quartiles(values, digits=1):
    """The middle half of the values, as `a..b`."""
    if len(values) < 2:
        return "-"
    cuts = statistics.quantiles(values, n=4, method="inclusive")
    return "%s..%s" % (number(cuts[0], digits), number(cuts[2], digits))
