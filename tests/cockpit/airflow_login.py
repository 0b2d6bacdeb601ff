"""Tokens as Airflow's auth manager makes and checks them."""

from __future__ import annotations

from dataclasses import dataclass, field

from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser


@dataclass
class Login:
    """Airflow's simple auth manager and the ids of the tokens it has revoked."""

    manager: SimpleAuthManager
    revoked: set[str] = field(default_factory=set)

    def token(self, *, role: str = "VIEWER", lives_seconds: int = 600) -> str:
        user = SimpleAuthManagerUser(username="anna", role=role, teams=[])
        return self.manager.generate_jwt(user, expiration_time_in_seconds=lives_seconds)
