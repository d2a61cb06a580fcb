import pytest
from apiflask import APIFlask
from click.testing import Result

from tests.people import JOAO, MARIA
from tests.users.conftest import Client, MakeApp, log_in, sign_up


def create(app: APIFlask, *args: str, typed: str = "") -> Result:
    return app.test_cli_runner().invoke(args=["createsuperuser", *args], input=typed)


def test_an_administrator_is_made_with_the_password_given(app: APIFlask) -> None:
    made = create(app, JOAO.full_name, JOAO.email, JOAO.password)

    assert made.exit_code == 0
    assert JOAO.password not in made.output
    assert log_in(app.test_client(), JOAO, "/auth/admin").account["group"] == "admin"


def test_the_password_is_asked_for_twice_and_never_shown(app: APIFlask) -> None:
    made = create(app, JOAO.full_name, JOAO.email, typed=f"{JOAO.password}\n{JOAO.password}\n")

    assert made.exit_code == 0
    assert JOAO.password not in made.output
    assert log_in(app.test_client(), JOAO, "/auth/admin").token


def test_there_may_be_several_administrators(app: APIFlask) -> None:
    assert create(app, JOAO.full_name, JOAO.email, JOAO.password).exit_code == 0
    assert create(app, MARIA.full_name, MARIA.email, MARIA.password).exit_code == 0


def test_an_email_that_exists_is_told_and_nothing_changes(app: APIFlask, client: Client) -> None:
    sign_up(client, MARIA)

    made = create(app, "Outra Pessoa", MARIA.email.upper(), JOAO.password)

    assert made.exit_code == 1
    assert made.output == "Error: Já existe uma conta com este e-mail.\n"
    assert log_in(client, MARIA).account["group"] == "users"


@pytest.mark.parametrize(
    ("args", "field"),
    [
        (("J", JOAO.email, JOAO.password), "full_name"),
        ((JOAO.full_name, "joao", JOAO.password), "email"),
        ((JOAO.full_name, JOAO.email, "curta"), "password"),
    ],
)
def test_what_is_wrong_is_named(app: APIFlask, args: tuple[str, ...], field: str) -> None:
    made = create(app, *args)

    assert made.exit_code == 1
    assert made.output.startswith(f"Error: {field}: ")


def test_a_database_that_is_away_is_a_clear_error(make_app: MakeApp) -> None:
    app = make_app(MONGO_URL="mongodb://127.0.0.1:9/")

    made = create(app, JOAO.full_name, JOAO.email, JOAO.password)

    assert made.exit_code == 1
    assert "confira MONGO_URL" in made.output
