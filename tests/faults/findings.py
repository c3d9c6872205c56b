"""What injecting a fault many times has shown."""

from dataclasses import dataclass, field


@dataclass
class Findings:
    """Grows while a fault is injected.

    Parameters
    ----------
    injections : int
        How often it was injected.
    facts : dict
        What was seen, for the table.
    violations : list of str
        Every way in which the outcome was not the expected one.
    """

    injections: int = 0
    facts: dict = field(default_factory=dict)
    violations: list = field(default_factory=list)

    def expect(self, holds, what):
        """Enter a violation where something does not hold."""
        if not holds:
            self.violations.append(what)

    @property
    def outcome(self):
        if self.violations:
            return f"{len(self.violations)} VIOLATIONS, first: {self.violations[0]}"
        return ", ".join(f"{value} {name}" for name, value in self.facts.items())


def silent(text):
    """Say nothing."""
