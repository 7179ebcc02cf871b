"""Param models of the settings: what forms, help texts and files are made from.

The models are generated from `fibsem_dash.settings`, where every setting is declared once, so a
default, a bound or a text can never differ between the library and a page.
"""

from fibsem_dash.params.models import (
    BlockParams,
    ChainParams,
    DataRangeParams,
    EstimationParams,
    InputParams,
    MatchingParams,
    OutputParams,
    QualityParams,
    RunParams,
    SettingsParams,
    SiftParams,
    SolverParams,
)

__all__ = [
    "BlockParams",
    "ChainParams",
    "DataRangeParams",
    "EstimationParams",
    "InputParams",
    "MatchingParams",
    "OutputParams",
    "QualityParams",
    "RunParams",
    "SettingsParams",
    "SiftParams",
    "SolverParams",
]
