"""The Python line and the command line that make the results of the Header page again."""

from __future__ import annotations

from typing import Any

from components.command_line import quoted_command
from components.pages.header_analysis import Scope


def _box(scope: Scope) -> tuple[int, int, int, int]:
    yi, ya, xi, xa = scope.region
    if (ya - yi, xa - xi) == scope.frame.shape:
        return 0, 0, 0, 0
    return yi, ya - yi, xi, xa - xi


def _python(scope: Scope, call: str) -> str:
    opened = f"frame = FIBSEMFrame({str(scope.frame.path)!r})"
    return f"from fibsem_dash.frame import FIBSEMFrame\n{opened}\n{call}"


def _arguments(scope: Scope, box: bool = True, **options: Any) -> str:
    values = {"detector": scope.detector}
    if box and any(_box(scope)):
        values["box"] = str(_box(scope))
    named = [f"{values['detector']!r}"] + ([f"box={values['box']}"] if "box" in values else [])
    return ", ".join([*named, *(f"{name}={value!r}" for name, value in options.items())])


def _command(name: str, scope: Scope, *options: str, files: tuple[str, ...] = ()) -> str:
    box = [str(edge) for edge in _box(scope)]
    parts = ["fibsem-dash", name, str(scope.frame.path), *files, "--detector", scope.detector]
    return quoted_command([*parts, *(["--box", *box] if any(_box(scope)) else []), *options])


def snr_code(scope: Scope, method: str, detrend: bool) -> tuple[str, str]:
    """Return Python and command line of the signal-to-noise ratio."""
    options: dict[str, Any] = {"extrapolation": method} | ({"detrend": True} if detrend else {})
    return (
        _python(scope, f"result = frame.snr({_arguments(scope, **options)})"),
        _command("snr", scope, "--extrapolation", method, *(["--detrend"] if detrend else [])),
    )


def noise_code(scope: Scope, nbins: int, share_low: float, share_high: float) -> tuple[str, str]:
    """Return Python and command line of the noise statistics."""
    arguments = _arguments(scope, nbins=nbins, thresholds=(share_low, share_high))
    return _python(scope, f"result = frame.noise({arguments})"), _command("noise", scope)


def fsc_code(scope: Scope, images: str, threshold: float) -> tuple[str, str]:
    """Return Python and command line of the Fourier ring correlation."""
    level = f"{threshold:g}"
    if images == "even and odd rows":
        arguments = _arguments(scope, threshold=threshold)
        call = f"result = frame.fsc(None, {arguments})"
        return _python(scope, call), _command("fsc", scope, "--threshold", level)
    arguments = _arguments(scope, threshold=threshold)
    call = f"result = frame.fsc(FIBSEMFrame({scope.next_path!r}), {arguments})"
    command = _command("fsc", scope, "--threshold", level, files=(scope.next_path,))
    return _python(scope, call), command


def flatten_code(scope: Scope, degree: int, bins: int, ignore_y: bool) -> tuple[str, str]:
    """Return Python and command line of the fitted background."""
    options: dict[str, Any] = {"degree": degree, "bins": bins}
    parts = ["--detectors", scope.detector, "--degree", str(degree), "--bins", str(bins)]
    top, height, left, width = scope.box
    if height and width:
        roi = (left, left + width, top, top + height)
        options["rois"] = [roi]
        parts += ["--roi", *(str(edge) for edge in roi)]
    if ignore_y:
        options["ignore_y"] = True
        parts.append("--ignore-y")
    named = ", ".join(f"{name}={value!r}" for name, value in options.items())
    call = f"correction = frame.fit_background({scope.detector!r}, {named})"
    path = str(scope.frame.path)
    command = quoted_command(["fibsem-dash", "flatten", path, "--out", "flatten.npz", *parts])
    return _python(scope, call), command


def snapshot_code(path: str) -> tuple[str, str]:
    """Return Python and command line of the snapshot figure."""
    python = (
        f"from fibsem_dash.frame import FIBSEMFrame\nFIBSEMFrame({path!r}).snapshot('snapshot.png')"
    )
    return python, quoted_command(["fibsem-dash", "snapshot", path, "--out", "snapshot.png"])


def header_code(path: str) -> tuple[str, str]:
    """Return Python and command line of the header."""
    python = f"from fibsem_dash.frame import FIBSEMFrame\nheader = FIBSEMFrame({path!r}).header"
    return python, quoted_command(["fibsem-dash", "info", path])
