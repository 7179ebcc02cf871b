"""Settings: what each declares, and how values get in and out."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from fibsem_dash.errors import ParameterError
from fibsem_dash.settings import (
    METRICS,
    TRANSFORMS,
    RunSettings,
    check_value,
    from_dict,
    resolve_name,
    setting_fields,
    to_dict,
    update,
    value_type,
)

ALL = [(group, item) for group, item in setting_fields()]
NAMES = [f"{group}.{item.name}" for group, item in ALL]


def owner_of(group: str) -> type:
    return type(getattr(RunSettings(), group))


@pytest.mark.parametrize(("group", "item"), ALL, ids=NAMES)
def test_every_setting_is_documented_and_its_default_is_valid(
    group: str, item: dataclasses.Field[Any]
) -> None:
    assert len(item.metadata["doc"]) > 10
    assert set(item.metadata) == {"doc", "bounds", "choices", "unit"}
    name = f"{group}.{item.name}"
    assert check_value(item, item.default, name, owner_of(group)) == item.default


@pytest.mark.parametrize(("group", "item"), ALL, ids=NAMES)
def test_every_full_name_resolves(group: str, item: dataclasses.Field[Any]) -> None:
    assert resolve_name(f"{group}.{item.name}") == (group, item.name)


def test_settings_cannot_be_changed_in_place() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        RunSettings().solver.drmax = 3.0  # type: ignore[misc]


def value_of(group: str, item: dataclasses.Field[Any]) -> st.SearchStrategy[Any]:
    """Valid values of one setting."""
    kind, optional = value_type(item, owner_of(group))
    choices, bounds = item.metadata["choices"], item.metadata["bounds"] or (None, None)
    if kind is tuple:
        element = st.sampled_from(choices) if choices else st.integers(0, 1000)
        size = (0, 4) if choices else (len(item.default or ()),) * 2
        values: st.SearchStrategy[Any] = st.lists(element, min_size=size[0], max_size=size[1])
    elif choices:
        values = st.sampled_from(choices)
    elif kind is bool:
        values = st.booleans()
    elif kind is int:
        values = st.integers(*bounds)
    elif kind is float:
        values = st.floats(*bounds, allow_nan=False, allow_infinity=False)
    else:
        values = st.text(max_size=8)
    if item.name == "l2_matrix":
        row = st.lists(st.floats(0, 1), min_size=6, max_size=6)
        values = st.lists(row, min_size=6, max_size=6)
    return values | st.none() if optional else values


changes = st.fixed_dictionaries(
    {}, optional={f"{group}.{item.name}": value_of(group, item) for group, item in ALL}
)


@limits(max_examples=25, deadline=None)
@given(changes)
def test_settings_survive_the_way_through_json(changed: dict[str, Any]) -> None:
    settings = update(RunSettings(), changed)
    text = json.dumps(to_dict(settings), allow_nan=False)
    assert from_dict(json.loads(text)) == settings


@limits(max_examples=25, deadline=None)
@given(changes)
def test_update_changes_what_is_named_and_nothing_else(changed: dict[str, Any]) -> None:
    before, after = to_dict(RunSettings()), to_dict(update(RunSettings(), changed))
    for name in NAMES:
        group, key = name.split(".")
        assert after[group][key] == (changed[name] if name in changed else before[group][key])


def test_a_bare_name_is_enough_where_it_is_unique() -> None:
    assert update(RunSettings(), {"drmax": 2.5}).solver.drmax == 2.5


def test_an_ambiguous_name_lists_the_candidates() -> None:
    with pytest.raises(ParameterError, match="ambiguous") as caught:
        update(RunSettings(), {"order": 1})
    assert caught.value.expected == "one of data_range.order, output.order"


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("drmx", "drmax"), ("sift.contrast_treshold", "sift.contrast_threshold")],
)
def test_an_unknown_name_proposes_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(ParameterError, match=f"unknown setting '{name}'") as caught:
        update(RunSettings(), {name: 1})
    assert caught.value.remedy == f"Did you mean '{nearest}'?"


def test_a_name_near_to_nothing_points_to_the_list() -> None:
    with pytest.raises(ParameterError) as caught:
        resolve_name("qqqqqqqqqqqq")
    assert "settings" in caught.value.remedy


def test_an_unknown_name_in_a_group_is_refused() -> None:
    with pytest.raises(ParameterError, match=r"unknown setting 'sift\.n_feature'"):
        from_dict({"sift": {"n_feature": 5}})


def test_missing_groups_keep_their_defaults() -> None:
    settings = from_dict({"solver": {"drmax": 3}})
    assert settings == update(RunSettings(), {"solver.drmax": 3.0})


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("sift.n_features", "500", 500),
        ("solver.drmax", "2", 2.0),
        ("solver.drmax", "1e1", 10.0),
        ("output.invert", "true", True),
        ("output.invert", "Off", False),
        ("output.file_name", "stack", "stack"),
        ("solver.transform", "shift", "shift"),
        ("quality.metrics", "NSAD,FSC", ("NSAD", "FSC")),
        ("quality.metrics", "", ()),
        ("quality.box", "1, 2,3,4", (1, 2, 3, 4)),
        ("quality.box", "[1,2,3,4]", (1, 2, 3, 4)),
        ("solver.targ_vector", "1,0,0,0,1,0.5", (1.0, 0.0, 0.0, 0.0, 1.0, 0.5)),
        ("solver.l2_matrix", json.dumps(np.eye(6).tolist()), tuple(map(tuple, np.eye(6)))),
        ("input.z_step_nm", "4", 4.0),
        ("input.z_step_nm", "none", None),
    ],
)
def test_text_from_a_command_line_is_converted(name: str, text: str, value: object) -> None:
    group, key = name.split(".")
    found = getattr(getattr(update(RunSettings(), {name: text}), group), key)
    assert found == value
    assert type(found) is type(value)


def test_arrays_are_taken_as_lists() -> None:
    solver = update(RunSettings(), {"l2_matrix": np.eye(6), "targ_vector": np.ones(6)}).solver
    assert solver.l2_matrix == tuple(map(tuple, np.eye(6).tolist()))
    assert solver.targ_vector == (1.0,) * 6


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("solver.drmax", 0, "a number from 0.01 to 1000.0"),
        ("solver.drmax", float("nan"), "a number from 0.01 to 1000.0"),
        ("solver.drmax", True, "a number from 0.01 to 1000.0"),
        ("solver.drmax", "wide", "a number from 0.01 to 1000.0"),
        ("output.fill_value", "inf", "a number"),
        ("output.z_bin", 1.5, "a whole number from 1 to 1000"),
        ("output.z_bin", True, "a whole number from 1 to 1000"),
        ("output.z_bin", None, "a whole number from 1 to 1000"),
        ("output.z_bin", "2x", "a whole number from 1 to 1000"),
        ("output.invert", "perhaps", "true or false"),
        ("output.invert", 2, "true or false"),
        ("output.file_name", 5, "a text"),
        ("solver.transform", "afine", "one of " + ", ".join(TRANSFORMS)),
        ("quality.metrics", ["NSAD", "SNR"], "some of " + ", ".join(METRICS)),
        ("quality.box", [1, 2, 3], "4 values"),
        ("quality.box", "1.5,2,3,4", "a list of numbers"),
        ("quality.box", [1.5, 2, 3, 4], "a list of numbers"),
        ("quality.box", [[1], 2, 3, 4], "a list of numbers"),
        ("quality.box", 5, "a list of numbers"),
        ("quality.box", {"top": 1}, "a list of numbers"),
        ("solver.targ_vector", [float("nan"), 0, 0, 0, 1, 0], "a list of numbers"),
        ("solver.targ_vector", [1.0], "6 values"),
        ("solver.l2_matrix", [1, 2], "a list of numbers"),
        ("solver.l2_matrix", "[[1, 2", "a list of numbers"),
    ],
)
def test_a_bad_value_says_what_is_expected_and_what_was_found(
    name: str, value: object, expected: str
) -> None:
    with pytest.raises(ParameterError, match=f"setting {name}") as caught:
        update(RunSettings(), {name: value})
    assert caught.value.expected == expected
    assert caught.value.found


@pytest.mark.parametrize("value", [["b.dat", "a, 1.dat"], ("b.dat", "a, 1.dat")])
def test_a_setting_whose_default_is_empty_takes_any_number_of_texts(value: object) -> None:
    settings = update(RunSettings(), {"input.exclude": value})
    assert settings.input.exclude == ("b.dat", "a, 1.dat")
    assert from_dict(to_dict(settings)) == settings
    with pytest.raises(ParameterError) as caught:
        update(RunSettings(), {"input.exclude": 3})
    assert caught.value.expected == "a list of texts"
