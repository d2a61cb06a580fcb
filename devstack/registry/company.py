"""A company for any CNPJ: invented, and always the same for the same CNPJ."""

import hashlib
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Any

from core.documents import parse_cnpj

FIRST_ORDER = "0001"

# Facts of the official tables (CNAE 2.3, natureza jurídica, motivos de situação cadastral).
ACTIVITIES = (
    (
        "10.91-1-02 - Fabricação de produtos de padaria e confeitaria com predominância de "
        "produção própria"
    ),
    (
        "33.14-7-10 - Manutenção e reparação de máquinas e equipamentos para uso geral não "
        "especificados anteriormente"
    ),
    "41.20-4-00 - Construção de edifícios",
    "43.21-5-00 - Instalação e manutenção elétrica",
    "45.20-0-01 - Serviços de manutenção e reparação mecânica de veículos automotores",
    "46.39-7-01 - Comércio atacadista de produtos alimentícios em geral",
    (
        "47.12-1-00 - Comércio varejista de mercadorias em geral, com predominância de produtos "
        "alimentícios - minimercados, mercearias e armazéns"
    ),
    "47.21-1-02 - Padaria e confeitaria com predominância de revenda",
    "47.51-2-01 - Comércio varejista especializado de equipamentos e suprimentos de informática",
    "47.81-4-00 - Comércio varejista de artigos do vestuário e acessórios",
    (
        "49.30-2-02 - Transporte rodoviário de carga, exceto produtos perigosos e mudanças, "
        "intermunicipal, interestadual e internacional"
    ),
    "56.11-2-01 - Restaurantes e similares",
    "62.01-5-01 - Desenvolvimento de programas de computador sob encomenda",
    "62.04-0-00 - Consultoria em tecnologia da informação",
    "69.20-6-01 - Atividades de contabilidade",
    "73.11-4-00 - Agências de publicidade",
    "82.11-3-00 - Serviços combinados de escritório e apoio administrativo",
    "85.99-6-04 - Treinamento em desenvolvimento profissional e gerencial",
    "86.30-5-04 - Atividade odontológica",
    "96.02-5-01 - Cabeleireiros, manicure e pedicure",
)
LEGAL_FORMS = (
    ("206-2 - Sociedade Empresária Limitada", "LTDA"),
    ("205-4 - Sociedade Anônima Fechada", "S/A"),
    ("213-5 - Empresário (Individual)", ""),
    ("224-0 - Sociedade Simples Limitada", "S/S LTDA"),
    ("214-3 - Cooperativa", ""),
    ("399-9 - Associação Privada", ""),
)
TRADES = (
    "AÇOUGUE", "COMÉRCIO DE TINTAS", "CONSTRUÇÕES", "FERRAGENS", "GRÁFICA", "INFORMÁTICA",
    "LIVRARIA", "MECÂNICA", "PADARIA", "RELÓGIOS & JOIAS", "SABÃO E ESSÊNCIAS", "TRANSPORTES",
)  # fmt: skip
PLACES = (
    "ALTO DA SERRA", "BEIRA-RIO", "CAJUÍNA", "IPÊ-AMARELO", "JATOBÁ", "MANDACARU", "PAINEIRA",
    "PEDRA D'ÁGUA", "SABIÁ & CURIÓ", "TRÊS IRMÃOS", "VÁRZEA", "ÁGUA CLARA",
)  # fmt: skip
SIGNS = ("CASA <{}>", "{} & CIA", 'O "{}"', "EMPÓRIO {}", "{}")
STREETS = (
    "AV BRASIL", "R DAS ACÁCIAS", "R QUINZE DE NOVEMBRO", "AL DOS ANJOS", "TV SÃO JOÃO",
    "ROD BR 101",
)  # fmt: skip
COMPLEMENTS = ("SALA 12", "LOJA A & B", "ANDAR 3; SALA 301", "GALPÃO 2", "KM 12", "QD 5 LT 8")
DISTRICTS = ("CENTRO", "BOA VISTA", "JARDIM AMÉRICA", "SANTO ANTÔNIO", "VILA NOVA", "INDUSTRIAL")
# Municipality, state, area code of its telephones, first two digits of its postcodes.
TOWNS = (
    ("SÃO PAULO", "SP", "11", "01"),
    ("RIO DE JANEIRO", "RJ", "21", "20"),
    ("BELO HORIZONTE", "MG", "31", "30"),
    ("JARAGUÁ DO SUL", "SC", "47", "89"),
    ("GRAVATAÍ", "RS", "51", "94"),
    ("BRASÍLIA", "DF", "61", "70"),
    ("GOIÂNIA", "GO", "62", "74"),
    ("FEIRA DE SANTANA", "BA", "75", "44"),
    ("JABOATÃO DOS GUARARAPES", "PE", "81", "54"),
    ("BELÉM", "PA", "91", "66"),
)
CLOSED = ("BAIXADA", "Extinção Por Encerramento Liquidação Voluntária")
SITUATIONS = (
    *[("ATIVA", "")] * 13,
    CLOSED,
    CLOSED,
    ("INAPTA", "Omissão De Declarações"),
)


@dataclass(frozen=True)
class Company:
    """What the registry knows about one establishment, in the form of the system's results.

    Dates are dates, ``cnpj`` has 14 characters, ``cep`` is ``NNNNN-NNN``; "" means unknown.
    """

    cnpj: str
    matriz_filial: str
    data_abertura: date
    nome_empresarial: str
    nome_fantasia: str
    porte: str
    atividade_principal: str
    atividades_secundarias: tuple[str, ...]
    natureza_juridica: str
    logradouro: str
    numero: str
    complemento: str
    cep: str
    bairro: str
    municipio: str
    uf: str
    email: str
    telefones: tuple[str, ...]
    efr: str
    situacao_cadastral: str
    data_situacao_cadastral: date
    motivo_situacao_cadastral: str
    situacao_especial: str
    data_situacao_especial: date | None


def company(cnpj: str) -> Company:
    """Invent the company of a CNPJ.

    Raises:
        core.documents.InvalidDocumentError: the CNPJ is not valid.
    """
    cnpj = parse_cnpj(cnpj)
    owner = _dice(cnpj[:8])
    unit = _dice(cnpj)
    main, *others = owner.sample(ACTIVITIES, owner.choice((1, 1, 3, 8)))
    legal_form, suffix = owner.choice(LEGAL_FORMS)
    trade, place = owner.choice(TRADES), owner.choice(PLACES)
    opened = date(1970, 1, 1) + timedelta(days=owner.randrange(18_000))
    situation, reason = unit.choice(SITUATIONS)
    special = unit.randrange(20) == 0
    return Company(
        cnpj=cnpj,
        matriz_filial="MATRIZ" if cnpj[8:12] == FIRST_ORDER else "FILIAL",
        data_abertura=opened,
        nome_empresarial=f"{trade} {place} {suffix}".strip(),
        nome_fantasia=unit.choice((unit.choice(SIGNS).format(place), "")),
        porte=owner.choice(("ME", "EPP", "DEMAIS")),
        atividade_principal=main,
        atividades_secundarias=tuple(others),
        natureza_juridica=legal_form,
        **(_hidden_address() if (situation, reason) == CLOSED else _address(unit)),
        efr="",
        situacao_cadastral=situation,
        data_situacao_cadastral=opened + timedelta(days=unit.randrange(1_500)),
        motivo_situacao_cadastral=reason,
        situacao_especial="RECUPERAÇÃO JUDICIAL" if special else "",
        data_situacao_especial=opened + timedelta(days=1_500) if special else None,
    )


def _dice(seed: str) -> Random:
    return Random(hashlib.sha256(seed.encode()).digest())  # noqa: S311 (no secret: repeatable)


def _address(dice: Random) -> dict[str, Any]:
    town, state, area, region = dice.choice(TOWNS)
    phones = tuple(
        f"({area}) {dice.randrange(3000, 4000)}-{dice.randrange(10_000):04d}" for _ in "12"
    )
    return {
        "logradouro": dice.choice(STREETS),
        "numero": dice.choice((str(dice.randrange(1, 3000)), "S/N")),
        "complemento": dice.choice((dice.choice(COMPLEMENTS), "")),
        "cep": f"{region}{dice.randrange(1000):03d}-{dice.randrange(1000):03d}",
        "bairro": dice.choice(DISTRICTS),
        "municipio": town,
        "uf": state,
        "email": dice.choice((f"contato{dice.randrange(1000)}@empresa.example", "")),
        "telefones": phones[: dice.randrange(3)],
    }


def _hidden_address() -> dict[str, Any]:
    """Return the address that a closed company's page shows: none."""
    fields = "logradouro", "numero", "complemento", "cep", "bairro", "municipio", "uf", "email"
    return {**dict.fromkeys(fields, ""), "telefones": ()}
