"""The words for people, in Brazilian Portuguese, that pages, mails and the terminal share.

Each fact has one name, and each value is written in one way, and it is here.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Literal

from core.documents import CNPJ_LENGTH, CPF_LENGTH, format_cnpj

Tone = Literal["good", "warn", "bad", "info", "calm"]

PRIORITIES = ("Sem pressa", "Baixa", "Média", "Alta", "Muito alta", "Urgente")

SITUATIONS: dict[str, tuple[str, Tone]] = {
    "ATIVA": ("Ativa", "good"),
    "SUSPENSA": ("Suspensa", "warn"),
    "INAPTA": ("Inapta", "warn"),
    "BAIXADA": ("Baixada", "bad"),
    "NULA": ("Nula", "bad"),
}

SIZES = {
    "ME": "Microempresa (ME)",
    "EPP": "Empresa de pequeno porte (EPP)",
    "DEMAIS": "Demais",
}

SOURCES = {
    "receita": "Receita Federal",
    "brasilapi": "BrasilAPI",
    "minhareceita": "Minha Receita",
    "opencnpj": "OpenCNPJ",
    "cnpjws": "CNPJ.ws",
    "receitaws": "ReceitaWS",
    "cnpja": "CNPJá",
    "dados_abertos": "Dados abertos do CNPJ",
}


@dataclass(frozen=True)
class Trouble:
    """Why a run brought no company: in three words, in a sentence, and what to do now."""

    short: str
    happened: str
    advice: str

    @property
    def title(self) -> str:
        """Return the three words as a heading."""
        return self.short[0].upper() + self.short[1:]


TROUBLES = {
    "not_found": Trouble(
        "CNPJ não encontrado",
        "As fontes responderam que este CNPJ não existe, a uma segunda pergunta também.",
        "Confira o número. Se ele estiver certo e a empresa for nova, o cadastro pode levar alguns "
        "dias para aparecer.",
    ),
    "invalid_cnpj": Trouble(
        "CNPJ recusado pela fonte",
        "As fontes recusaram este CNPJ. Algumas ainda não conhecem os números com letras.",
        "Confira o número. Se ele estiver certo, tente de novo mais para a frente.",
    ),
    "no_source": Trouble(
        "nenhuma fonte atende este CNPJ",
        "Nenhuma das fontes em uso conhece este tipo de CNPJ. Algumas ainda não aceitam letras.",
        "Confira o número. Se ele estiver certo, tente de novo mais para a frente.",
    ),
    "captcha": Trouble(
        "a fonte pediu um captcha",
        "As fontes pediram uma prova de que há uma pessoa diante da tela. Respeitamos esse limite.",
        "Você pode passar pela verificação e enviar a página, ou executar de novo mais tarde.",
    ),
    "other_company": Trouble(
        "página de outro CNPJ",
        "A página enviada é de outro CNPJ, e nada foi guardado.",
        "Confira o número na página oficial e envie a página certa.",
    ),
    "not_certificate": Trouble(
        "a página não é o comprovante",
        "A página enviada não é o comprovante de inscrição, e nada foi guardado.",
        "Envie a página que aparece depois da verificação.",
    ),
    "attempts_exhausted": Trouble(
        "as fontes não responderam",
        "Tentamos várias vezes, com intervalos cada vez maiores, e não houve resposta.",
        "Não faremos novas tentativas sozinhos. Se ainda precisa destes dados, execute de novo.",
    ),
    "layout_changed": Trouble(
        "a página da fonte mudou",
        "A página da fonte mudou de formato, e preferimos não entregar dados pela metade.",
        "O problema é nosso, e não do CNPJ: execute de novo mais tarde.",
    ),
    "unavailable": Trouble(
        "a fonte está fora do ar",
        "As fontes de dados estavam fora do ar ou não responderam a tempo.",
        "Costuma ser passageiro: execute de novo mais tarde.",
    ),
    "wrong_company": Trouble(
        "resposta sobre outro CNPJ",
        "A fonte respondeu sobre outro CNPJ, e descartamos a resposta.",
        "Costuma ser passageiro: execute de novo mais tarde.",
    ),
    "rate_limited": Trouble(
        "limite da fonte atingido",
        "As fontes de dados limitam o número de consultas, e esse limite foi atingido.",
        "O limite se renova com o tempo: execute de novo mais tarde.",
    ),
    "held_back": Trouble(
        "esperando a vez na fonte",
        "As fontes pediram uma pausa, ou o limite de perguntas por minuto foi atingido.",
        "Isto não gasta tentativas: a consulta continua sozinha.",
    ),
    "unstorable": Trouble(
        "o resultado não pôde ser gravado",
        "A fonte respondeu, mas com algo que o nosso banco de dados não aceita.",
        "O problema é nosso, e não do CNPJ: execute de novo mais tarde.",
    ),
    "internal_error": Trouble(
        "falha do nosso lado",
        "A leitura da página falhou por um erro nosso.",
        "Execute de novo mais tarde. Se o erro continuar, avise quem administra o sistema.",
    ),
    "attempt_hangs": Trouble(
        "a leitura demorou demais",
        "A leitura da página não terminou a tempo, e desistimos de esperar por ela.",
        "Costuma ser passageiro: execute de novo mais tarde.",
    ),
    "cancelled": Trouble(
        "cancelada",
        "A consulta foi cancelada antes de terminar, e nenhum dado foi guardado.",
        "Se foi um engano, agende de novo.",
    ),
}
UNKNOWN_TROUBLE = Trouble(
    "falha inesperada",
    "Algo que não prevíamos impediu a consulta.",
    "Execute de novo mais tarde. Se o erro continuar, avise quem administra o sistema.",
)

FIELDS = {
    "cnpj": "CNPJ",
    "matriz_filial": "Matriz ou filial",
    "data_abertura": "Data de abertura",
    "nome_empresarial": "Nome empresarial",
    "nome_fantasia": "Nome fantasia",
    "porte": "Porte",
    "atividade_principal": "Atividade principal",
    "atividades_secundarias": "Atividades secundárias",
    "natureza_juridica": "Natureza jurídica",
    "logradouro": "Logradouro",
    "numero": "Número",
    "complemento": "Complemento",
    "cep": "CEP",
    "bairro": "Bairro",
    "municipio": "Município",
    "uf": "UF",
    "email": "E-mail",
    "telefone": "Telefone",
    "efr": "Ente federativo responsável",
    "situacao_cadastral": "Situação cadastral",
    "data_situacao_cadastral": "Data da situação cadastral",
    "motivo_situacao_cadastral": "Motivo da situação cadastral",
    "situacao_especial": "Situação especial",
    "data_situacao_especial": "Data da situação especial",
    "quadro_societario": "Sócios e administradores",
    "capital_social": "Capital social",
}

WEEKDAYS = (
    "segunda-feira",
    "terça-feira",
    "quarta-feira",
    "quinta-feira",
    "sexta-feira",
    "sábado",
    "domingo",
)

MONTHS = (
    "janeiro",
    "fevereiro",
    "março",
    "abril",
    "maio",
    "junho",
    "julho",
    "agosto",
    "setembro",
    "outubro",
    "novembro",
    "dezembro",
)


def priority(level: int) -> str:
    """Return a priority in words, such as `Urgente`."""
    return PRIORITIES[level] if 0 <= level < len(PRIORITIES) else str(level)


def situation(code: str) -> tuple[str, Tone]:
    """Return the word for a `situacao_cadastral` and the tone in which it is shown."""
    return SITUATIONS.get(code.upper(), (code, "calm"))


def source(code: str | None) -> str:
    """Return the name of a source of company data."""
    return SOURCES.get(code or "", code or "")


def trouble(code: str | None) -> Trouble:
    """Return what to tell of a run that ended without a company."""
    return TROUBLES.get(code or "", UNKNOWN_TROUBLE)


def counted(number: int, one: str, many: str) -> str:
    """Return a number with its noun, such as `1 consulta` or `1.234 consultas`."""
    return f"{number:,} {one if number == 1 else many}".replace(",", ".")


def document(text: str) -> str:
    """Return a CPF or a CNPJ with its punctuation; anything else stays as it is."""
    if len(text) == CNPJ_LENGTH and text.isalnum():
        return format_cnpj(text)
    if len(text) == CPF_LENGTH and text.isdigit():
        return f"{text[:3]}.{text[3:6]}.{text[6:9]}-{text[9:]}"
    return text


def day(text: str | None) -> str:
    """Return `2026-11-24` as `24/11/2026`; anything else stays as it is."""
    try:
        found = date.fromisoformat(text or "")
    except ValueError:
        return text or ""
    return f"{found.day:02}/{found.month:02}/{found.year:04}"


def money(text: str) -> str:
    """Return a decimal string in reais, `R$ 1.234,56`; anything else stays as it is."""
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return text
    return f"R$ {amount:,.2f}".translate(str.maketrans(",.", ".,")) if amount.is_finite() else text
