"""The server for Neuroglancer: read by other programs, and nothing but the folder."""

from __future__ import annotations

import http.client
import json
import threading
import urllib.parse

import numpy as np
import pytest
import tensorstore
import zarr

from fibsem_dash.errors import FormatError, ParameterError
from fibsem_dash.interoperability.neuroglancer import ZarrServer
from fibsem_dash.io import open_stack
from fibsem_dash.io.ome_zarr import OmeZarrStackWriter


@pytest.fixture
def server(finished):
    (finished.folder / "secret.txt").write_text("secret")
    with ZarrServer(finished.zarr) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def ask(server, path, method="GET", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=10)
    connection.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer, content


def test_tensorstore_reads_the_stack_through_http(server, finished):
    level = json.loads(ask(server, "/s.zarr/zarr.json")[1])["attributes"]["ome"]
    first = level["multiscales"][0]["datasets"][0]["path"]
    store = {"driver": "http", "base_url": f"{server.source}/{first}/"}
    array = tensorstore.open({"driver": "zarr3", "kvstore": store}).result()
    with open_stack(finished.zarr) as stack:
        expected = np.stack([stack[k] for k in range(len(stack))])
    assert np.array_equal(np.squeeze(array.read().result()), expected)


def test_the_link_names_the_address_and_pages_of_other_hosts_may_read(server):
    state = json.loads(urllib.parse.unquote(server.link.partition("#!")[2]))
    assert state["layers"][0]["source"] == f"zarr://{server.source}"
    assert server.server_address[0] == "127.0.0.1"
    answer, _ = ask(server, "/s.zarr/zarr.json", Origin="https://elsewhere.example")
    assert answer.getheader("Access-Control-Allow-Origin") == "*"
    answer, _ = ask(server, "/s.zarr/zarr.json", "OPTIONS")
    assert answer.status == 204
    assert "Range" in answer.getheader("Access-Control-Allow-Headers")


def test_the_link_shows_the_xy_plane_in_nm_and_the_contrast_of_the_picture(server, finished):
    state = json.loads(urllib.parse.unquote(server.link.partition("#!")[2]))
    # In the order z, y, x of the file, XY is mirrored and not in the first pane.
    assert list(state["dimensions"]) == ["x", "y", "z"]
    with open_stack(finished.zarr) as stack:
        voxel, middle = stack.voxel_size_nm, stack[len(stack) // 2]
        width = max(stack.shape[1:])
    assert [edge for edge, _ in state["dimensions"].values()] == pytest.approx(
        [edge * 1e-9 for edge in voxel[::-1]]
    )
    assert {unit for _, unit in state["dimensions"].values()} == {"m"}
    low, high = state["layers"][0]["shaderControls"]["normalized"]["range"]
    assert (middle == 0).any()
    assert middle.min() <= low < high < -3000
    assert 250 < width / state["crossSectionScale"] < 360


def test_a_stack_without_sizes_and_structure_is_shown_in_voxels(tmp_path):
    writer = OmeZarrStackWriter.create(tmp_path / "flat.zarr", (2, 9, 9), np.uint8, float("nan"))
    writer.write_slices(0, np.full((2, 9, 9), 7, np.uint8))
    writer.finish(7, 7, 7, 0)
    with ZarrServer(tmp_path / "flat.zarr", viewer="http://localhost:9/ng/#!{}") as server:
        assert server.link.startswith("http://localhost:9/ng/#!%7B")
        state = server.state
    assert state["dimensions"] == {"x": [1, ""], "y": [1, ""], "z": [1, ""]}
    assert "shaderControls" not in state["layers"][0]


def test_what_is_no_single_stack_is_left_to_the_viewer(tmp_path):
    group = zarr.create_group(tmp_path / "two.zarr", zarr_format=3)
    group.create_array("0", shape=(2, 4, 8, 8), dtype="u1")
    with ZarrServer(tmp_path / "two.zarr") as server:
        assert set(server.state) == {"layers", "layout"}


@pytest.mark.parametrize(
    ("header", "part"),
    [("bytes=0-9", slice(0, 10)), ("bytes=5-", slice(5, None)), ("bytes=-7", slice(-7, None))],
)
def test_parts_of_files_are_served(server, finished, header, part):
    whole = (finished.zarr / "zarr.json").read_bytes()
    answer, content = ask(server, "/s.zarr/zarr.json", Range=header)
    assert answer.status == 206
    assert content == whole[part]
    answer, content = ask(server, "/s.zarr/zarr.json", "HEAD")
    assert (answer.status, content) == (200, b"")
    assert ask(server, "/s.zarr/zarr.json", Range=f"bytes={len(whole)}-")[0].status == 416


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/s.zarr",
        "/s.zarr/../secret.txt",
        "/s.zarr/%2e%2e/secret.txt",
        "/s.zarr/..%2fsecret.txt",
        "/secret.txt",
        "/s.zarr//etc/passwd",
        "/s.zarr/..\\secret.txt",
        "/s.zarr/%00",
        "//etc/passwd",
    ],
)
def test_nothing_else_is_served(server, path):
    answer, content = ask(server, path)
    assert answer.status == 404
    assert content == b""


def test_links_do_not_lead_out(server, finished):
    link = finished.zarr / "link"
    link.symlink_to(finished.folder / "secret.txt")
    try:
        assert ask(server, "/s.zarr/link")[0].status == 404
    finally:
        link.unlink()


def test_other_names_of_this_machine_and_other_methods_are_refused(server):
    assert ask(server, "/s.zarr/zarr.json", Host="evil.example:80")[0].status == 403
    assert ask(server, "/s.zarr/zarr.json", "POST")[0].status == 501


def test_what_is_not_zarr_is_refused(tmp_path, server):
    with pytest.raises(FormatError, match="not a Zarr folder"):
        ZarrServer(tmp_path)
    with pytest.raises(ParameterError, match="port"):
        ZarrServer(server.folder, server.server_address[1])
