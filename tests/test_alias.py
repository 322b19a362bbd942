import pytest

from he2ihc_keras import models
from helpers import run_python

both_orders = pytest.mark.parametrize(
    "imports",
    ["import keras_he2ihc, he2ihc_keras", "import he2ihc_keras.models, keras_he2ihc"],
)


def test_a_model_is_built_by_the_second_name():
    code = """
        import keras_he2ihc
        print(keras_he2ihc.models.build("unet", filters=2).name)
        from keras_he2ihc.models import build
        print(build("attn_pyramid", filters=2, blocks=1).name)
    """
    assert run_python(code).split() == ["unet", "attn_pyramid"]


@both_orders
def test_both_names_give_the_same_objects_each_made_once(imports):
    code = f"""
        {imports}
        import sys
        from he2ihc_keras.layers import SelfAttention2D as Attention
        from keras_he2ihc.layers.self_attention import SelfAttention2D
        import keras_he2ihc.training.conditional_gan, keras_he2ihc.cli.train
        import keras_he2ihc.models.unet, keras_he2ihc.zoo

        assert keras_he2ihc is he2ihc_keras
        assert Attention is SelfAttention2D
        assert keras_he2ihc.models.unet.build is he2ihc_keras.models.unet.build
        names = [name for name in sys.modules if name.startswith("keras_he2ihc.")]
        assert "keras_he2ihc.training.conditional_gan" in names
        for name in names:
            real = name.replace("keras_he2ihc", "he2ihc_keras")
            assert sys.modules[name] is sys.modules[real], name
            assert sys.modules[name].__name__ == real
            assert sys.modules[name].__spec__.name == real
    """
    run_python(code)


def test_an_unknown_submodule_is_not_found():
    code = """
        import importlib

        for name in ("nonsense", "data.nonsense", "data.pairs.nonsense", "nonsense.x"):
            try:
                importlib.import_module(f"keras_he2ihc.{name}")
            except ModuleNotFoundError as error:
                print(error)
    """
    assert run_python(code).splitlines() == [
        "No module named 'keras_he2ihc.nonsense'",
        "No module named 'keras_he2ihc.data.nonsense'",
        "No module named 'keras_he2ihc.data.pairs.nonsense'; "
        "'keras_he2ihc.data.pairs' is not a package",
        "No module named 'keras_he2ihc.nonsense'",
    ]


def test_an_unknown_name_is_no_attribute():
    code = """
        import keras_he2ihc
        try:
            keras_he2ihc.nonsense
        except AttributeError as error:
            print(error)
    """
    assert run_python(code) == "module 'he2ihc_keras' has no attribute 'nonsense'\n"


def test_a_model_saved_under_one_name_loads_under_the_other(tmp_path):
    file = tmp_path / "model.keras"
    models.build("attn_pyramid", filters=2, blocks=1).save(file)
    code = """
        import sys
        import keras, keras_he2ihc.models
        print(keras_he2ihc.models.stride(keras.models.load_model(sys.argv[1])))
    """
    assert run_python(code, file) == "4\n"


def test_the_alias_alone_loads_no_keras():
    code = "import keras_he2ihc, sys; print({'keras', 'tensorflow'} & set(sys.modules))"
    assert run_python(code) == "set()\n"
