# %% [markdown]
# # Evaluate MRC stacks
#
# How well do neighbouring slices fit? Here for two stacks of the same sample, before and after the
# registration, with the names of the library; `migrate.py` shows the old names.

# %%
from pathlib import Path

from fibsem_dash.dataset import FIBSEMDataset
from fibsem_dash.io.tables import write_csv
from fibsem_dash.phantom import write_phantom
from fibsem_dash.registration.evaluation import evaluate_stack, summarise_quality
from fibsem_dash.report import read_tables, write_comparison
from fibsem_dash.settings import QualitySettings

work = Path("notebook_results")
phantom = write_phantom(work / "raw", frames=8, size=160, seed=2, overwrite=True)

# %% [markdown]
# The raw frames as a stack (nothing is moved), and registered.

# %%
for name, moved in (("raw_stack", False), ("registered", True)):
    settings = {"output.file_name": name, "output.perform_transformation": moved}
    FIBSEMDataset(phantom.files, work / name, **settings).register()
stacks = {name: work / name / f"{name}.mrc" for name in ("raw_stack", "registered")}

# %% [markdown]
# The box follows the sample: [top, height, left, width] in the coordinates of each stack.

# %%
settings = QualitySettings(box=(40, 80, 40, 80), metrics=("NSAD", "NCC", "NMI"))
tables = {name: evaluate_stack(path, settings) for name, path in stacks.items()}
for name, table in tables.items():
    write_csv(work / f"{name}_RegistrationQuality.csv", table)
tables["registered"]

# %%
summarise_quality(tables["registered"])

# %% [markdown]
# Both in one report: curves, statistics, differences with intervals.

# %%
read = read_tables([work / f"{name}_RegistrationQuality.csv" for name in stacks], list(stacks))
page, _ = write_comparison(read, work / "comparison.html")
print(page)

# %%
assert tables["registered"]["NCC"].median() > tables["raw_stack"]["NCC"].median()
assert page.exists()
