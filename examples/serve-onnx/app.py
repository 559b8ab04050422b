"""An exported model behind HTTP, which answers as `torchdec serve` does and needs neither torch nor torchdec."""

import asyncio
import json
import os

import numpy as np
import onnxruntime
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

MOST_BYTES = 2**23

session = onnxruntime.InferenceSession(os.environ["MODEL"], providers=["CPUExecutionProvider"])
names = [*json.loads(session.get_modelmeta().custom_metadata_map["cluster_names"]), None]
given = session.get_inputs()[0]
dtype, width = np.float64 if given.type == "tensor(double)" else np.float32, given.shape[1]


async def predict(request: Request) -> JSONResponse:
    """Answer {"rows": [[...], ...]} with the cluster of each row."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            return JSONResponse({"error": f"The request is larger than {MOST_BYTES:,} bytes."}, 413)
    try:
        rows = np.array(json.loads(body)["rows"], dtype)
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError):
        rows = np.empty(0)
    if rows.ndim != 2 or rows.shape[1] != width:
        return JSONResponse({"error": f'The request must be {{"rows": [...]}}, each of {width} numbers.'}, 400)
    outputs = ["labels", "probabilities"]
    labels, probabilities = await asyncio.to_thread(session.run, outputs, {given.name: rows})
    predictions = [
        {"cluster": cluster, "confidence": round(confidence, 6), "name": names[cluster] or None}
        for cluster, confidence in zip(labels.tolist(), probabilities.max(axis=1).tolist(), strict=True)
    ]
    return JSONResponse({"predictions": predictions})


async def health(_: Request) -> JSONResponse:
    """Tell that the model is there."""
    return JSONResponse({"status": "ok", "clusters": len(names) - 1, "features": width})


app = Starlette(routes=[Route("/predict", predict, methods=["POST"]), Route("/health", health)])
