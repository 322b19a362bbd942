"""One float32 form of a model, whatever policy it was trained under."""

from collections.abc import Iterator

import keras


def as_float32(model: keras.Model) -> keras.Model:
    """The same network and weights, computing in float32.

    Weights are float32 under every mixed policy; what differs is the arithmetic.
    Images are made and models are exported in float32, so that a result does not
    depend on the processor, and so that ONNX accepts the graph.

    Args:
        model: Any functional or sequential model.

    Returns:
        The model itself where it is float32 already, else a copy with equal weights.
    """
    if all(layer.compute_dtype == "float32" for layer in all_layers(model)):
        return model
    twin = model.__class__.from_config(_with_float32_policies(model.get_config()))
    twin.set_weights(model.get_weights())
    return twin


def all_layers(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """The layers of a model, and of the networks that some of them hold."""
    for layer in model.layers:
        inside = list(all_layers(layer)) if hasattr(layer, "layers") else []
        # A network computes nothing that its layers do not.
        yield from inside or [layer]
        if inside and not isinstance(layer, keras.Model):
            yield layer


def _with_float32_policies(config):
    if isinstance(config, dict):
        if config.get("class_name") == "DTypePolicy":
            return {**config, "config": {**config["config"], "name": "float32"}}
        return {key: _with_float32_policies(value) for key, value in config.items()}
    if isinstance(config, (list, tuple)):
        return type(config)(_with_float32_policies(value) for value in config)
    return config
