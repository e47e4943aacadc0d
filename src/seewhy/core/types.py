"""The arrays that travel between modules, each with its shape, type and range."""

import os
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Pixels: TypeAlias = NDArray[np.float32]
"""(H, W, C), 0..1: a picture before any preprocessing of the model."""

Segments: TypeAlias = NDArray[np.int32]
"""(H, W), ids 0..d-1 without gaps; on the original photo -1 marks what the model did not see."""

Coalitions: TypeAlias = NDArray[np.bool_]
"""(B, d): True keeps the segment or grid cell, False replaces it by the fill."""

Shifts: TypeAlias = NDArray[np.int32]
"""(B, 2): how far down and right the grid of a RISE mask is moved, in pixels."""

Masks: TypeAlias = NDArray[np.float32]
"""(B, H, W), 0..1: 1 keeps the pixel, 0 replaces it by the fill."""

Scores: TypeAlias = NDArray[np.float32]
"""(B, K): what the model answers, in the model's unit."""

Heatmap: TypeAlias = NDArray[np.float32]
"""(H, W): attribution per pixel, in the unit of the score."""

Floats: TypeAlias = NDArray[np.float64]

Batch: TypeAlias = NDArray[np.float32]
"""Preprocessed pictures in the model's own layout: (B, H, W, C) or (B, C, H, W)."""

Unit: TypeAlias = Literal["probability", "log-odds", "score"]
"""Unit of a target's score; "score" is the model's raw output (a logit, if it is a softmax head)."""

ScoreKind: TypeAlias = Literal["probability", "logit", "score"]
"""What a model's outputs are: probabilities, logits of a softmax, or numbers of no stated kind."""

Sign: TypeAlias = Literal["auto", "positive", "negative", "both"]
"""Positive supports the class, negative contradicts it; auto: both for segments, positive for maps."""

JsonObject: TypeAlias = dict[str, Any]
FilePath: TypeAlias = str | os.PathLike[str]
