"""The command of the assisted mode: `python -m worker assisted`."""

import argparse
import sys
from getpass import getpass
from typing import Any

from core import official_page, settings
from core.documents import format_cnpj
from worker.assisted.account import Account, AccountError
from worker.assisted.settings import AssistedSettings

DESCRIPTION = """\
Abre no seu navegador a página oficial de cada consulta que espera uma pessoa. Você passa pela
verificação; o programa lê a página que aparece e a envia. Para pular uma consulta, feche a página;
para parar, feche o navegador.

USERS_URL e AGENDADOR_URL dizem onde estão os serviços. Com AGENDADOR_TOKEN não é preciso entrar.
"""
NO_PLAYWRIGHT = """\
Falta o Playwright, que abre o navegador. Instale-o com
  pip install 'agendador-de-consulta-cnpj[assisted]'
  playwright install chromium
"""
NO_BROWSER = """\
O navegador não abriu: {}
Instale um com `playwright install chromium`, ou diga onde está o seu com --browser.
"""
FAILED, UNUSABLE, STOPPED = 1, 2, 130


def add_assisted_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `assisted [--email E] [--job ID]... [--browser PROGRAM]`; its `run` returns the code."""
    parser = commands.add_parser(
        "assisted",
        help="abre a página oficial de cada consulta que espera uma pessoa",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--email", help="o da sua conta; sem ele, é perguntado")
    parser.add_argument(
        "--job", type=int, action="append", metavar="Nº", help="só esta consulta; pode repetir-se"
    )
    parser.add_argument(
        "--browser", metavar="PROGRAMA", help="um Chromium ou Chrome que já esteja instalado"
    )
    parser.set_defaults(run=assist)


def assist(options: argparse.Namespace) -> int:
    """Serve the jobs that wait; return 0 when each got its page, 1 when one did not."""
    try:
        import playwright  # noqa: F401, PLC0415 only this command needs it
    except ModuleNotFoundError:
        sys.stderr.write(NO_PLAYWRIGHT)
        return UNUSABLE
    config = settings.load(AssistedSettings)
    account = Account(config)
    try:
        if not config.agendador_token.get_secret_value():
            account.log_in(options.email or input("E-mail: "), getpass("Senha: "))
        jobs = [job for job in account.waiting() if not options.job or job["id"] in options.job]
        return _serve(jobs, account, str(config.official_page_url), options.browser)
    except AccountError as exc:
        sys.stderr.write(f"{exc}\n")
        return FAILED
    except KeyboardInterrupt:
        return STOPPED


def _serve(jobs: list[dict[str, Any]], account: Account, url: str, program: str | None) -> int:
    from worker.assisted import browser  # noqa: PLC0415 Playwright is optional

    if not jobs:
        print("Nenhuma consulta espera por você.")
        return 0
    given = 0
    try:
        with browser.visible(program) as window:
            for number, job in enumerate(jobs, start=1):
                if not browser.is_open(window):
                    break
                print(f"{number}/{len(jobs)} {job['title']}: {format_cnpj(job['cpf_cnpj'])}")
                address = official_page.address(url, job["cpf_cnpj"])
                page = browser.certificate(window, address, job["cpf_cnpj"])
                given += page is not None and _give(account, job["id"], page)
    except browser.BrowserError as exc:
        sys.stderr.write(NO_BROWSER.format(exc))
        return UNUSABLE
    print(f"{given} de {len(jobs)} páginas enviadas.")
    return 0 if given == len(jobs) else FAILED


def _give(account: Account, job_id: int, page: bytes) -> bool:
    """Send a page and tell whether it was taken; the next job has its turn either way."""
    try:
        account.give(job_id, page)
    except AccountError as exc:
        sys.stderr.write(f"A consulta {job_id} não recebeu a página: {exc}\n")
        return False
    return True
