"""Which number format a run computes in."""

from pathlib import Path

from he2ihc_keras import engine

_CPU_BFLOAT16_FLAGS = ("avx512_bf16", "amx_bf16")


def resolve_precision(precision: str) -> tuple[str, str]:
    """The Keras dtype policy of a run, and why.

    "auto" takes bfloat16 where the hardware has it, and float32 elsewhere. Weights,
    losses, normalisation statistics, attention's softmax and the last layer are float32
    always.

    Args:
        precision: "auto", "float32", "mixed_bfloat16" or "mixed_float16".

    Returns:
        Name of the policy, and a clause that says why it was taken.

    Raises:
        ValueError: If float16 is asked for on a CPU, where it is several times slower
            than float32.
    """
    capability = engine.gpu_capability()
    if precision == "mixed_float16" and capability is None:
        raise ValueError(
            "mixed_float16 needs a GPU: on a CPU it is several times slower than "
            "float32. Use float32, mixed_bfloat16 or auto."
        )
    if precision != "auto":
        return precision, "as asked"
    if capability is not None:
        return _of_gpu(capability)
    if any(flag in _cpu_flags() for flag in _CPU_BFLOAT16_FLAGS):
        return "mixed_bfloat16", "this processor computes bfloat16 in hardware"
    return "float32", "this processor has no bfloat16 in hardware"


def _of_gpu(capability):
    if capability >= (8, 0):
        return "mixed_bfloat16", "this GPU computes bfloat16 in hardware"
    return "float32", "this GPU has no bfloat16 in hardware"


def _cpu_flags():
    cpuinfo = Path("/proc/cpuinfo")
    return cpuinfo.read_text().split() if cpuinfo.exists() else []
