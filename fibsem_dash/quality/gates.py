"""Pass or fail of a run by limits that a file sets, for scripts and reports."""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fibsem_dash.errors import ParameterError
from fibsem_dash.io.plain_yaml import read_yaml
from fibsem_dash.quality.metrics import METRICS
from fibsem_dash.quality.statistics import STATISTICS, MetricStatistics

EXIT_GATES = 4
"""Exit status of commands when a gate is not passed."""

RUN_FACTS = ("failed_pairs", "excluded_frames", "frames")
"""What a gate can look at besides the measures."""

GATE_NAMES = tuple(f"{name.lower()}.{key}" for name in METRICS for key in STATISTICS) + RUN_FACTS
"""All names that a gate may have, such as ``ncc.median``."""


@dataclass(frozen=True)
class Gate:
    """Limits of one number; a limit that is None does not count.

    Attributes
    ----------
    name : str
        One of `GATE_NAMES`.
    minimum, maximum : float or None
        Both limits themselves are allowed.
    """

    name: str
    minimum: float | None = None
    maximum: float | None = None

    @property
    def limits(self) -> str:
        """The limits in words, such as ``at least 0.4``."""
        parts = []
        if self.minimum is not None:
            parts.append(f"at least {self.minimum:g}")
        if self.maximum is not None:
            parts.append(f"at most {self.maximum:g}")
        return " and ".join(parts)


@dataclass(frozen=True)
class GateResult:
    """What became of a gate.

    Attributes
    ----------
    label : str
        Run that was looked at.
    gate : Gate
    value : float
        NaN where it is not known, and then the gate is not passed.
    passed : bool
    """

    label: str
    gate: Gate
    value: float
    passed: bool

    def __str__(self) -> str:
        value = "not known" if math.isnan(self.value) else f"{self.value:.4g}"
        word = "passed" if self.passed else "FAILED"
        return f"{word}: {self.label}: {self.gate.name} is {value}, wanted {self.gate.limits}"


def read_gates(path: str | os.PathLike[str]) -> tuple[Gate, ...]:
    """Read gates from a YAML or JSON file, as data only.

    The file maps names to limits: ``ncc.median: {min: 0.4}``, ``error.max: {max: 2.0}``,
    ``failed_pairs: {max: 0}``.

    Raises
    ------
    FormatError
        Not YAML.
    ParameterError
        For a name that does not exist, or limits that are no numbers or exclude each other.
    AccessError
        The file cannot be read.
    """
    return parse_gates(read_yaml(path), path)


def parse_gates(data: object, path: str | os.PathLike[str] | None = None) -> tuple[Gate, ...]:
    """Check gates that were read from a file; see `read_gates`."""
    if not isinstance(data, Mapping) or not data:
        raise ParameterError(
            "no gates", path=path, expected="names with limits", found=type(data).__name__,
            remedy="Write lines such as 'ncc.median: {min: 0.4}'.",
        )  # fmt: skip
    return tuple(_gate(name, limits, path) for name, limits in data.items())


def _gate(name: object, limits: object, path: str | os.PathLike[str] | None) -> Gate:
    if name not in GATE_NAMES:
        near = difflib.get_close_matches(str(name).lower(), GATE_NAMES, n=1, cutoff=0.5)
        remedy = f"Did you mean '{near[0]}'?" if near else "Take a name such as ncc.median."
        raise ParameterError(f"unknown gate '{name}'", path=path, remedy=remedy)
    if not isinstance(limits, Mapping) or not limits or set(limits) - {"min", "max"}:
        raise ParameterError(
            f"limits of the gate '{name}'", path=path, expected="min, max or both", found=limits
        )
    values = {key: _limit(str(name), limits[key], path) for key in limits}
    gate = Gate(str(name), values.get("min"), values.get("max"))
    if gate.minimum is not None and gate.maximum is not None and gate.minimum > gate.maximum:
        raise ParameterError(
            f"limits of the gate '{name}'", path=path, expected="min <= max", found=limits
        )
    return gate


def _limit(name: str, value: Any, path: str | os.PathLike[str] | None) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ParameterError(
            f"limit of the gate '{name}'", path=path, expected="a number", found=value
        )
    return float(value)


def check_gates(
    gates: Sequence[Gate],
    label: str,
    statistics: Mapping[str, MetricStatistics],
    facts: Mapping[str, float] | None = None,
) -> tuple[GateResult, ...]:
    """Hold the numbers of a run against gates.

    Parameters
    ----------
    gates : sequence of Gate
    label : str
        Name of the run.
    statistics : mapping
        From `fibsem_dash.quality.summarise`.
    facts : mapping, optional
        Those of `RUN_FACTS` that are known.

    Returns
    -------
    tuple of GateResult
        In the order of the gates. A number that is not known does not pass.
    """
    by_name = {name.lower(): item for name, item in statistics.items()}
    results = []
    for gate in gates:
        metric, _, key = gate.name.partition(".")
        if gate.name in RUN_FACTS:
            value = float((facts or {}).get(gate.name, math.nan))
        else:
            value = float(getattr(by_name[metric], key)) if metric in by_name else math.nan
        # Written so that NaN fails.
        passed = not math.isnan(value)
        passed = passed and (gate.minimum is None or value >= gate.minimum)
        passed = passed and (gate.maximum is None or value <= gate.maximum)
        results.append(GateResult(label, gate, value, passed))
    return tuple(results)
