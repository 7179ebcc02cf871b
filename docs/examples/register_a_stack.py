# %% [markdown]
# # Register a stack
#
# A synthetic stack with known drift is drawn as `.dat` files, registered, and measured. Put the
# folder of your own frames in place of `raw`.

# %%
from pathlib import Path

import numpy as np

import fibsem_dash
from fibsem_dash.compute.notebook import NotebookMonitor
from fibsem_dash.dataset import FIBSEMDataset
from fibsem_dash.phantom import write_phantom

work = Path("notebook_results")
phantom = write_phantom(work / "raw", frames=10, size=192, seed=1, overwrite=True)
raw = phantom.folder

# %% [markdown]
# One frame: its header, its detectors, its signal-to-noise ratio.

# %%
dataset = FIBSEMDataset.from_folder(raw, work / "run", drmax=1.5, monitor=NotebookMonitor())
frame = dataset.frame(0)
frame

# %%
snr = frame.snr("A", extrapolation="parabolic")
print(f"signal power over noise power: x {snr.x.snr:.2f}, y {snr.y.snr:.2f}")

# %% [markdown]
# All stages. Bars show how far they are; a second run takes what is on disk.

# %%
summary = dataset.register()
summary

# %% [markdown]
# The tables are data frames.

# %%
pairs = dataset.table("pairs")
quality = dataset.table("quality")
quality

# %% [markdown]
# The registered stack as a lazy array with coordinates in nm.

# %%
stack = fibsem_dash.open_stack(work / "run")
stack

# %%
middle = np.asarray(stack[len(stack) // 2])
assert middle.shape == stack.shape[1:]
assert len(quality) == len(stack) - 1
print(f"{len(stack)} slices, median NCC {quality['NCC'].median():.3f}")
