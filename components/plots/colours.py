"""Colours with one meaning on every page, from the Okabe-Ito palette."""

X = "#D55E00"
"""Vermillion: everything along x."""

Y = "#0072B2"
"""Blue: everything along y."""

X_LIGHT, Y_LIGHT = "#F0A070", "#6FB3DC"
"""Lighter tones for fits, drawn dashed."""

THRESHOLD = "#E69F00"
"""Orange: thresholds and limits."""

INLIER, OUTLIER = "#009E73", "#9E9E9E"
"""Green: matches that count; grey: matches that do not."""

DETECTORS = {"A": "#00897B", "B": "#8E44AD", "C": "#B8860B", "D": "#607D8B"}
"""Teal, purple, ...: detectors."""

RUNS = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6D00", "#000000",
)  # fmt: skip
"""Runs, in order."""

TELEMETRY = "#5B7DB1"
"""Steel blue: what the microscope recorded about itself."""

CURSOR = "#8C8C8C"
"""Grey: the frame under the cursor, in every per-frame curve."""

GAP, BAD = "#E69F00", "#B0413E"
"""Orange: missing frames; dark red: frames that cannot be used."""
