"""Rows of bench/lib.sh's measure: reading them, and medians over their rounds."""
import collections
import statistics

Row = collections.namedtuple("Row", "suite point name round values")


def read(path):
    rows = []
    with open(path, encoding="utf-8") as file:
        for line in file:
            suite, point, name, number, rest = line.rstrip("\n").split("\t", 4)
            if suite in ("machine", "version"):
                rows.append(Row(suite, point, name, int(number), {"text": rest or name}))
                continue
            values = dict(pair.split("=", 1) for pair in rest.split())
            rows.append(Row(suite, point, name, int(number), {k: float(v) for k, v in values.items()}))
    return rows


class Results:
    def __init__(self, rows):
        self.rows = rows

    def text(self, suite, point):
        return next((row.values["text"] for row in self.rows if (row.suite, row.point) == (suite, point)), "?")

    def points(self, suite):
        """In the order in which they were measured."""
        return list(dict.fromkeys(row.point for row in self.rows if row.suite == suite))

    def names(self, suite, point):
        return list(dict.fromkeys(row.name for row in self.rows if (row.suite, row.point) == (suite, point)))

    def of(self, suite, point, name, key):
        """A round's figure; where a round has several, their mean. {} when it was not measured."""
        rounds = collections.defaultdict(list)
        for row in self.rows:
            if (row.suite, row.point, row.name) == (suite, point, name) and key in row.values:
                rounds[row.round].append(row.values[key])
        return {number: statistics.mean(values) for number, values in rounds.items()}

    def median(self, suite, point, name, key):
        values = self.of(suite, point, name, key).values()
        return statistics.median(values) if values else None

    def relative(self, suite, point, name, base, key):
        """The median of the rounds' ratios: what else the machine did in a round hit both."""
        upper, lower = self.of(suite, point, name, key), self.of(suite, point, base, key)
        ratios = [upper[number] / lower[number] for number in upper if number in lower]
        return statistics.median(ratios) if ratios else None


def speed_key(suite):
    """Requests a second of policy servers, messages a second of all others."""
    return "rps" if "polic" in suite else "mps"
