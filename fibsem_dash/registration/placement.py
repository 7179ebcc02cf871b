"""Where the first frame lies in the slices of a run's stack: boxes from one to the other."""

from __future__ import annotations

from dataclasses import dataclass

from fibsem_dash.registration.canvas import Canvas, fit_canvas
from fibsem_dash.registration.stored_run import StoredRun

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Placement:
    """Place of the first frame, whose coordinates evaluation boxes are given in.

    Attributes
    ----------
    frame_shape : (int, int)
        Size (y, x) of a frame, px.
    canvas : Canvas
        Size of a slice, and where the frame lies in it.
    flipped : bool
        Whether the slices are turned upside down.
    """

    frame_shape: tuple[int, int]
    canvas: Canvas
    flipped: bool = False

    @property
    def moves(self) -> bool:
        """Whether slices have other coordinates than the first frame."""
        return self.flipped or any(self.canvas.offset) or self.canvas.shape != self.frame_shape

    def to_slices(self, box: Box) -> Box:
        """Return a box of the first frame in coordinates of the slices.

        Parameters
        ----------
        box : (int, int, int, int)
            [top, height, left, width] in the first frame, px; a height or width of 0 reaches to
            its edge. Zeros alone mean whole slices, and stay.
        """
        if not any(box):
            return box
        rows, columns = self.frame_shape
        top, height, left, width = box
        height, width = height or rows - top, width or columns - left
        x, y = self.canvas.offset
        row = self.canvas.shape[0] - y - top - height if self.flipped else top + y
        return row, height, left + x, width

    def corner_in_frame(self, box: Box) -> tuple[int, int]:
        """Return first row and column of a box of the slices in the first frame, or beyond it."""
        top, height, left, _ = box
        x, y = self.canvas.offset
        return (self.canvas.shape[0] - top - height if self.flipped else top) - y, left - x

    def to_frame(self, box: Box) -> Box:
        """Return a box of the slices in coordinates of the first frame, cut to that frame.

        Parameters
        ----------
        box : (int, int, int, int)
            [top, height, left, width] in the slices, px, written out.
        """
        rows, columns = self.frame_shape
        row, column = self.corner_in_frame(box)
        top, bottom = (min(max(v, 0), rows) for v in (row, row + box[1]))
        left, right = (min(max(v, 0), columns) for v in (column, column + box[3]))
        top, left = min(top, rows - 1), min(left, columns - 1)
        return top, max(bottom - top, 1), left, max(right - left, 1)


def placement_of(run: StoredRun, shape: tuple[int, int]) -> Placement | None:
    """Find out where the first frame lies in the stack that a run has written.

    Parameters
    ----------
    run : StoredRun
        The run.
    shape : (int, int)
        Size (y, x) of the slices, px.

    Returns
    -------
    Placement or None
        None when the slices are not what the transforms of the run give, as of another version.
    """
    placed = run.final_matrices()
    if placed is None or not placed[0]:
        return None
    output = run.settings.output
    frame_shape = run.frames[placed[0][0]].shape
    canvas = Canvas(frame_shape)
    if output.pad and output.perform_transformation:
        canvas = fit_canvas(placed[1], frame_shape, output.pad_mode)
    return Placement(frame_shape, canvas, output.flip_y) if canvas.shape == shape else None
