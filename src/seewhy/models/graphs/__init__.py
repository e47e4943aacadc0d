"""Files of ONNX, OpenVINO and TFLite."""
