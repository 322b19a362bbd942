import pytest

from he2ihc_keras import engine
from he2ihc_keras.engine import precision
from he2ihc_keras.engine.precision import resolve_precision
from helpers import refusal


@pytest.fixture
def machine(monkeypatch):
    """Makes this machine another one."""

    def become(gpu=None, flags=()):
        monkeypatch.setattr(engine, "gpu_capability", lambda: gpu)
        monkeypatch.setattr(precision, "_cpu_flags", lambda: list(flags))

    return become


@pytest.mark.parametrize("gpu", [None, (7, 5)])
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_precision_asked_for_is_taken_on_any_machine(machine, policy, gpu):
    machine(gpu)
    assert resolve_precision(policy) == (policy, "as asked")


@pytest.mark.parametrize("flag", ["avx512_bf16", "amx_bf16"])
def test_processor_with_bfloat16_uses_it(machine, flag):
    machine(flags=["fpu", "avx512f", flag])
    assert resolve_precision("auto") == (
        "mixed_bfloat16",
        "this processor computes bfloat16 in hardware",
    )


@pytest.mark.parametrize("flags", [[], ["avx2", "avx512f", "avx512_vnni", "bf16"]])
def test_processor_without_bfloat16_computes_in_float32(machine, flags):
    machine(flags=flags)
    assert resolve_precision("auto") == (
        "float32",
        "this processor has no bfloat16 in hardware",
    )


@pytest.mark.parametrize("capability", [(8, 0), (8, 6), (9, 0), (12, 0)])
def test_gpu_from_ampere_on_uses_bfloat16(machine, capability):
    machine(capability)
    assert resolve_precision("auto") == (
        "mixed_bfloat16",
        "this GPU computes bfloat16 in hardware",
    )


@pytest.mark.parametrize("capability", [(7, 5), (0, 0)])
def test_older_or_unknown_gpu_computes_in_float32_whatever_the_processor(
    machine, capability
):
    machine(capability, flags=["amx_bf16"])
    assert resolve_precision("auto") == (
        "float32",
        "this GPU has no bfloat16 in hardware",
    )


def test_float16_needs_a_gpu(machine):
    machine()
    assert refusal(resolve_precision, "mixed_float16") == (
        "mixed_float16 needs a GPU: on a CPU it is several times slower than "
        "float32. Use float32, mixed_bfloat16 or auto."
    )


def test_float16_on_a_gpu_is_taken(machine):
    machine((7, 5))
    assert resolve_precision("mixed_float16") == ("mixed_float16", "as asked")


def test_this_machine_has_an_answer():
    policy, reason = resolve_precision("auto")
    assert policy in ("float32", "mixed_bfloat16")
    assert reason.startswith("this ")
