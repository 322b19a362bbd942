import os
import tempfile

# Before the first import of Keras, which reads the backend, and of JAX.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
BACKEND = os.environ["KERAS_BACKEND"]
if BACKEND == "jax":  # not for TensorFlow, which reads them too
    # Compiles twice as fast as the default. Level 0 is no faster, and rounds otherwise.
    os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=1")
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    # What one process of this session compiles, workers and others find.
    COMPILED = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    os.environ["JAX_COMPILATION_CACHE_DIR"] = COMPILED.name
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
if "PYTEST_XDIST_WORKER" in os.environ:
    # Workers share the cores: threads of one wait, spinning, for those of another.
    for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"):
        os.environ.setdefault(name, "1")


def pytest_xdist_auto_num_workers(config):
    """A core each, 4 at most as each loads TensorFlow; none for files given by name."""
    is_named = any(".py" in argument for argument in config.args)
    return 0 if is_named else min(os.cpu_count(), 4)


def pytest_ignore_collect(collection_path):
    """Leaves out modules without a test of every backend, as they need TensorFlow."""
    is_test = collection_path.name.startswith("test_")
    if BACKEND != "tensorflow" and is_test and collection_path.suffix == ".py":
        return True if "mark.backends" not in collection_path.read_text() else None
    return None
