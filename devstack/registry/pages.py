"""The registry's pages, as bytes: the certificate of a company and the pages that say no."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined

from core.documents import format_cnpj
from devstack.registry.company import Company, company

ENCODING = "windows-1252"
BRASILIA = ZoneInfo("America/Sao_Paulo")
ABSENT = "*" * 8
ABSENT_STATE = "*" * 2
ABSENT_BODY = "*" * 5
LABELS = {"nome_empresarial": "NOME EMPRESARIAL", "situacao_cadastral": "SITUAÇÃO CADASTRAL"}
STRANGE_LABELS = {"nome_empresarial": "RAZÃO OU FIRMA", "situacao_cadastral": "ESTADO NO CADASTRO"}
NOTE = (
    "(*) A dispensa de alvarás e licenças é direito do empreendedor que atende aos requisitos "
    "legais."
)
HEADING = "Emissão de Comprovante de Inscrição e de Situação Cadastral"
CHECK = "Por favor, complete a verificação do captcha."
REFUSALS = {
    "not_found": (
        "Não existe no Cadastro de Pessoas Jurídicas o número de CNPJ informado. "
        "Verifique se o mesmo foi digitado corretamente."
    ),
    "invalid": "O número do CNPJ não é válido. Verifique se o mesmo foi digitado corretamente.",
    "busy": ("No momento não podemos atender a sua solicitação. Por favor tente mais tarde."),
}

_templates = Environment(
    loader=PackageLoader("devstack.registry"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=False,
    undefined=StrictUndefined,
)


def certificate(asked: str, *, shown: str | None = None, strange: bool = False) -> bytes:
    """Return the page of a valid CNPJ.

    ``shown`` is the company to show when it is another than the one asked for; ``strange`` gives
    a page on which two labels have other names.
    """
    return _render(
        "certificate.html",
        asked=asked,
        page=_printed(company(shown or asked)),
        labels=STRANGE_LABELS if strange else LABELS,
        issued=datetime.now(BRASILIA),
    )


def refusal(reason: str) -> bytes:
    """Return the page that refuses, for a reason of ``REFUSALS``."""
    return _render("refusal.html", heading=HEADING, text=REFUSALS[reason])


def check(cnpj: str) -> bytes:
    """Return the page that asks for a person, the CNPJ filled in."""
    return _render("check.html", heading=HEADING, text=CHECK, cnpj=cnpj)


def _render(template: str, **values: object) -> bytes:
    text = _templates.get_template(template).render(values)
    return text.encode(ENCODING, "xmlcharrefreplace")


def _printed(it: Company) -> dict[str, str | list[str]]:
    """Say a company's data in the way in which the page prints it."""
    secondary = list(it.atividades_secundarias)
    waived = len(secondary) > 1
    return {
        "cnpj": format_cnpj(it.cnpj),
        "matriz_filial": it.matriz_filial,
        "data_abertura": _day(it.data_abertura),
        "nome_empresarial": it.nome_empresarial,
        "nome_fantasia": it.nome_fantasia or ABSENT,
        "porte": it.porte,
        "atividade_principal": it.atividade_principal,
        "atividades_secundarias": [
            f"{activity} (Dispensada *)" if waived else activity for activity in secondary
        ]
        or ["Não informada"],
        "marca_atividades": " (*)" if waived else "",
        "nota_atividades": NOTE if waived else "",
        "natureza_juridica": it.natureza_juridica,
        "logradouro": it.logradouro or ABSENT,
        "numero": it.numero or ABSENT,
        "complemento": it.complemento or ABSENT,
        "cep": f"{it.cep[:2]}.{it.cep[2:]}" if it.cep else ABSENT,
        "bairro": it.bairro or ABSENT,
        "municipio": it.municipio or ABSENT,
        "uf": it.uf or ABSENT_STATE,
        "email": it.email,
        "telefone": "/ ".join(it.telefones),
        "efr": it.efr or ABSENT_BODY,
        "situacao_cadastral": it.situacao_cadastral,
        "data_situacao_cadastral": _day(it.data_situacao_cadastral),
        "motivo_situacao_cadastral": it.motivo_situacao_cadastral,
        "situacao_especial": it.situacao_especial or ABSENT,
        "data_situacao_especial": _day(it.data_situacao_especial),
    }


def _day(day: date | None) -> str:
    return day.strftime("%d/%m/%Y") if day else ABSENT
