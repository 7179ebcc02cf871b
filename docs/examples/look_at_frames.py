# %% [markdown]
# # Look at frames in a notebook
#
# The pages of the dashboard show themselves as the last line of a cell, and so do the settings.
# Put the folder of your own frames in place of `raw`.

# %%
from pathlib import Path

from components import notebook
from fibsem_dash.phantom import write_phantom

notebook.load()
work = Path("notebook_results")
phantom = write_phantom(work / "raw", frames=6, size=192, seed=1, overwrite=True)
raw = phantom.folder

# %% [markdown]
# The Header page: image, histogram, header and the live analyses. Everything comes from the kernel;
# no other host is asked, and the saved notebook shows the page without a kernel.

# %%
page = notebook.open_page("header", raw, run_root=work / "runs")
page

# %% [markdown]
# What the page shows is at hand, and what is set here changes the page.

# %%
page.session.frame = 3
pixels = page.image.loaded.frame.source.raw("A")
assert pixels.shape == (192, 192)
print(f"frame {page.session.frame}: mean {pixels.mean():.0f} counts")

# %% [markdown]
# The settings of a run: a form that is linked with the object both ways.

# %%
sift = page.session.settings.sift
sift

# %%
sift.contrast_threshold = 0.03
page.session.settings.to_settings().sift

# %% [markdown]
# One pair of neighbours, tried with these settings.

# %%
notebook.open_page("sift", raw, frame=2, run_root=work / "runs")
