"""The limit of the API: a bare Flask view that runs one statement and returns ready bytes.

`BARE` names a JSON file: for each path its method, statement or account, and the answer's bytes.
"""

import json
import os
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher
from flask import Flask, Response, request
from pymongo import MongoClient
from sqlalchemy import create_engine, text


def create_app() -> Flask:
    """Make the app; each view does what the service's own view must do at least."""
    app = Flask("bare")
    plan: dict[str, dict[str, Any]] = json.loads(Path(os.environ["BARE"]).read_text())
    # Single statements commit themselves, as in the service.
    engine = create_engine(
        os.environ["DATABASE_URL"], pool_size=10, max_overflow=0, isolation_level="AUTOCOMMIT"
    )
    accounts: Any = MongoClient(os.environ["MONGO_URL"])[os.environ["MONGO_DATABASE"]]["accounts"]
    hasher = PasswordHasher()

    def add(name: str, step: dict[str, Any]) -> None:
        statement = text(step.get("statement", ""))
        body = step["body"].encode()

        def query() -> Response:
            with engine.connect() as connection:
                connection.execute(statement, step["values"]).all()
            return Response(body, step["status"], content_type="application/json")

        def log_in() -> Response:
            given = request.get_json()
            account = accounts.find_one({"email": given["email"]})
            hasher.verify(account["password_hash"], given["password"])
            return Response(body, step["status"], content_type="application/json")

        view = query if "statement" in step else log_in
        app.add_url_rule(step["path"], name, view, methods=[step["method"]])

    for name, step in plan.items():
        add(name, step)
    return app
