"""Real pages and payloads, value by value. They are kept outside the project; see `saved.shared`.

Names of people are read from the payload, so that none stands here.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.worker.sources.saved import SHARED, shared
from worker.sources import receita_page, registry
from worker.sources.company import Company
from worker.sources.errors import (
    Captcha,
    InvalidCnpj,
    LayoutChanged,
    NotFound,
    RateLimited,
    SourceError,
    Unavailable,
    WrongCompany,
)

EMPTY = Company(cnpj="").as_dict()
LOST = "\ufffd"

TRIBUNAL = EMPTY | {
    "cnpj": "21154877000107",
    "matriz_filial": "MATRIZ",
    "data_abertura": "1980-07-03",
    "nome_empresarial": "TRIBUNAL DE CONTAS DO ESTADO DE MINAS GERAIS",
    "nome_fantasia": "GABINETE DO PRESIDENTE",
    "porte": "DEMAIS",
    "atividade_principal": "84.11-6-00 - Administração pública em geral",
    "natureza_juridica": (
        "105-8 - Órgão Público do Poder Legislativo Estadual ou do Distrito Federal"
    ),
    "logradouro": "AV RAJA GABAGLIA",
    "numero": "1315",
    "cep": "30380-103",
    "bairro": "LUXEMBURGO",
    "municipio": "BELO HORIZONTE",
    "uf": "MG",
    "telefone": "(31) 3348-2382 / (31) 3348-2460",
    "efr": "MG",
    "situacao_cadastral": "ATIVA",
    "data_situacao_cadastral": "2018-09-18",
    "data_da_base": "2024-07-04",
}
CONSTANCY = EMPTY | {
    "cnpj": "46437658000166",
    "matriz_filial": "MATRIZ",
    "data_abertura": "2022-05-18",
    "nome_empresarial": "CONSTANCY DIGITAL LTDA",
    "porte": "ME",
    "atividade_principal": (
        f"82.19-9-99 - Prepara{LOST}{LOST}o de documentos e servi{LOST}os especializados de apoio "
        f"administrativo n{LOST}o especificados anteriormente"
    ),
    "atividades_secundarias": [
        f"47.61-0-01 - Com{LOST}rcio varejista de livros",
        f"58.11-5-00 - Edi{LOST}{LOST}o de livros",
        (
            f"74.90-1-04 - Atividades de intermedia{LOST}{LOST}o e agenciamento de servi{LOST}os e "
            f"neg{LOST}cios em geral, exceto imobili{LOST}rios"
        ),
    ],
    "natureza_juridica": f"206-2 - Sociedade Empres{LOST}ria Limitada",
    "logradouro": "AV AYRTON SENNA DA SILVA",
    "numero": "300",
    "complemento": "SALA 206 LETRA A",
    "cep": "86050-460",
    "bairro": "GLEBA FAZENDA PALHANO",
    "municipio": "LONDRINA",
    "uf": "PR",
    "email": "CONTATO@CONSTANCYDIGITAL.COM.BR",
    "telefone": "(11) 8494-9443",
    "situacao_cadastral": "ATIVA",
    "data_situacao_cadastral": "2022-05-18",
    "data_da_base": "2022-07-30",
}
SOME_COMPANY = EMPTY | {
    "cnpj": "11222333000106",
    "matriz_filial": "MATRIZ",
    "data_abertura": "1817-02-09",
    "nome_empresarial": "SOME COMPANY LTDA",
    "nome_fantasia": "SCOMPANY LTDA",
    "porte": "ME",
    "atividade_principal": (
        f"62.09-1-00 - Suporte técnico, manutenção e outros servi{LOST}os em tecnologia da "
        "informação"
    ),
    "atividades_secundarias": [
        "62.01-5-01 - Desenvolvimento de programas de computador sob encomenda",
        (
            "62.02-3-00 - Desenvolvimento e licenciamento de programas de computador "
            f"customiz{LOST}veis"
        ),
        (
            "62.03-1-00 - Desenvolvimento e licenciamento de programas de computador "
            f"n{LOST}o-customiz{LOST}veis"
        ),
        f"62.04-0-00 - Consultoria em tecnologia da informa{LOST}{LOST}o",
        (
            f"63.11-9-00 - Tratamento de dados, provedores de servi{LOST}os de "
            f"aplica{LOST}{LOST}o e servi{LOST}os de hospedagem na internet"
        ),
    ],
    "natureza_juridica": f"206-2 - Sociedade Empres{LOST}ria Limitada",
    "logradouro": "AV BRASIL",
    "numero": "100",
    "complemento": "LJ 204",
    "cep": "31000-000",
    "bairro": "CENTRO",
    "municipio": "BELO HORIZONTE",
    "uf": "MG",
    "email": "SOME-EMAIL@GMAIL.COM",
    "telefone": "(31) 9999-8877",
    "situacao_cadastral": "ATIVA",
    "data_situacao_cadastral": "2017-02-09",
    "data_da_base": "2023-06-01",
}
PAGES = [
    ("html/certificate-g2-2024-windows-1252.html", TRIBUNAL),
    ("html/certificate-g2-2022-lost-accents.html", CONSTANCY),
    ("html/certificate-g2-lost-accents-edited.html", SOME_COMPANY),
]


@pytest.mark.parametrize(("name", "expected"), PAGES)
def test_a_certificate_gives_every_field(name: str, expected: dict[str, Any]) -> None:
    assert receita_page.parse(shared(name), expected["cnpj"]).as_dict() == expected


def test_the_same_certificate_in_utf_8_gives_the_same_company() -> None:
    page = shared(PAGES[0][0]).decode("windows-1252")

    assert receita_page.parse(page.encode()).as_dict() == TRIBUNAL


def test_the_same_certificate_with_lost_accents_lacks_only_those_letters() -> None:
    page = shared(PAGES[0][0]).decode("windows-1252")
    lost = "".join(char if char.isascii() else LOST for char in page)

    found = json.dumps(receita_page.parse(lost.encode()).as_dict(), ensure_ascii=False)

    whole = json.dumps(TRIBUNAL, ensure_ascii=False)
    assert found == "".join(char if char.isascii() else LOST for char in whole)


def test_the_hidden_number_of_a_page_does_not_count() -> None:
    with pytest.raises(WrongCompany):
        receita_page.parse(shared(PAGES[2][0]), "27073405000106")


CARD_VALUES = {
    "cnpjFormatado": "12.ABC.345/01DE-35",
    "tipoEstabelecimento": "FILIAL",
    "dataAbertura": "01/08/2026",
    "nomeEmpresarial": "EMPRESA &amp; LETRAS D'ÁGUA LTDA",
    "nomeFantasia": "LETRAS",
    "porteDescricao": "EPP",
    "cnaePrincipal.cnaeFormatada": "62.01-5-01 - Desenvolvimento de programas - sob encomenda",
    "cnaeFormatada": "58.11-5-00 - Edição de livros",
    "codigoNaturezaJuridica": "206-2",
    "descricaoNaturezaJuridica": "Sociedade Empresária Limitada",
    "nomeLogradouro": "R SÃO JOÃO",
    "numero": "SN",
    "complemento": "SALA 2",
    "cep": "01.001-000",
    "bairro": "SÉ",
    "municipio": "SÃO PAULO",
    "uf": "SP",
    "email": "CONTATO@LETRAS.EXAMPLE",
    "numerosTelefone": "(11) 3348-2382/ (11) 93348-2248",
    "descricaoEnteFederativoResponsavel": "*****",
    "descricaoSituacaoCadastral": "BAIXADA",
    "dataSituacaoCadastral": "02/08/2026",
    "descricaoMotivoSituacao": "Extinção Por Encerramento Liquidação Voluntária",
    "nomeSituacaoEspecial": "EM LIQUIDAÇÃO",
    "dataSituacaoEspecial": "03/08/2026",
    "dataEmissaoConsulta": "05/08/2026",
}
LETTERS = EMPTY | {
    "cnpj": "12ABC34501DE35",
    "matriz_filial": "FILIAL",
    "data_abertura": "2026-08-01",
    "nome_empresarial": "EMPRESA & LETRAS D'ÁGUA LTDA",
    "nome_fantasia": "LETRAS",
    "porte": "EPP",
    "atividade_principal": "62.01-5-01 - Desenvolvimento de programas - sob encomenda",
    "atividades_secundarias": ["58.11-5-00 - Edição de livros"],
    "natureza_juridica": "206-2 - Sociedade Empresária Limitada",
    "logradouro": "R SÃO JOÃO",
    "numero": "SN",
    "complemento": "SALA 2",
    "cep": "01001-000",
    "bairro": "SÉ",
    "municipio": "SÃO PAULO",
    "uf": "SP",
    "email": "CONTATO@LETRAS.EXAMPLE",
    "telefone": "(11) 3348-2382 / (11) 93348-2248",
    "situacao_cadastral": "BAIXADA",
    "data_situacao_cadastral": "2026-08-02",
    "motivo_situacao_cadastral": "Extinção Por Encerramento Liquidação Voluntária",
    "situacao_especial": "EM LIQUIDAÇÃO",
    "data_situacao_especial": "2026-08-03",
    "data_da_base": "2026-08-05",
}
QSA_VALUES = {
    "cnpjFormatado": "12.ABC.345/01DE-35",
    "nomeEmpresarial": "EMPRESA &amp; LETRAS D'ÁGUA LTDA",
    "valorCapitalSocialFormatado": "200.000,00",
    "valorCapitalSocialExtenso": "Duzentos mil reais",
    "nome": "ACME HOLDINGS: LTD",
    "qualificacao": "37",
    "qualificacaoExtenso": "Sócio Pessoa Jurídica Domiciliado no Exterior",
    "paisExtenso": "URUGUAI",
    "dataEmissaoConsulta": "05/08/2026",
}
PARTNERS = {
    "quadro_societario": [
        {
            "nome": "ACME HOLDINGS: LTD",
            "qualificacao": "37-Sócio Pessoa Jurídica Domiciliado no Exterior",
        }
    ],
    "capital_social": "200000.00",
}


def test_the_new_site_s_certificate_gives_every_field_once_its_values_are_in() -> None:
    page = _filled("g3-2026-comprovante", CARD_VALUES)

    assert receita_page.parse(page.encode(), "12ABC34501DE35").as_dict() == LETTERS


def test_the_new_site_s_card_repeated_gives_all_its_activities() -> None:
    page = _filled("g3-2026-comprovante", CARD_VALUES)
    card, end = page.index('<div class="main-table-wrapper">'), page.index("<!--@if pe==k")
    first = page.index("<table", page.index("NOME EMPRESARIAL", card))
    last = page.index("CÓDIGO E DESCRIÇÃO DAS ATIVIDADES", first)
    further = (page[card:first] + page[page.rindex("<table", first, last) : end]).replace(
        "58.11-5-00 - Edição de livros", "47.61-0-01 - Comércio varejista de livros"
    )

    company = receita_page.parse((page[:end] + further + page[end:]).encode()).as_dict()

    assert company == LETTERS | {
        "atividades_secundarias": [
            "58.11-5-00 - Edição de livros",
            "47.61-0-01 - Comércio varejista de livros",
        ]
    }


def test_the_new_site_s_partners_give_every_field_once_their_values_are_in() -> None:
    page = _filled("g3-2026-qsa", QSA_VALUES)

    assert receita_page.parse(page.encode(), "12ABC34501DE35").as_dict() == EMPTY | PARTNERS | {
        "cnpj": "12ABC34501DE35",
        "nome_empresarial": "EMPRESA & LETRAS D'ÁGUA LTDA",
        "data_da_base": "2026-08-05",
    }


def test_the_new_site_s_certificate_and_partners_saved_as_one_page() -> None:
    page = _filled("g3-2026-comprovante", CARD_VALUES) + _filled("g3-2026-qsa", QSA_VALUES)

    assert receita_page.parse(page.encode()).as_dict() == LETTERS | PARTNERS


def _filled(name: str, values: dict[str, str]) -> str:
    page = shared(f"templates/{name}.html").decode()
    for placeholder, value in values.items():
        page = page.replace("{{" + placeholder + "}}", value)
    return page


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("g3-2026-cnpj-inexistente", NotFound),
        ("g3-2026-erro-ajuda", Captcha),
        ("g3-2026-solicitacao", Captcha),
        ("g3-2026-comprovante", LayoutChanged),
        ("g3-2026-qsa", LayoutChanged),
    ],
)
def test_a_template_s_outcome(name: str, error: type[SourceError]) -> None:
    with pytest.raises(error):
        receita_page.parse(shared(f"templates/{name}.html"))


@pytest.mark.parametrize("source", ["brasilapi", "minhareceita"])
def test_brasilapi_and_minha_receita(source: str) -> None:
    body = shared(f"json/{source}-19131243000197-ok.json")
    said = json.loads(body)

    assert registry.find(source).parse(body, "19131243000197").as_dict() == EMPTY | {
        "cnpj": "19131243000197",
        "matriz_filial": "MATRIZ",
        "data_abertura": "2013-10-03",
        "nome_empresarial": "OPEN KNOWLEDGE BRASIL",
        "nome_fantasia": "REDE PELO CONHECIMENTO LIVRE" if source == "brasilapi" else "",
        "porte": "DEMAIS",
        "atividade_principal": (
            "94.30-8-00 - Atividades de associações de defesa de direitos sociais"
        ),
        "atividades_secundarias": [
            "94.93-6-00 - Atividades de organizações associativas ligadas à cultura e à arte",
            "94.99-5-00 - Atividades associativas não especificadas anteriormente",
            "85.99-6-99 - Outras atividades de ensino não especificadas anteriormente",
            "82.30-0-01 - Serviços de organização de feiras, congressos, exposições e festas",
            "62.04-0-00 - Consultoria em tecnologia da informação",
        ],
        "natureza_juridica": "399-9 - Associação Privada",
        "logradouro": "AVENIDA PAULISTA 37",
        "numero": "37",
        "complemento": "ANDAR 4",
        "cep": "01311-902",
        "bairro": "BELA VISTA",
        "municipio": "SAO PAULO",
        "uf": "SP",
        "telefone": "(11) 2385-1939",
        "situacao_cadastral": "ATIVA",
        "data_situacao_cadastral": "2013-10-03",
        "motivo_situacao_cadastral": "SEM MOTIVO",
        "quadro_societario": [{"nome": said["qsa"][0]["nome_socio"], "qualificacao": "Presidente"}],
        "capital_social": "0.00",
    }


def test_cnpjws() -> None:
    body = shared("json/cnpjws-27865757000102-ok-2024.json")
    said = json.loads(body)
    secondary = said["estabelecimento"]["atividades_secundarias"]

    company = registry.find("cnpjws").parse(body, "27865757000102").as_dict()

    assert company == EMPTY | {
        "cnpj": "27865757000102",
        "matriz_filial": "MATRIZ",
        "data_abertura": "1986-01-31",
        "nome_empresarial": "GLOBO COMUNICACAO E PARTICIPACOES S/A",
        "nome_fantasia": "Tv/rede/canais/g2c+globo Globo.com Globoplay",
        "porte": "DEMAIS",
        "atividade_principal": "60.21-7-00 - Atividades de televisão aberta",
        "atividades_secundarias": [
            f"{cnae['classe']}-{cnae['subclasse'][-2:]} - {cnae['descricao']}" for cnae in secondary
        ],
        "natureza_juridica": "205-4 - Sociedade Anônima Fechada",
        "logradouro": "Rua Lopes Quintas",
        "numero": "303",
        "cep": "22460-901",
        "bairro": "Jardim Botanico",
        "municipio": "Rio de Janeiro",
        "uf": "RJ",
        "telefone": "(21) 2155-4552",
        "situacao_cadastral": "ATIVA",
        "data_situacao_cadastral": "2005-11-03",
        "quadro_societario": [
            {"nome": partner["nome"], "qualificacao": "Diretor"} for partner in said["socios"]
        ],
        "capital_social": "6983568523.86",
        "data_da_base": "2024-06-26",
    }
    assert company["atividades_secundarias"][-1].startswith("95.12-6-00 - Reparação e manutenção")
    assert len(company["quadro_societario"]) == 5


def test_cnpja() -> None:
    body = shared("json/cnpja-office-37335118000180-ok-2025.json")
    members = json.loads(body)["company"]["members"]

    company = registry.find("cnpja").parse(body, "37335118000180").as_dict()

    secondary = company.pop("atividades_secundarias")
    assert company | {"atividades_secundarias": []} == EMPTY | {
        "cnpj": "37335118000180",
        "matriz_filial": "MATRIZ",
        "data_abertura": "2020-06-05",
        "nome_empresarial": "CNPJA TECNOLOGIA LTDA",
        "nome_fantasia": "Cnpja",
        "porte": "ME",
        "atividade_principal": (
            "63.11-9-00 - Tratamento de dados, provedores de serviços de aplicação e serviços de "
            "hospedagem na internet"
        ),
        "natureza_juridica": "206-2 - Sociedade Empresária Limitada",
        "logradouro": "Avenida Brig Faria Lima",
        "numero": "2369",
        "complemento": "Conj 1102",
        "cep": "01452-922",
        "bairro": "Jardim Paulistano",
        "municipio": "São Paulo",
        "uf": "SP",
        "email": "fazenda@cnpja.com",
        "telefone": "(11) 7156-4144",
        "situacao_cadastral": "ATIVA",
        "data_situacao_cadastral": "2020-06-05",
        "quadro_societario": [
            {"nome": member["person"]["name"], "qualificacao": member["role"]["text"]}
            for member in members
        ],
        "capital_social": "1000.00",
        "data_da_base": "2025-10-15",
    }
    assert secondary[0] == ("62.01-5-01 - Desenvolvimento de programas de computador sob encomenda")
    assert secondary[-1] == "85.99-6-03 - Treinamento em informática"
    assert len(secondary) == 9


def test_receitaws() -> None:
    body = shared("json/receitaws-92666056000106-ok-2024-qsa-2phones.json")
    said = json.loads(body)

    company = registry.find("receitaws").parse(body, "92666056000106").as_dict()

    assert company == EMPTY | {
        "cnpj": "92666056000106",
        "matriz_filial": "MATRIZ",
        "data_abertura": "1971-07-26",
        "nome_empresarial": "ISLA SEMENTES LTDA.",
        "porte": "DEMAIS",
        "atividade_principal": (
            "46.89-3-99 - Comércio atacadista especializado em outros produtos intermediários não "
            "especificados anteriormente"
        ),
        "atividades_secundarias": [
            f"{entry['code']} - {entry['text']}" for entry in said["atividades_secundarias"]
        ],
        "natureza_juridica": "206-2 - Sociedade Empresária Limitada",
        "logradouro": "AVENIDA SEVERO DULLIUS",
        "numero": "124",
        "cep": "90200-310",
        "bairro": "ANCHIETA",
        "municipio": "PORTO ALEGRE",
        "uf": "RS",
        "email": "contabilidade@isla.com.br",
        "telefone": "(51) 9852-9561 / (51) 2136-6600",
        "situacao_cadastral": "ATIVA",
        "data_situacao_cadastral": "2003-10-04",
        "quadro_societario": [
            {"nome": partner["nome"], "qualificacao": partner["qual"]} for partner in said["qsa"]
        ],
        "capital_social": "10606804.00",
        "data_da_base": "2024-01-13",
    }


def test_opencnpj_with_letters() -> None:
    body = shared("json/opencnpj-openapi-example-alfanumerico.json")

    assert registry.find("opencnpj").parse(body, "12ABC34501DE35").as_dict() == EMPTY | {
        "cnpj": "12ABC34501DE35",
        "data_abertura": "2026-01-15",
        "nome_empresarial": "EMPRESA EXEMPLO LTDA",
        "nome_fantasia": "EMPRESA EXEMPLO",
        "porte": "DEMAIS",
        "atividade_principal": "62.01-5-01",
        "municipio": "SAO PAULO",
        "uf": "SP",
        "situacao_cadastral": "ATIVA",
    }


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("brasilapi-400", InvalidCnpj),
        ("brasilapi-404", NotFound),
        ("cnpja-429", RateLimited),
        ("cnpjws-429", RateLimited),
        ("minhareceita-400", InvalidCnpj),
        ("minhareceita-404", NotFound),
        ("opencnpj-404", NotFound),
        ("opencnpj-502", Unavailable),
        ("receitaws-error-cnpj-invalido", InvalidCnpj),
        ("receitaws-error-rejeitado-2024", NotFound),
    ],
)
def test_an_error_of_a_service(name: str, error: type[SourceError]) -> None:
    with pytest.raises(SourceError) as caught:
        registry.find(name.partition("-")[0]).parse(shared(f"json/{name}.json"), "00000000000191")

    assert type(caught.value) is error


def test_no_capture_is_without_its_test() -> None:
    shared(PAGES[0][0])
    said = Path(__file__).read_text()

    names = [path.stem for path in SHARED.glob("*/*") if path.is_file()]

    assert [name for name in names if name not in said and not _is_answer(name, said)] == []


def _is_answer(name: str, said: str) -> bool:
    """Tell whether a payload is named without its source, which a parameter names."""
    source, _, rest = name.partition("-")
    return f'"{source}"' in said and f"-{rest}.json" in said
