# %% [markdown]
# # From the old notebooks
#
# Change the import; the rest of a notebook of 2022 stays. docs/migration.md lists what every old
# name is in the library.

# %%
from pathlib import Path

import numpy as np

from fibsem_dash.compat import (
    FIBSEM_dataset,
    FIBSEM_frame,
    RegularizedAffineTransform,
    analyze_mrc_stack_registration,
    plot_registrtion_quality_csvs,
    show_eval_box_mrc_stack,
)
from fibsem_dash.phantom import write_phantom

data_dir = "notebook_results/old_results"
fls = write_phantom("notebook_results/raw", frames=8, size=192, seed=3, overwrite=True).files

# %%
frame = FIBSEM_frame(fls[0])
frame.print_header()
xSNR, ySNR, rSNR = frame.analyze_SNR_autocorr(disp_res=False, save_res_png=False)

# %%
SIFT_kwargs = {
    "ftype": 0,
    "Sample_ID": frame.Sample_ID,
    "EightBit": frame.EightBit,
    "threshold_min": 1e-3,
    "threshold_max": 1e-3,
    "nbins": 256,
    "TransformType": RegularizedAffineTransform,
    "l2_matrix": np.diag([1e-5, 1e-5, 0, 1e-5, 1e-5, 0]),
    "solver": "RANSAC",
    "drmax": 1.5,
    "max_iter": 1000,
    "fit_params": ["SG", 7, 3],
    "int_order": 1,
    "zbin_2x": False,
    "use_DASK": False,
    "save_res_png": False,
}
dataset = FIBSEM_dataset(fls, data_dir, **SIFT_kwargs)
dmin, dmax, seconds, matrix, n_matches, iterations, kpts = dataset.SIFT_evaluation(fls[:2])

# %%
data_minmax = dataset.calc_data_range("")
fnms = dataset.extract_keypoints("")
results = dataset.determine_transformations("")
tr_matr = dataset.process_transformation_matrix()
dataset.save_parameters()
dataset.check_for_nomatch_frames(10)
registration = dataset.transform_and_save(evaluation_box=[40, 100, 40, 100])
registration

# %%
mrc = dataset.registered_file
quality = analyze_mrc_stack_registration(mrc, "", save_res_png=False)
show_eval_box_mrc_stack(mrc, evaluation_box=[40, 100, 40, 100], save_res_png=False)
stem = Path("fibsem_dash_results") / Path(mrc).stem
summary = plot_registrtion_quality_csvs([f"{stem}_RegistrationQuality.csv"], ["Shift"])

# %%
assert tr_matr.shape == (8, 3, 3)
assert list(quality.columns) == ["Image NSAD", "Image NCC", "Image MI"]
assert Path(summary).exists()
