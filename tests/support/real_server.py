"""Serves the planted model by a real model server, of an environment of its own: ``real_server.py NAME PORT``."""

import asyncio
import socket
import sys

import numpy as np
from served_planted import HEIGHT, WIDTH, planted_nchw

INPUT = {"name": "pictures", "datatype": "FP32", "shape": [-1, 3, HEIGHT, WIDTH]}
OUTPUT = {"name": "scores", "datatype": "FP32", "shape": [-1, 3]}


def serve_kserve(port):
    from kserve import InferOutput, InferResponse, Model, ModelServer
    from kserve.protocol.rest.server import RESTServer

    class Planted(Model):
        def load(self):
            self.ready = True
            return True

        async def get_input_types(self):
            return [INPUT]

        async def get_output_types(self):
            return [OUTPUT]

        def predict(self, payload, headers=None, response_headers=None):
            scores = planted_nchw(payload.inputs[0].as_numpy())
            output = InferOutput(name="scores", shape=list(scores.shape), datatype="FP32")
            output.set_data_from_numpy(scores, binary_data=False)
            outputs = payload.request_outputs
            return InferResponse(payload.id, self.name, [output], requested_outputs=outputs)

    model = Planted("planted")
    model.load()
    server = ModelServer(http_port=port, enable_grpc=False, workers=1)
    server.register_model(model)
    rest = RESTServer("kserve.model_server:app", server.dataplane, server.model_repository_extension, port)
    rest.config.host = "127.0.0.1"
    asyncio.run(rest.start())


def serve_mlserver(port):
    from mlserver import MLModel, MLServer, ModelSettings, Settings
    from mlserver.codecs import NumpyCodec
    from mlserver.types import InferenceResponse

    class Planted(MLModel):
        async def predict(self, payload):
            scores = planted_nchw(NumpyCodec.decode_input(payload.inputs[0]).astype(np.float32))
            output = NumpyCodec.encode_output(name="scores", payload=scores)
            return InferenceResponse(model_name=self.name, model_version=self.version, outputs=[output])

    globals()["Planted"] = Planted  # the server looks its class up by name

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        grpc = free.getsockname()[1]
    settings = Settings(
        host="127.0.0.1", http_port=port, grpc_port=grpc, metrics_endpoint=None, parallel_workers=0, debug=False
    )
    model = ModelSettings(name="planted", implementation=Planted, inputs=[INPUT], outputs=[OUTPUT])

    async def serve():
        await MLServer(settings).start([model])

    asyncio.run(serve())


if __name__ == "__main__":
    {"kserve": serve_kserve, "mlserver": serve_mlserver}[sys.argv[1]](int(sys.argv[2]))
