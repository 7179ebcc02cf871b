"""The acquisition recipe behind the pixels, on trailers that the tests build."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fibsem_dash.io.recipe import decode_recipe, slice_thickness_nm


def descriptor(code: int, body: bytes, label: str = "") -> bytes:
    content = bytes([0x40 if label else 0, code]) + body
    if label:
        content += bytes([len(label)]) + label.encode("latin-1")
    content += bytes(len(content) % 2)
    return struct.pack(">H", len(content) + 2) + content


def cluster(members: list[int], label: str = "") -> bytes:
    return descriptor(0x50, struct.pack(f">H{len(members)}H", len(members), *members), label)


def text(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value


@pytest.fixture
def trailer() -> bytes:
    types = [
        descriptor(0x0A, b"\0", "Z-step (nm)"),
        descriptor(0x21, b"", "Auto pause"),
        cluster([0, 1], "Milling para"),
        descriptor(0x30, b"\xff" * 4, "Notes"),
        descriptor(0x09, b"\0"),
        descriptor(0x40, struct.pack(">H", 2) + b"\xff" * 8 + struct.pack(">H", 4), "X stig"),
        descriptor(0x32, b"\xff" * 4, "File path"),
        descriptor(0x30, b"\xff" * 4, "Mail server"),
        descriptor(0x30, b"\xff" * 4, "Email Alert Recipents"),
        descriptor(0x03, b"\0", "Frames"),
        cluster([2, 3, 5, 6, 7, 8, 9], "Recipe input"),
    ]
    data = struct.pack(">dB", 8.0, 1)
    data += text(b"4 \xb5m")
    data += struct.pack(">II4f", 2, 2, 1, 2, 3, 4)
    data += b"PTH0" + text(b"\0\1ab")
    data += text(b"mail.example") + text(b"someone@example")
    data += struct.pack(">i", -3)
    head = b"\x18\0\x80\0" + struct.pack(">I", len(types)) + b"".join(types)
    return head + struct.pack(">HH", 1, len(types) - 1) + data + bytes(4)


def test_recipe_is_decoded_without_personal_data(trailer: bytes) -> None:
    assert decode_recipe(trailer) == {
        "Milling para": {"Z-step (nm)": 8.0, "Auto pause": True},
        "Notes": "4 µm",
        "X stig": [[1.0, 2.0], [3.0, 4.0]],
        "File path": b"\0\1ab",
        "Frames": -3,
    }


def test_personal_data_are_given_when_asked_for(trailer: bytes) -> None:
    recipe = decode_recipe(trailer, include_private=True)
    assert recipe is not None
    assert recipe["Mail server"] == "mail.example"


def test_slice_thickness_is_found(trailer: bytes) -> None:
    assert slice_thickness_nm(decode_recipe(trailer)) == 8.0


@pytest.mark.parametrize(
    "recipe",
    [None, {}, {"Milling para": 3}, {"Milling para": {"Z-step (nm)": 0.0}}],
)
def test_slice_thickness_is_unknown_without_a_positive_step(recipe: dict[str, object]) -> None:
    assert slice_thickness_nm(recipe) is None


def test_incomplete_recipe_is_none(trailer: bytes) -> None:
    for length in range(len(trailer)):
        assert decode_recipe(trailer[:length]) is None
    assert decode_recipe(trailer + b"\0") is None
    assert decode_recipe(bytes(64)) is None


def test_cluster_that_contains_itself_is_none() -> None:
    types = cluster([0], "loop")
    head = b"\x18\0\x80\0" + struct.pack(">I", 1) + types + struct.pack(">HH", 1, 0)
    assert decode_recipe(head + bytes(100)) is None


def test_array_that_claims_billions_of_elements_is_none() -> None:
    types = cluster([], "empty") + descriptor(
        0x40, struct.pack(">H", 2) + b"\xff" * 8 + struct.pack(">H", 0)
    )
    head = b"\x18\0\x80\0" + struct.pack(">I", 2) + types + struct.pack(">HH", 1, 1)
    assert decode_recipe(head + b"\xff" * 100) is None


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=300))
def test_random_bytes_never_raise(data: bytes) -> None:
    decode_recipe(data)
    decode_recipe(b"\x18\0\x80\0\0\0\0\x02" + data)
