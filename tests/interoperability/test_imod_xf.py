"""Transforms as IMOD has them, with known answers in both directions."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.transform import warp

from fibsem_dash.cli import main
from fibsem_dash.errors import FormatError, ParameterError
from fibsem_dash.interoperability import (
    from_skimage,
    from_xf,
    read_xf,
    run_to_xf,
    to_skimage,
    to_xf,
    write_xf,
)
from fibsem_dash.io import open_stack
from fibsem_dash.registration.canvas import Canvas


def newstack(image, line, shape):
    """What the documentation of IMOD says, written out: a value for every aligned pixel."""
    a11, a12, a21, a22, dx, dy = line
    inverse = np.linalg.inv([[a11, a12], [a21, a22]])
    out = np.zeros(shape)
    for y in range(shape[0]):
        for x in range(shape[1]):
            aligned = np.array([x - (shape[1] - 1) / 2 - dx, y - (shape[0] - 1) / 2 - dy])
            centre = np.array([(image.shape[1] - 1) / 2, (image.shape[0] - 1) / 2])
            u, v = np.rint(inverse @ aligned + centre).astype(int)
            if 0 <= v < image.shape[0] and 0 <= u < image.shape[1]:
                out[y, x] = image[v, u]
    return out


def test_a_shift_to_the_right_is_a_positive_dx():
    # The result at p shows the frame at p - 5: the frame moves by +5 into its place.
    matrix = np.array([[[1, 0, -5.0], [0, 1, 3.0], [0, 0, 1]]])
    assert to_xf(matrix, (40, 60)).tolist() == [[1, 0, 0, 1, 5, -3]]
    assert from_xf([[1, 0, 0, 1, 5, -3]], (40, 60)) == pytest.approx(matrix)


def test_rotation_is_about_the_centre_of_the_image():
    # A quarter turn about the centre of 5 x 5 leaves the middle pixel where it is.
    line = [[0, -1, 1, 0, 0, 0]]
    matrix = from_xf(line, (5, 5))[0]
    assert matrix @ [2, 2, 1] == pytest.approx([2, 2, 1])
    assert matrix @ [4, 2, 1] == pytest.approx([2, 0, 1])
    assert to_xf([matrix], (5, 5)) == pytest.approx(np.array(line, float))


def test_a_larger_canvas_has_its_own_centre():
    canvas = Canvas((44, 66), (4, 1))
    # The first frame lies at (4, 1); its centre is 1 px right and 1 px above that of the canvas.
    line = to_xf([np.eye(3)], (40, 60), canvas)[0]
    assert line == pytest.approx([1, 0, 0, 1, 1.0, -1.0])
    assert from_xf([line], (40, 60), canvas)[0] == pytest.approx(np.eye(3))


def test_turned_images_have_the_other_sign_in_y():
    matrix = np.array([[[1.01, 0.02, -5.0], [0.03, 0.98, 3.0], [0, 0, 1]]])
    plain, turned = to_xf(matrix, (40, 60))[0], to_xf(matrix, (40, 60), flip_y=True)[0]
    assert turned == pytest.approx(plain * [1, -1, -1, 1, 1, -1])
    assert from_xf([turned], (40, 60), flip_y=True) == pytest.approx(matrix)


def test_the_lines_of_a_run_align_its_frames_as_the_stack_does(finished):
    lines = run_to_xf(finished.folder)
    assert len(lines) == 6
    with open_stack(finished.folder / "s.mrc") as stack:
        for k in (0, 3):
            frame = finished.dataset.frame(k).image("A").astype(float)
            aligned = newstack(frame, lines[k], stack.shape[1:])
            inside = slice(20, -20)
            ours = stack[k].astype(float)
            pair = np.corrcoef(aligned[inside, inside].ravel(), ours[inside, inside].ravel())
            # Nearest pixels here, linear interpolation there.
            assert pair[0, 1] > 0.7
            other = newstack(frame, lines[k] + [0, 0, 0, 0, 2, 0], stack.shape[1:])
            worse = np.corrcoef(other[inside, inside].ravel(), ours[inside, inside].ravel())
            assert pair[0, 1] > worse[0, 1] + 0.02


def test_the_command_writes_what_the_library_reads(finished, tmp_path, capsys):
    path = tmp_path / "out.xf"
    assert main(["transforms", str(finished.folder), "--xf", str(path)]) == 0
    assert "6 transforms" in capsys.readouterr().out
    assert read_xf(path) == pytest.approx(run_to_xf(finished.folder), abs=6e-4)
    first = path.read_text().splitlines()[0]
    assert len(first) == 4 * 12 + 2 * 12


def test_any_blanks_part_the_numbers(tmp_path):
    path = tmp_path / "mine.xf"
    path.write_text("1.0 0 0\t1 -12.500 101.25\n\n  1 0 0 1 0 0\n")
    assert read_xf(path).tolist() == [[1, 0, 0, 1, -12.5, 101.25], [1, 0, 0, 1, 0, 0]]


@pytest.mark.parametrize("text", ["1 0 0 1 0", "1 0 0 1 0 x", "", "1 0 0 1 0 nan", "é"])
def test_other_text_is_refused(text, tmp_path):
    path = tmp_path / "bad.xf"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FormatError, match="six numbers"):
        read_xf(path)


def test_what_cannot_be_inverted_is_refused(tmp_path):
    with pytest.raises(ParameterError, match="inverted"):
        to_xf(np.zeros((1, 3, 3)), (5, 5))
    with pytest.raises(ParameterError, match="inverted"):
        from_xf([[0, 0, 0, 0, 1, 1]], (5, 5))
    with pytest.raises(ParameterError, match=r"\(n, 6\)"):
        write_xf(tmp_path / "x.xf", [[1, 2]])


def test_scikit_image_warps_with_the_matrix_of_a_frame():
    matrix = np.array([[1, 0, 2.0], [0, 1, -1.0], [0, 0, 1]])
    image = np.zeros((20, 20))
    image[4, 9] = 1
    assert warp(image, to_skimage(matrix), order=0)[5, 7] == 1
    assert from_skimage(to_skimage(matrix)) == pytest.approx(matrix)
    with pytest.raises(ParameterError):
        from_skimage(object())
    with pytest.raises(ParameterError):
        to_skimage(np.eye(2))
