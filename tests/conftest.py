import os

# Before the first import of Keras, which reads the backend, and of JAX.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
BACKEND = os.environ["KERAS_BACKEND"]
if BACKEND == "jax":  # not for TensorFlow, which reads them too
    # Compiles twice as fast as the default. Level 0 is no faster, and rounds otherwise.
    os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=1")


def pytest_ignore_collect(collection_path):
    """Leaves out modules without a test of every backend, as they need TensorFlow."""
    is_test = collection_path.name.startswith("test_")
    if BACKEND != "tensorflow" and is_test and collection_path.suffix == ".py":
        return True if "mark.backends" not in collection_path.read_text() else None
    return None
