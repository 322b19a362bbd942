"""What can be measured on a generated IHC patch and its real partner."""

from he2ihc_keras.measures.agreement import (
    accuracy,
    balanced_accuracy,
    confusion_matrix,
    far_off,
    quadratic_kappa,
)
from he2ihc_keras.measures.deconvolution import (
    RUIFROK_JOHNSTON,
    StainVectors,
    dab_density,
    parse_stain_vectors,
    stain_densities,
    white_point,
)
from he2ihc_keras.measures.features import (
    KernelDistance,
    frechet_distance,
    kernel_distance,
    rank_note,
)
from he2ihc_keras.measures.sharpness import gradient_energy, sharpness_ratio
from he2ihc_keras.measures.similarity import gaussian_ssim, psnr, ssim
from he2ihc_keras.measures.stains import (
    BLUR_SIGMA,
    DAB_BINS,
    DAB_POSITIVE,
    StainComparison,
    StainMeasures,
    blurred_correlation,
    compare_stains,
    dab_histogram,
    dice,
    focal_optical_density,
    jensen_shannon_divergence,
    measure_stains,
    positive_fraction,
    wasserstein_distance,
)

__all__ = [
    "BLUR_SIGMA",
    "DAB_BINS",
    "DAB_POSITIVE",
    "KernelDistance",
    "RUIFROK_JOHNSTON",
    "StainComparison",
    "StainMeasures",
    "StainVectors",
    "accuracy",
    "balanced_accuracy",
    "blurred_correlation",
    "compare_stains",
    "confusion_matrix",
    "dab_density",
    "dab_histogram",
    "dice",
    "far_off",
    "focal_optical_density",
    "frechet_distance",
    "gaussian_ssim",
    "gradient_energy",
    "jensen_shannon_divergence",
    "kernel_distance",
    "measure_stains",
    "parse_stain_vectors",
    "positive_fraction",
    "psnr",
    "quadratic_kappa",
    "rank_note",
    "sharpness_ratio",
    "ssim",
    "stain_densities",
    "wasserstein_distance",
    "white_point",
]
