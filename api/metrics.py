"""What this process has done so far, in Prometheus' text format: counts only, of no department and nobody."""

from collections import Counter


class Metrics:
    """Answers by method and class of status, and what is going on."""

    def __init__(self) -> None:
        self._answers: Counter[tuple[str, int]] = Counter()
        self.glass_broken = 0

    def count(self, method: str, status: int) -> None:
        """Count an answer; of methods only those that exist, since a caller can make up more."""
        known = method if method in ("GET", "POST", "PUT", "DELETE") else "OTHER"
        self._answers[known, status] += 1

    def text(self, **gauges: int) -> str:
        """Everything counted, and the ``gauges`` given."""
        lines = [
            "# HELP acta_http_answers_total Answers by method and status.",
            "# TYPE acta_http_answers_total counter",
        ]
        for (method, status), count in sorted(self._answers.items()):
            lines.append(f'acta_http_answers_total{{method="{method}",status="{status}"}} {count}')
        lines += [
            "# HELP acta_glass_broken_total Tickets read outside one's departments, for a reason given.",
            "# TYPE acta_glass_broken_total counter",
            f"acta_glass_broken_total {self.glass_broken}",
        ]
        for name, value in gauges.items():
            lines += [f"# TYPE acta_{name} gauge", f"acta_{name} {value}"]
        return "\n".join(lines) + "\n"
