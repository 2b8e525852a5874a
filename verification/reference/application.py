"""What the two implementations' FastAPI applications have in common: nothing but their frame."""

from __future__ import annotations

from fastapi import Depends, FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse


async def _force_domain(force_domain: bool | None = None) -> None:  # noqa: ARG001, FBT001, RUF100 - declared for its 422
    """The routing has read this parameter; declaring it answers 422 where it is no boolean."""


def new_application() -> FastAPI:
    """An empty application whose every route knows `force_domain`. Handlers are async functions that do their short
    synchronous work inline: a thread pool would cost more, and add more noise, than the work itself."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, dependencies=[Depends(_force_domain)])
    app.add_exception_handler(RequestValidationError, _unprocessable)
    return app


async def _unprocessable(_request: Request, error: Exception) -> JSONResponse:
    """FastAPI's own 422, which it cannot write where the input is no UTF-8 or holds what JSON does not know."""
    errors = list(error.errors()) if isinstance(error, RequestValidationError) else []
    decoders = {bytes: lambda value: value.decode(errors="backslashreplace")}
    try:
        return JSONResponse({"detail": jsonable_encoder(errors, custom_encoder=decoders)}, status_code=422)
    except (ValueError, RecursionError):
        shown = [{key: value for key, value in item.items() if key != "input"} for item in errors]
        return JSONResponse({"detail": jsonable_encoder(shown)}, status_code=422)
