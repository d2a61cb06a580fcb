"""The words of the pages, in Brazilian Portuguese: each fact has one name, and it is here."""

from dataclasses import dataclass
from typing import Literal

from core import official_page

Tone = Literal["good", "warn", "bad", "info", "calm"]


@dataclass(frozen=True)
class State:
    """How a state of a job or a run is called, coloured and drawn."""

    name: str
    tone: Tone
    icon: str
    meaning: str


STATES = {
    "created": State("Agendada", "calm", "clock", "Espera a data e a hora marcadas."),
    "queued": State("Na fila", "info", "queue", "A hora chegou; começa em instantes."),
    "processing": State("Em andamento", "info", "spinner", "Estamos lendo o cadastro da empresa."),
    "processed": State("Concluída", "good", "check", "Os dados da empresa chegaram."),
    "error": State("Com erro", "bad", "alert", "Não foi possível obter os dados."),
    "cancelled": State("Cancelada", "warn", "ban", "Foi cancelada antes de terminar."),
}
EDITABLE = frozenset({"created", "queued"})
UNFINISHED = frozenset({"created", "queued", "processing"})

# Why a run waits for somebody who passes the official page's check.
WAITING = official_page.WAITING

PRIORITIES = ("Sem pressa", "Baixa", "Média", "Alta", "Muito alta", "Urgente")

SITUATIONS: dict[str, tuple[str, Tone]] = {
    "ATIVA": ("Ativa", "good"),
    "SUSPENSA": ("Suspensa", "warn"),
    "INAPTA": ("Inapta", "warn"),
    "BAIXADA": ("Baixada", "bad"),
    "NULA": ("Nula", "bad"),
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
    """Why a run brought no company, and what to do now."""

    title: str
    happened: str
    advice: str


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
        "Nenhuma fonte atende este CNPJ",
        "Nenhuma das fontes em uso conhece este tipo de CNPJ. Algumas ainda não aceitam letras.",
        "Confira o número. Se ele estiver certo, tente de novo mais para a frente.",
    ),
    "captcha": Trouble(
        "A fonte pediu um captcha",
        "As fontes pediram uma prova de que há uma pessoa diante da tela. Respeitamos esse limite.",
        "Você pode passar pela verificação e enviar a página, ou executar de novo mais tarde.",
    ),
    "other_company": Trouble(
        "Página de outro CNPJ",
        "A página enviada é de outro CNPJ, e nada foi guardado.",
        "Confira o número na página oficial e envie a página certa.",
    ),
    "not_certificate": Trouble(
        "A página não é o comprovante",
        "A página enviada não é o comprovante de inscrição, e nada foi guardado.",
        "Envie a página que aparece depois da verificação.",
    ),
    "attempts_exhausted": Trouble(
        "As fontes não responderam",
        "Tentamos várias vezes, com intervalos cada vez maiores, e não houve resposta.",
        "Não faremos novas tentativas sozinhos. Se ainda precisa destes dados, execute de novo.",
    ),
    "layout_changed": Trouble(
        "A página da fonte mudou",
        "A página da fonte mudou de formato, e preferimos não entregar dados pela metade.",
        "O problema é nosso, e não do CNPJ: execute de novo mais tarde.",
    ),
    "unavailable": Trouble(
        "A fonte está fora do ar",
        "As fontes de dados estavam fora do ar ou não responderam a tempo.",
        "Costuma ser passageiro: execute de novo mais tarde.",
    ),
    "wrong_company": Trouble(
        "Resposta sobre outro CNPJ",
        "A fonte respondeu sobre outro CNPJ, e descartamos a resposta.",
        "Costuma ser passageiro: execute de novo mais tarde.",
    ),
    "rate_limited": Trouble(
        "Limite da fonte atingido",
        "As fontes de dados limitam o número de consultas, e esse limite foi atingido.",
        "O limite se renova com o tempo: execute de novo mais tarde.",
    ),
    "held_back": Trouble(
        "Esperando a vez na fonte",
        "As fontes pediram uma pausa, ou o limite de perguntas por minuto foi atingido.",
        "Isto não gasta tentativas: a consulta continua sozinha.",
    ),
    "unstorable": Trouble(
        "O resultado não pôde ser gravado",
        "A fonte respondeu, mas com algo que o nosso banco de dados não aceita.",
        "O problema é nosso, e não do CNPJ: execute de novo mais tarde.",
    ),
    "internal_error": Trouble(
        "Falha do nosso lado",
        "A leitura da página falhou por um erro nosso.",
        "Execute de novo mais tarde. Se o erro continuar, avise quem administra o sistema.",
    ),
    "attempt_hangs": Trouble(
        "A leitura demorou demais",
        "A leitura da página não terminou a tempo, e desistimos de esperar por ela.",
        "Costuma ser passageiro: execute de novo mais tarde.",
    ),
    "cancelled": Trouble(
        "Cancelada",
        "A consulta foi cancelada antes de terminar, e nenhum dado foi guardado.",
        "Se foi um engano, agende de novo.",
    ),
}
UNKNOWN_TROUBLE = Trouble(
    "Falha inesperada",
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


def state(code: str) -> State:
    """Return how a state is shown; one that is new to us, by its code."""
    return STATES.get(code, State(code, "calm", "clock", ""))


def priority(level: int) -> str:
    """Return a priority in words, such as `Urgente`."""
    return PRIORITIES[level] if 0 <= level < len(PRIORITIES) else str(level)


def situation(code: str) -> tuple[str, Tone]:
    """Return the word for a `situacao_cadastral` and its tone."""
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
