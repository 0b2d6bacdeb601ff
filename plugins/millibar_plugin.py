"""The only file Airflow discovers: puts the page "Millibar" into Airflow's navigation.

Every Airflow process imports this file, so it imports nothing of the library: the page is built in the API server, at
the first request for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin

PATH = "/millibar"

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]


class CockpitAtFirstRequest:
    """ASGI application that builds the cockpit when it is first asked for something."""

    def __init__(self) -> None:
        self._application: Application | None = None
        self._building = asyncio.Lock()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if self._application is None:
            async with self._building:
                if self._application is None:
                    # The imports take a second: in a thread, so that the API server answers others meanwhile.
                    self._application = await asyncio.to_thread(_build)
        await self._application(scope, receive, send)


def _build() -> Application:
    from millibar.cockpit.application import build_application

    return build_application()


class MillibarPlugin(AirflowPlugin):
    """The cockpit: served under /millibar by the API server, shown in a frame under /plugin/millibar."""

    name = "millibar"
    fastapi_apps: ClassVar[list[dict[str, Any]]] = [
        {"app": CockpitAtFirstRequest(), "url_prefix": PATH, "name": "Millibar cockpit"}
    ]
    # Addresses without a leading slash follow Airflow's base URL, also where it has a path.
    external_views: ClassVar[list[dict[str, Any]]] = [
        {
            "name": "Millibar",
            "href": f"{PATH.lstrip('/')}/",
            "destination": "nav",
            "url_route": "millibar",
            "icon": f"{PATH.lstrip('/')}/static/icon.svg",
            "nav_top_level": True,
        }
    ]
