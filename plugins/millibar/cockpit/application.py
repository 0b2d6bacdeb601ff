"""Application: the cockpit's routes, behind Airflow's login, over the newest publication."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import jinja2
from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from millibar.cockpit import chart_library, view
from millibar.cockpit.login import LoginRequired
from millibar.cockpit.reading import FiguresUnavailableError, PublishedFigures
from millibar.settings import Settings

HERE = Path(__file__).parent
RETRY_AFTER_SECONDS = 10
FILES_KEPT = "private, max-age=3600"

# Scripts and styles from files of this application only, framed by this Airflow only.
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
    ),
    "X-Frame-Options": "SAMEORIGIN",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class SecurityHeaders:
    """ASGI layer: every answer carries the security headers, and is not kept by caches unless it says so itself."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self.app(scope, receive, send_with_headers)


class KeptFiles(StaticFiles):
    """Static files that the browser keeps for an hour: their addresses change with their contents."""

    def file_response(self, *arguments: Any, **options: Any) -> Response:
        response = super().file_response(*arguments, **options)
        response.headers["Cache-Control"] = FILES_KEPT
        return response


def build_application(find_settings: Callable[[], Settings] = Settings.from_environment) -> FastAPI:
    """The cockpit as a FastAPI application, to be mounted under any path of the API server."""
    application = FastAPI(title="Millibar cockpit", docs_url=None, redoc_url=None, openapi_url=None)
    application.add_middleware(LoginRequired)
    application.add_middleware(SecurityHeaders)  # added last, so outermost: refusals carry the headers too
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.globals["release"] = _release()
    templates.globals["sheet_ids"] = chart_library.sheet_ids()
    figures = PublishedFigures(find_settings)

    def write(template: str, status: int = 200, **content: Any) -> HTMLResponse:
        return HTMLResponse(templates.get_template(template).render(content), status_code=status)

    @application.get("/")
    def page(model: str = "", measure: str = "") -> HTMLResponse:
        snapshot = figures.current()
        if snapshot is None:
            return write("empty.html")
        return write("page.html", **view.page(snapshot, model, measure))

    @application.get("/figures.json")
    def charts() -> JSONResponse:
        return JSONResponse(view.charts(figures.current()))

    @application.get("/plotly.min.js")
    def plotly_script() -> FileResponse:
        headers = {"Cache-Control": FILES_KEPT}
        return FileResponse(chart_library.script_path(), media_type="text/javascript", headers=headers)

    @application.exception_handler(FiguresUnavailableError)
    def unavailable(request: Request, fault: FiguresUnavailableError) -> Response:
        retry = {"Retry-After": str(RETRY_AFTER_SECONDS)}
        if request.url.path.endswith(".json"):
            return JSONResponse({"detail": str(fault)}, status_code=503, headers=retry)
        response = write("unavailable.html", 503, message=str(fault))
        response.headers.update(retry)
        return response

    @application.exception_handler(Exception)
    def failed(request: Request, fault: Exception) -> Response:
        # This answer is written outside every layer; the traceback goes to the API server's log.
        headers = {**SECURITY_HEADERS, "Cache-Control": "no-store"}
        return JSONResponse({"detail": "The cockpit failed. See the API server's log."}, 500, headers=headers)

    application.mount("/static", KeptFiles(directory=HERE / "static"), name="static")
    return application


def _release() -> str:
    """Changes when a static file or the chart library does, so that browsers fetch them anew."""
    contents = b"".join(path.read_bytes() for path in sorted((HERE / "static").iterdir()))
    return sha256(contents + chart_library.fingerprint()).hexdigest()[:12]
