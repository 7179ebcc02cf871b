# %% [markdown]
# # Compare with the alignment of another tool
#
# The other party is made here, in the way of AMST (Hennies et al., Scientific Reports 10, 2004,
# 2020): starting from a registered stack, every slice is shifted onto a template, the median of its
# neighbours along z. With a stack of another program, put its file in place of `other`.

# %%
from pathlib import Path

import numpy as np
from scipy.ndimage import median_filter
from scipy.ndimage import shift as shift_image
from skimage.registration import phase_cross_correlation

from fibsem_dash.dataset import FIBSEMDataset
from fibsem_dash.io import open_stack
from fibsem_dash.io.mrc import MrcStackWriter
from fibsem_dash.io.tables import write_csv
from fibsem_dash.phantom import write_phantom
from fibsem_dash.quality import (
    compare_tables,
    match_sample_region,
    read_quality_table,
    summarise,
)
from fibsem_dash.registration.evaluation import evaluate_stack
from fibsem_dash.settings import QualitySettings

work = Path("notebook_results")
phantom = write_phantom(work / "raw", frames=10, size=192, seed=1, overwrite=True)
settings = {"output.file_name": "ours", "solver.transform": "shift"}
FIBSEMDataset(phantom.files, work / "run", **settings).register()
ours = work / "run" / "ours.mrc"

# %% [markdown]
# The other alignment: a median along z as the template of each slice, and the shift that lays the
# slice on it.


# %%
def refine_on_medians(source: Path, target: Path, radius: int = 3) -> None:
    """Shift every slice onto the median of its neighbours along z."""
    with open_stack(source) as stack:
        voxels = np.stack([stack[k] for k in range(len(stack))]).astype(np.float32)
        size = stack.voxel_size_nm
    template = median_filter(voxels, size=(2 * radius + 1, 1, 1), mode="nearest")
    moved = np.empty_like(voxels)
    for k, (slice_, middle) in enumerate(zip(voxels, template, strict=True)):
        found, *_ = phase_cross_correlation(middle, slice_, upsample_factor=20)
        moved[k] = shift_image(slice_, np.clip(found, -2, 2), order=1, mode="nearest")
    writer = MrcStackWriter.create(target, moved.shape, np.float32, size)
    writer.write_slices(0, moved)
    writer.finish(*(float(f(moved)) for f in (np.min, np.max, np.mean, np.std)))


other = work / "other.mrc"
refine_on_medians(ours, other)

# %% [markdown]
# The same piece of the sample in both. Another tool may crop, shift and invert its result; the
# search finds the place, and says when it is not sure.

# %%
with open_stack(ours) as stack:
    height, width = stack.shape[1:]
box = (width // 4, 3 * width // 4, height // 4, 3 * height // 4)
region = match_sample_region(ours, box, other)
print("found at", region.box_b, "reliable" if region.reliable else region.notes)

# %% [markdown]
# Both are measured in that piece, and compared pair by pair.

# %%
xi, xa, yi, ya = region.box_a
boxes = {"ours": (yi, ya - yi, xi, xa - xi), "other": region.evaluation_box}
tables = {}
for name, path in (("ours", ours), ("other", other)):
    measured = evaluate_stack(
        path,
        QualitySettings(box=boxes[name], metrics=("NSAD", "NCC", "NMI", "FSC")),
        invert=name == "other" and region.inverted,
    )
    write_csv(work / f"{name}_RegistrationQuality.csv", measured)
    tables[name] = read_quality_table(work / f"{name}_RegistrationQuality.csv", label=name)

# %%
for name, table in tables.items():
    statistics = summarise(table)
    print(name, {metric: round(value.median, 4) for metric, value in statistics.items()})

# %%
differences = {
    metric: compare_tables(tables["ours"], tables["other"], metric) for metric in ("NCC", "FSC")
}
for metric, difference in differences.items():
    low, high = difference.median.low, difference.median.high
    print(f"{metric}: the other is {difference.verdict}, median {low:+.4f} to {high:+.4f}")

# %% [markdown]
# Read this with care. Interpolation blurs, and blur raises NCC: look at the FSC bandwidth beside
# it. A template from the median of neighbours pulls slices together by making; a higher NCC is then
# no proof of a better place. On the phantom the true drift is known and settles it.

# %%
assert region.reliable
assert set(differences) == {"NCC", "FSC"}
assert len(tables["ours"]) == len(tables["other"])
