"""The pages' Flask app, for gunicorn."""

from functools import partial
from typing import Any

from apiflask import APIFlask
from flask_wtf.csrf import CSRFProtect

from core import logs, official_page, settings, web, words
from core.broker.publisher import Publisher
from web import (
    access,
    accounts,
    admin,
    agenda,
    assets,
    backends,
    certificate,
    companies,
    errors,
    exports,
    formats,
    home,
    imports,
    jobs,
    profile,
    recovery,
    repetition,
    results,
    security,
    sessions,
    states,
)
from web.icons import icon
from web.pieces import piece
from web.settings import WebSettings

MAX_FORM_BYTES = 6_000_000
PAGES = (
    home,
    accounts,
    recovery,
    profile,
    agenda,
    jobs,
    results,
    companies,
    imports,
    exports,
    admin,
)


def create_app() -> APIFlask:
    """Make the app from the environment; a bad setting ends the process with its name."""
    config = settings.load(WebSettings)
    logs.configure(config, "web")
    publisher = Publisher(config, "web")
    # web.assets serves the files, compressed and for ever.
    app = APIFlask(
        "web",
        enable_openapi=False,
        json_errors=False,
        static_folder=None,  # type: ignore[arg-type] # as Flask takes it
    )
    app.config.update(
        SECRET_KEY=config.secret_key.get_secret_value(),
        MAX_CONTENT_LENGTH=MAX_FORM_BYTES,
        WTF_CSRF_TIME_LIMIT=None,  # a form stays good as long as its session
    )
    web.trace_requests(app)
    security.configure(app)
    errors.configure(app, publisher)
    services = backends.configure(app, config)
    sessions.configure(app, services.users)
    CSRFProtect(app)
    access.configure(app)
    assets.configure(app)
    formats.configure(app)
    app.context_processor(_person)
    app.jinja_env.globals.update(
        words=words,
        states=states,
        certificate=certificate,
        repetition=repetition,
        theme=accounts.theme,
        today_date=formats.today,
        icon=icon,
        piece=piece,
        official_page=partial(official_page.address, str(config.official_page_url)),
    )
    for module in PAGES:
        app.register_blueprint(module.bp)
    web.add_health(
        app,
        {
            "users": services.users.check,
            "agendador": services.agendador.check,
            "broker": web.broker_check(publisher),
        },
    )
    return app


def _person() -> dict[str, Any]:
    return {"person": sessions.person()}
