"""What can be measured on a generated IHC patch and its real partner."""

from he2ihc_keras.measures.similarity import psnr, ssim

__all__ = ["psnr", "ssim"]
