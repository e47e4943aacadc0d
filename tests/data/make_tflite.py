"""Write the small .tflite files beside this script: ``python make_tflite.py``, with TensorFlow, which no test needs."""

from pathlib import Path

import numpy as np
import tensorflow as tf

HERE = Path(__file__).parent
SIZE = 16
RNG = np.random.default_rng(0)
KERNEL = RNG.normal(size=(3, 3, 3, 4)).astype(np.float32)
THREE, MANY = (RNG.normal(size=(4, n)).astype(np.float32) * 2 for n in (3, 1001))


def convolved(pictures, weights):
    """Return logits of (B, 16, 16, 3) in 0..1: one convolution, the mean over places, one dense layer."""
    features = tf.nn.relu(tf.nn.conv2d(pictures, KERNEL, 2, "VALID"))
    return tf.linalg.matmul(tf.reduce_mean(features, axis=(1, 2)), weights)


def corner(pictures):
    """Return how bright the top left quarter is, and how dark; one picture alone, as its reshape says."""
    mean = tf.reduce_mean(pictures[:, : SIZE // 2, : SIZE // 2])
    return tf.reshape(tf.stack([mean, 1 - mean]), (1, 2))


def converter(function, batch):
    spec = tf.TensorSpec((batch, SIZE, SIZE, 3), tf.float32)
    return tf.lite.TFLiteConverter.from_concrete_functions([tf.function(function).get_concrete_function(spec)])


def quantized(function, batch, kind):
    made = converter(function, batch)
    made.optimizations = [tf.lite.Optimize.DEFAULT]
    made.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    made.inference_input_type = made.inference_output_type = kind
    samples = np.random.default_rng(1).random((50, 1, SIZE, SIZE, 3), dtype=np.float32)
    samples[0], samples[1] = 0, 1
    made.representative_dataset = lambda: ([sample] for sample in samples)
    return made.convert()


def main():
    files = {
        "float": converter(lambda x: tf.nn.softmax(convolved(x, THREE)), None).convert(),
        "logits": converter(lambda x: convolved(x, THREE), None).convert(),
        "corner": converter(corner, 1).convert(),
        "uint8": quantized(lambda x: tf.nn.softmax(convolved(x, MANY)), 1, tf.uint8),
        "int8": quantized(lambda x: convolved(x, THREE), 1, tf.int8),
    }
    for name, content in files.items():
        (HERE / f"tiny_{name}.tflite").write_bytes(content)
    np.savez(HERE / "tiny_tflite_weights.npz", kernel=KERNEL, three=THREE)


if __name__ == "__main__":
    main()
