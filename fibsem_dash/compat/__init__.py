"""The interface of old notebooks: change one import and they run.

Names, arguments, order of results and numbers are those of 2022, or of 2025 where an argument of
2025 or ``generation="2025"`` is given. Unknown arguments are errors that name the nearest. Nothing
is written beside raw data. See docs/migration.md for what each name is in the library.
"""

from fibsem_dash.compat.comparison import (
    plot_registrtion_quality_csvs,
    plot_registrtion_quality_xlsx,
)
from fibsem_dash.compat.dataset import FIBSEM_dataset
from fibsem_dash.compat.frame import FIBSEM_frame
from fibsem_dash.compat.single_image import (
    Perform_2D_fit,
    Single_Image_Noise_ROIs,
    Single_Image_Noise_Statistics,
    Single_Image_SNR,
    get_min_max_thresholds,
    get_spread,
    radial_profile,
    radial_profile_select_angles,
    smooth,
)
from fibsem_dash.compat.stacks import analyze_mrc_stack_registration, show_eval_box_mrc_stack
from fibsem_dash.compat.transform_types import (
    AffineTransform,
    RegularizedAffineTransform,
    ScaleShiftTransform,
    ShiftTransform,
    XScaleShiftTransform,
)
from fibsem_dash.compat.two_images import (
    Two_Image_FSC,
    Two_Image_NCC_SNR,
    mutual_information_2d,
    mutual_information_2d_cp,
)

__all__ = [
    "AffineTransform",
    "FIBSEM_dataset",
    "FIBSEM_frame",
    "Perform_2D_fit",
    "RegularizedAffineTransform",
    "ScaleShiftTransform",
    "ShiftTransform",
    "Single_Image_Noise_ROIs",
    "Single_Image_Noise_Statistics",
    "Single_Image_SNR",
    "Two_Image_FSC",
    "Two_Image_NCC_SNR",
    "XScaleShiftTransform",
    "analyze_mrc_stack_registration",
    "get_min_max_thresholds",
    "get_spread",
    "mutual_information_2d",
    "mutual_information_2d_cp",
    "plot_registrtion_quality_csvs",
    "plot_registrtion_quality_xlsx",
    "radial_profile",
    "radial_profile_select_angles",
    "show_eval_box_mrc_stack",
    "smooth",
]
