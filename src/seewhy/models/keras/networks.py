"""Keras 3 models on any backend: run where and as they are, and left as they were."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from seewhy.core.errors import InvalidInput, MissingExtra, ModelError
from seewhy.core.types import Batch, Scores
from seewhy.models import imagenet
from seewhy.models.answers import Reader
from seewhy.models.compiled.assembly import Found, assemble, one_line
from seewhy.models.extras import need
from seewhy.models.graphs.graph import (
    GraphRuntime,
    Layout,
    Takes,
    cast_to,
    preprocessing_for,
    unforkable,
    what_it_takes,
)
from seewhy.models.keras.applications import APPLICATIONS, preprocessing_of_application, recognized, takes_bytes
from seewhy.models.keras.conversion import converter
from seewhy.models.keras.file_size import check_file
from seewhy.models.keras.structure import array, digest, last_layer
from seewhy.models.model_files import existing, unreadable
from seewhy.models.network import NetworkModel
from seewhy.models.options import GIVE_SIZE, ModelOptions
from seewhy.models.preprocessing import PREPROCESSINGS, Preprocessing

_FILES = (".keras", ".h5", ".hdf5")
_UNTRAINED = "none"
_BYTES = 100
"""Numbers over a wider range than this are those of bytes."""


def load_keras(rest: str, options: ModelOptions) -> NetworkModel:
    """Return ``keras:NAME`` of ``keras.applications``, ``keras:NAME:none`` without weights, or ``keras:FILE.keras``.

    Photos are stretched to the size of the network, as Keras does. They are resized bilinearly, where
    ``keras.utils.load_img`` takes the nearest pixel by default: of a large photo that reads one pixel in a hundred, so
    that the answer hangs on which, and thin things vanish. Weights are fetched by Keras when they are first used.

    Raises
    ------
    InvalidInput
        There is no such application or file; the file holds Python code; nothing says how a photo must be prepared.
    ModelError
        The weights cannot be fetched, or the file cannot be read.
    MissingExtra
        Keras is not installed, or not the backend that it is told to use.
    """
    keras = _keras()
    if rest.lower().endswith(_FILES):
        path = existing(rest)
        return _keras_model(_from_file(keras, path), options, name=f"keras:{path.name}")
    application, _, wanted = rest.partition(":")
    if application not in APPLICATIONS or wanted not in {"", "imagenet", _UNTRAINED}:
        raise InvalidInput.of(
            "keras:NAME",
            f"be one of {', '.join(APPLICATIONS)}, or FILE.keras; optionally followed by :imagenet or :none",
            rest,
        )
    trained = wanted != _UNTRAINED
    model = _built(keras, application, trained=trained)
    notes = () if trained else (f"keras:{rest} is untrained",)
    return _keras_model(model, options, name=f"keras:{rest}", application=application, notes=notes)


def adapt_keras(found: object, options: ModelOptions) -> NetworkModel | None:
    """Return the model of a ``keras.Model``; None for any other object.

    A model with the name and the first layers of one in ``keras.applications`` gets that one's preprocessing; one whose
    first layer brings 0..255 near to 0..1 or -1..1 gets 0..255. Both are noted.

    Raises
    ------
    InvalidInput
        Nothing says how a photo must be prepared for it, or it does not take and give one array.
    """
    keras = sys.modules.get("keras")
    if keras is None or not hasattr(keras, "Model") or not isinstance(found, keras.Model):
        return None
    return _keras_model(found, options, name=str(getattr(found, "name", type(found).__name__)))


def _keras_model(
    model: Any,
    options: ModelOptions,
    *,
    name: str,
    application: str | None = None,
    notes: tuple[str, ...] = (),
) -> NetworkModel:
    options.refuse(
        name, "preprocessing", "input_size", "head", "output_name", "labels", "runtime", "precision", "batch_size"
    )
    model, read = _with_one_output(model, options.output_name, name)
    takes = _takes(model, options, name)
    assumed = None if application is not None else recognized(model)
    own, said = _preparing(model, takes, name, application, assumed)
    preprocessing, sized = preprocessing_for(takes, options, name, own)
    if options.preprocessing is not None:
        said = _contradicted(model, preprocessing, name)
    if preprocessing.size is None:
        raise InvalidInput(
            f"{name} takes images of any size; {GIVE_SIZE}", setting="input_size", rule="be given", value=None
        )
    labels = None
    if (application or assumed) and _classes(model) == len(imagenet.labels()):
        labels = imagenet.labels()
        if assumed and options.labels is None:
            notes = (*notes, f"{name} is treated as {assumed} of keras.applications, with ImageNet's labels")
    convert = converter(model, takes, preprocessing, read)
    backend = _keras().backend.backend()
    if convert is None and options.runtime == "auto" and backend not in {"torch", "tensorflow"}:
        notes = (*notes, f"{name} is run by Keras, because OpenVINO does not support its backend {backend}")

    def again() -> Callable[[Any], Scores]:
        return _asker_again(model, takes, read, name)

    return assemble(
        Found(
            name=name,
            fingerprint=f"keras:sha256:{digest(model)}",
            native=GraphRuntime(
                _asker(model, takes, read),
                takes,
                options.batch_size,
                read,
                lambda: _asker_again(model, takes, read, name),
            ),
            preprocessing=preprocessing,
            last=last_layer(model),
            labels=labels,
            convert=convert,
            notes=(*notes, *said, *sized),
        ),
        options,
    )


def _keras() -> Any:
    """Import Keras; without its backend it cannot be imported."""
    try:
        return need("keras", "keras")
    except ModuleNotFoundError as error:
        if error.name not in {"tensorflow", "torch", "jax"}:
            raise
        raise MissingExtra(
            (
                f"KERAS_BACKEND is {error.name}, which is not installed; set KERAS_BACKEND to an "
                "installed library (torch, tensorflow or jax), or pip install 'seewhy[keras]'"
            ),
            setting="KERAS_BACKEND",
            rule="be installed",
            value=error.name,
        ) from error


def _built(keras: Any, application: str, *, trained: bool) -> Any:
    """Build an application; what Keras has to say while it fetches weights goes to stderr."""
    make = getattr(keras.applications, application)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            if trained:
                return make(weights="imagenet")
            with _same_each_time():
                return make(weights=None)
    except Exception as error:
        if not trained:
            raise ModelError(
                f"Keras cannot build {application}: {one_line(error)}",
                setting="model",
                rule="be built by Keras",
                value=application,
            ) from error
        raise ModelError(
            (
                f"cannot load the weights of keras:{application}: {one_line(error)}. They are downloaded "
                "at first use; without a network put them into Keras's cache (models in KERAS_HOME, else "
                f"in ~/.keras), or use the untrained model, keras:{application}:none"
            ),
            setting="model",
            rule="have its weights",
            value=f"keras:{application}",
        ) from error


@contextlib.contextmanager
def _same_each_time() -> Iterator[None]:
    """Let Keras draw the same weights each time: it takes their seeds from Python's generator, which is put back."""
    import random

    before = random.getstate()
    random.seed(0)
    try:
        yield
    finally:
        random.setstate(before)


def _from_file(keras: Any, path: Path) -> Any:
    try:
        check_file(keras, path)
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except InvalidInput:
        raise
    except Exception as error:
        if "safe_mode" in str(error):
            raise InvalidInput(
                (
                    f"keras:{path.name} contains Python code (a Lambda layer), which seewhy never runs from a "
                    "file; build the model in Python and pass it as an object"
                ),
                setting="model",
                rule="contain no code",
                value=path.name,
            ) from error
        raise unreadable(f"keras:{path.name}", "Keras", one_line(error)) from error


def _with_one_output(model: Any, wanted: str | None, name: str) -> tuple[Any, Reader]:
    """Return a model that gives the wanted output alone, sharing its layers with the one that gives several.

    What a model of a subclass gives is seen when it answers: the reader takes it then.
    """
    outputs = _outputs(model)
    if not outputs:
        return model, Reader(wanted)
    if wanted is not None and wanted not in outputs:
        raise InvalidInput.of("output_name", f"be one of the outputs of {name}, {', '.join(outputs)}", wanted)
    if len(outputs) == 1:
        return model, Reader()
    if wanted is None:
        raise InvalidInput(
            f"{name} has {len(outputs)} outputs, {', '.join(outputs)}; choose one with output_name",
            setting="output_name",
            rule="be given",
            value=None,
        )
    return _keras().Model(model.input, outputs[wanted], name=model.name), Reader()


def _outputs(model: Any) -> dict[str, Any]:
    """Return the outputs of a model that says them: by key, else by the layer's name, else by number."""
    outputs = getattr(model, "outputs", None) or []
    with contextlib.suppress(AttributeError, ValueError):  # one that was never called has none yet
        if isinstance(model.output, dict):
            return dict(model.output)
    names = list(getattr(model, "output_names", None) or [])
    if len(set(names)) != len(outputs):
        names = [str(i) for i in range(len(outputs))]
    return dict(zip(names, outputs, strict=True))


def _takes(model: Any, options: ModelOptions, name: str) -> Takes:
    """Read what pictures a model takes."""
    keras = _keras()
    shape = getattr(model, "input_shape", None) if getattr(model, "built", False) else None
    if isinstance(shape, list | dict):
        shape = next(iter(shape.values() if isinstance(shape, dict) else shape)) if len(shape) == 1 else shape
    if isinstance(shape, list | dict):
        raise InvalidInput(
            f"{name} must take one input, a batch of images; it takes {len(shape)}",
            setting="model",
            rule="take one input",
            value=len(shape),
        )
    inputs = getattr(model, "inputs", None)
    kind = str(inputs[0].dtype) if inputs else "float32"
    integers = kind.startswith(("int", "uint"))
    return what_it_takes(
        shape, np.dtype(kind if integers else "float32"), options, name, _layout(keras, model, shape, options)
    )


def _layout(keras: Any, model: Any, shape: Any, options: ModelOptions) -> Layout | None:
    """Return where channels stand if the shape and the user leave it open: as in the model's layers, else in Keras."""
    ends = () if shape is None or len(shape) != 4 else (shape[1], shape[3])
    if sum(length in {1, 3} for length in ends) == 1 or isinstance(options.preprocessing, Preprocessing | dict):
        return None
    orders = [layer.data_format for layer in getattr(model, "layers", ()) if hasattr(layer, "data_format")]
    return "NCHW" if [*orders, keras.config.image_data_format()][0] == "channels_first" else "NHWC"


def _preparing(
    model: Any, takes: Takes, name: str, application: str | None, assumed: str | None
) -> tuple[Preprocessing | None, tuple[str, ...]]:
    """Return the preprocessing that a model is known or seen to want, and what was assumed."""
    if takes.channels == 3 and (known := application or assumed) is not None:
        note = (
            f"{name}: photos were prepared as for {known} of keras.applications; set preprocessing if the "
            "model needs another"
        )
        return preprocessing_of_application(known, takes.layout), () if application else (note,)
    if takes_bytes(model):
        order: Any = "gray" if takes.channels == 1 else "RGB"
        own = PREPROCESSINGS["0..255"].replace(size=takes.fixed, layout=takes.layout, order=order)
        return own, (
            (
                f"{name}: its first layer rescales, so photos are passed in 0..255; set preprocessing if the "
                "model needs another range"
            ),
        )
    return None, ()


def _contradicted(model: Any, preprocessing: Preprocessing, name: str) -> tuple[str, ...]:
    """Return a note where a model rescales 0..255 by itself and is given something else."""
    low, high = preprocessing.ends
    if high - low > _BYTES or not takes_bytes(model):
        return ()
    made = f"preprocessing makes {low:.3g}..{high:.3g}"
    return (f"{name}: its first layer rescales 0..255, but {made}; give preprocessing='0..255', or none",)


def _classes(model: Any) -> int | None:
    outputs = getattr(model, "outputs", None)
    return outputs[0].shape[-1] if outputs else None


def _asker(model: Any, takes: Takes, read: Reader) -> Callable[[Any], Scores]:
    """Return what asks a model, without training and without gradients: numbers (B, N) for a batch."""
    keras = _keras()
    ways = {"torch": _in_torch, "tensorflow": _in_tensorflow, "jax": _in_jax}
    call = ways.get(keras.backend.backend(), _in_any)(model)

    def ask(batch: Batch) -> Scores:
        answer = array(read(call(cast_to(takes.type, batch)))).astype(np.float32)
        if answer.ndim != 2 and answer.size != len(answer) * max(answer.shape[1:], default=1):
            msg = f"it must return one row of numbers per image, returned {answer.shape} for {len(batch)} images"
            raise ModelError(msg, setting="model", rule="return one row of numbers per image")
        return answer.reshape(len(answer), -1)

    return ask


def _asker_again(model: Any, takes: Takes, read: Reader, name: str) -> Callable[[Any], Scores]:
    """Return the same in a forked process, which torch alone of the backends survives."""
    from seewhy.models.torch.runtime import settle_threads

    if _keras().backend.backend() != "torch":
        raise unforkable(name)
    settle_threads(need("torch", "torch"))
    return _asker(model, takes, read)


def _in_any(model: Any) -> Callable[[Any], Any]:
    return lambda batch: model(batch, training=False)


def _in_torch(model: Any) -> Callable[[Any], Any]:
    from seewhy.models.torch.runtime import in_eval_mode

    torch = need("torch", "torch")

    def call(batch: Any) -> Any:
        with torch.no_grad(), in_eval_mode(model):
            return model(batch, training=False)

    return call


def _in_tensorflow(model: Any) -> Callable[[Any], Any]:
    if model.run_eagerly:
        return _in_any(model)
    tensorflow = need("tensorflow", "keras")
    graph: Callable[[Any], Any] = tensorflow.function(_in_any(model), reduce_retracing=True)
    return lambda batch: graph(tensorflow.constant(batch))


def _in_jax(model: Any) -> Callable[[Any], Any]:
    if not model.built:
        return _in_any(model)
    jax = need("jax", "keras")
    pure = jax.jit(lambda trained, other, batch: model.stateless_call(trained, other, batch, training=False)[0])
    return lambda batch: pure(
        [one.value for one in model.trainable_variables], [one.value for one in model.non_trainable_variables], batch
    )
