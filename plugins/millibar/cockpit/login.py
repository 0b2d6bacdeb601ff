"""Login: the cockpit answers nobody before Airflow knows who asks.

Airflow leaves the routes of plugins open. The check is a layer around the whole application and not a dependency of its
routes, so that a new route, a mounted folder or a path that does not exist cannot slip past it.

Any user who can log in to Airflow may view the cockpit: it shows sums over customers, never a customer.
"""

from __future__ import annotations

from html import escape
from urllib.parse import urlencode

from airflow.api_fastapi.app import API_ROOT_PATH
from airflow.api_fastapi.core_api.security import bearer_scheme, get_user
from fastapi import HTTPException, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

VIEW_IN_AIRFLOW = f"{API_ROOT_PATH}plugin/millibar"
LOGIN = f"{API_ROOT_PATH}api/v2/auth/login?{urlencode({'next': VIEW_IN_AIRFLOW})}"
POLICY_VIOLATION = 1008

SIGN_IN_PAGE = f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="color-scheme" content="light dark"><title>Millibar: sign in</title></head>
<body>
<h1>Please sign in</h1>
<p>The Millibar cockpit is open to everybody who can log in to this Airflow.</p>
<p><a href="{escape(LOGIN, quote=True)}">Log in to Airflow</a></p>
</body>
</html>
"""


class LoginRequired:
    """ASGI layer: passes a request on when Airflow's auth manager accepts its token, answers 401 otherwise.

    The token is the one Airflow's own routes take: ``Authorization: Bearer``, or the ``_token`` cookie of a browser.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] != "http":  # the cockpit has no websocket
            await WebSocketClose(POLICY_VIOLATION)(scope, receive, send)
        elif await is_logged_in(request := Request(scope, receive)):
            await self.app(scope, receive, send)
        else:
            await _refusal(request)(scope, receive, send)


async def is_logged_in(request: Request) -> bool:
    """Whether Airflow accepts the request's token; an expired, revoked or broken one is as good as none.

    Airflow answers 403 to a token it cannot read: to a person that means the same as 401, "sign in again".
    """
    try:
        await get_user(request, None, await bearer_scheme(request))
    except HTTPException as refusal:
        if refusal.status_code in (401, 403):
            return False
        raise
    return True


def _refusal(request: Request) -> Response:
    challenge = {"WWW-Authenticate": "Bearer"}
    if "text/html" in request.headers.get("accept", ""):
        return HTMLResponse(SIGN_IN_PAGE, status_code=401, headers=challenge)
    return JSONResponse({"detail": "Log in to Airflow first."}, status_code=401, headers=challenge)
