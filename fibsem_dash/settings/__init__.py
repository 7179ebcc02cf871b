"""Settings of a registration and their checks."""

from fibsem_dash.settings.checks import (
    check_value,
    from_dict,
    resolve_name,
    setting_fields,
    to_dict,
    update,
    value_type,
)
from fibsem_dash.settings.stages import (
    METRICS,
    TRANSFORMS,
    BlockSettings,
    ChainSettings,
    DataRangeSettings,
    InputSettings,
    MatchingSettings,
    OutputSettings,
    QualitySettings,
    RunSettings,
    SiftSettings,
    SolverSettings,
)

__all__ = [
    "METRICS",
    "TRANSFORMS",
    "BlockSettings",
    "ChainSettings",
    "DataRangeSettings",
    "InputSettings",
    "MatchingSettings",
    "OutputSettings",
    "QualitySettings",
    "RunSettings",
    "SiftSettings",
    "SolverSettings",
    "check_value",
    "from_dict",
    "resolve_name",
    "setting_fields",
    "to_dict",
    "update",
    "value_type",
]
