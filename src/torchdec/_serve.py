"""A model behind HTTP: rows in, clusters out. One thread predicts; requests that wait go through together."""

import asyncio
import json
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from torchdec._assigned import clusters_of
from torchdec._dec import DEC
from torchdec._version import __version__
from torchdec.prepare._features import Features
from torchdec.prepare._images import Images
from torchdec.prepare._mixed import IS_EMPTY, Mixed
from torchdec.prepare._texts import Texts
from torchdec.rows._protocol import RowsError, RowsWarning
from torchdec.rows._texts import TextRows

# Requests that wait at most; any more are told to come again.
_MOST_WAITING = 256
# Rows that are predicted in a few milliseconds.
_FEW = 64
_KINDS = {list: "lists of numbers", dict: "objects with the columns of the fit", str: "texts"}


class RefusedError(Exception):
    """A request that isn't answered, with the status that says why."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Answer(NamedTuple):
    """What is said of each row of a request, and notes on its values, as `torchdec predict` prints them."""

    predictions: list[dict[str, Any]]
    notes: list[str]


class Predictions:
    """Predicts for requests, as many at a time as wait, up to `most_rows` rows."""

    def __init__(self, model: DEC, names: Sequence[str], reject: float, most_rows: int) -> None:
        prepared = model.preparation_.prepared
        if isinstance(prepared, Images):
            raise RowsError("RUN is of pictures, which can't be served; use torchdec predict")
        self.model, self._names, self._reject, self._most_rows = model, [*names, None], reject, most_rows
        self._texts = prepared if isinstance(prepared, Texts) else None
        self._waiting: list[tuple[list[Any], asyncio.Future[Answer]]] = []
        self._task: asyncio.Task[None] | None = None

    async def of(self, rows: list[Any]) -> Answer:
        """Predict when it is the turn of these rows."""
        if len(self._waiting) >= _MOST_WAITING:
            raise RefusedError(503, "Too many requests wait; try again in a second.")
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((rows, answer))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._answer_all())
        return await answer

    async def _answer_all(self) -> None:
        while self._waiting:
            await asyncio.sleep(0)  # lets in all requests that have arrived
            batch = [self._waiting.pop(0)]
            n_rows, kind = len(batch[0][0]), type(batch[0][0][0])
            while self._waiting and type(self._waiting[0][0][0]) is kind:
                if (n_rows := n_rows + len(self._waiting[0][0])) > self._most_rows:
                    break
                batch.append(self._waiting.pop(0))
            found: Answer | Exception
            try:
                found = await self._predicted([row for rows, _ in batch for row in rows])
            except Exception as error:
                found = error
            if len(batch) == 1:
                self._settle(batch[0][1], found)
                continue
            start = 0
            for rows, answer in batch:
                if isinstance(found, Exception) or found.notes:  # of some request: each is answered by itself
                    self._settle(answer, await asyncio.to_thread(self._tried, rows))
                else:
                    self._settle(answer, Answer(found.predictions[start : start + len(rows)], []))
                start += len(rows)

    async def _predicted(self, rows: list[Any]) -> Answer:
        """Predict: many rows in a thread beside the server, few in its own, since handing them on takes longer."""
        return self._predict(rows) if len(rows) <= _FEW else await asyncio.to_thread(self._predict, rows)

    def _tried(self, rows: list[Any]) -> Answer | Exception:
        """Predict the rows of one request, where those of some other beside it may be wrong."""
        try:
            return self._predict(rows)
        except Exception as error:
            return error

    @staticmethod
    def _settle(answer: "asyncio.Future[Answer]", value: Answer | Exception) -> None:
        if answer.done():  # the client went away
            return
        if isinstance(value, Exception):
            answer.set_exception(value)
        else:
            answer.set_result(value)

    def _predict(self, rows: list[Any]) -> Answer:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("ignore")  # of names that lists have none of, which are taken by their places
            warnings.simplefilter("always", RowsWarning)
            q = np.concatenate([q for _, q in self.model.predict_chunks(self._rows(rows), reject=self._reject)])
        predictions = [
            {"cluster": cluster, "confidence": round(confidence, 6), "name": self._names[cluster] or None}
            for cluster, confidence in zip(*(each.tolist() for each in clusters_of(q)), strict=True)
        ]
        # Of gaps, which a request says itself, nothing is told.
        notes = [str(warning.message) for warning in caught if not str(warning.message).endswith(IS_EMPTY)]
        return Answer(predictions, notes)

    def _rows(self, rows: list[Any]) -> Any:
        if self._texts is not None:
            if not isinstance(rows[0], str):
                raise ValueError("rows must be texts, as those of the fit are.")
            return TextRows(rows, self._texts, self.model.preparation_.reading)
        if isinstance(rows[0], str):
            raise ValueError("rows are texts, and those of the fit are not.")
        if isinstance(rows[0], dict):
            if odd := [row for row in rows if row.keys() != rows[0].keys()]:
                raise ValueError(f"rows have different columns: {sorted(rows[0])} and {sorted(odd[0])}.")
            return self._table(rows)
        if len({len(row) for row in rows}) > 1:
            raise ValueError("rows have different numbers of values.")
        try:
            if any(isinstance(value, str | list) for row in rows for value in row):
                raise TypeError
            return np.array(rows, dtype=np.float64)
        except (TypeError, ValueError, OverflowError):
            raise ValueError("rows have a value that isn't a number; give null where one is missing.") from None

    def _table(self, rows: list[dict[str, Any]]) -> pa.Table:
        """Return objects as columns: those of the fit in their order, where they have all of these."""
        columns = {}
        for name in rows[0]:
            try:
                columns[name] = pa.array([row[name] for row in rows])
            except (pa.ArrowException, UnicodeError, OverflowError) as error:
                raise ValueError(
                    f"column {name!r} holds values of several kinds ({error}); give one kind."
                ) from None
        prepared, table = self.model.preparation_.prepared, pa.table(columns)
        features = prepared.features if isinstance(prepared, Mixed) else prepared
        if isinstance(features, Features) and set(features.features) <= set(columns):
            table = table.select(list(features.features))
        return table


def application(
    model: DEC, names: Sequence[str], *, reject: float = 0.0, most_rows: int = 10_000, most_bytes: int = 2**23
) -> Starlette:
    """Make an ASGI application of a model: POST /predict, GET /health and GET /openapi.json.

    `names` are what its clusters are called, and `reject` is as in `DEC.predict`. Requests of more than
    `most_rows` rows or `most_bytes` are refused with the status 413.
    """
    predictions = Predictions(model, names, reject, most_rows)
    health = {
        "status": "ok",
        "torchdec": __version__,
        "clusters": len(model.cluster_names_),
        "features": model.n_features_in_,
    }

    async def predict(request: Request) -> Response:
        try:
            rows = _rows_of(await _body(request, most_bytes), most_rows)
            return JSONResponse((await predictions.of(rows))._asdict())
        except RefusedError as error:
            after = {"Retry-After": "1"} if error.status == 503 else None
            return JSONResponse({"error": str(error)}, error.status, after)
        except (ValueError, TypeError, OverflowError, pa.ArrowException) as error:
            return JSONResponse({"error": " ".join(str(error).split())}, 400)

    async def tell_health(_: Request) -> Response:
        return JSONResponse(health)

    async def tell_interface(_: Request) -> Response:
        return JSONResponse(_interface(most_rows))

    return Starlette(
        routes=[
            Route("/predict", predict, methods=["POST"]),
            Route("/health", tell_health),
            Route("/openapi.json", tell_interface),
        ]
    )


async def _body(request: Request, most_bytes: int) -> bytes:
    """Read what was sent, up to the limit."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most_bytes:
            raise RefusedError(413, f"The request is larger than {most_bytes:,} bytes; send fewer rows at a time.")
        parts.append(part)
    return b"".join(parts)


def _rows_of(body: bytes, most_rows: int) -> list[Any]:
    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} isn't JSON")

    try:
        sent = json.loads(body, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise RefusedError(400, f"The request isn't JSON ({' '.join(str(error).split())}).") from None
    rows = sent.get("rows") if isinstance(sent, dict) else None
    if not isinstance(rows, list) or not rows:
        raise RefusedError(400, 'The request must be {"rows": [...]} with at least one row.')
    if len(rows) > most_rows:
        raise RefusedError(413, f"The request has {len(rows):,} rows; send up to {most_rows:,} at a time.")
    if type(rows[0]) not in _KINDS or any(type(row) is not type(rows[0]) for row in rows):
        raise RefusedError(400, f"rows must all be {', or all '.join(_KINDS.values())}.")
    return rows


def _interface(most_rows: int) -> dict[str, Any]:
    """Describe the requests and answers, as OpenAPI does."""

    def answer(text: str, **properties: Any) -> dict[str, Any]:
        schema = {"type": "object", "properties": properties}
        return {"description": text, "content": {"application/json": {"schema": schema}}}

    error = {"error": {"type": "string"}}
    row = {
        "oneOf": [
            {"type": "array", "items": {"type": "number", "nullable": True}},
            {"type": "object"},
            {"type": "string"},
        ]
    }
    rows = {"type": "array", "minItems": 1, "maxItems": most_rows, "items": row}
    request = {"type": "object", "required": ["rows"], "properties": {"rows": rows}}
    prediction = {
        "type": "object",
        "properties": {
            "cluster": {"type": "integer", "description": "-1 where a row is in no cluster"},
            "confidence": {"type": "number"},
            "name": {"type": "string", "nullable": True},
        },
    }
    predict = {
        "summary": "Assign rows to clusters",
        "requestBody": {"required": True, "content": {"application/json": {"schema": request}}},
        "responses": {
            "200": answer(
                "One for each row, and what is to be told of their values",
                predictions={"type": "array", "items": prediction},
                notes={"type": "array", "items": {"type": "string"}},
            ),
            "400": answer("The rows aren't usable", **error),
            "413": answer("The request is too large", **error),
            "503": answer("Too many requests wait", **error),
        },
    }
    health = {"summary": "Whether the model is served", "responses": {"200": answer("It is")}}
    return {
        "openapi": "3.0.3",
        "info": {"title": "torchdec", "version": __version__},
        "paths": {"/predict": {"post": predict}, "/health": {"get": health}},
    }
