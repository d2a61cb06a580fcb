"""The words of the mails, in Brazilian Portuguese: each fact has one name, and it is here."""

from dataclasses import dataclass

from worker.mails.letter import Tone

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


@dataclass(frozen=True)
class Trouble:
    """Why a consultation gave no company: in three words, in a sentence, and what to do now."""

    short: str
    happened: str
    advice: str


TROUBLES = {
    "not_found": Trouble(
        short="CNPJ não encontrado",
        happened="As fontes responderam que este CNPJ não existe. Uma resposta só não nos basta: "
        "perguntamos a uma segunda fonte ou, sem ela, de novo mais tarde. O que foi perguntado e "
        "quando está em “Detalhe”.",
        advice="Não voltaremos a procurar por conta própria. Confira o número. Se ele estiver "
        "certo e a empresa for nova, o cadastro pode levar alguns dias para aparecer: agende a "
        "consulta de novo mais para a frente.",
    ),
    "invalid_cnpj": Trouble(
        short="CNPJ recusado pela fonte",
        happened="As fontes recusaram este CNPJ como inválido. Algumas ainda não conhecem os "
        "números com letras.",
        advice="Confira o número. Se ele estiver certo, agende a consulta de novo mais para a "
        "frente.",
    ),
    "no_source": Trouble(
        short="nenhuma fonte atende este CNPJ",
        happened="Nenhuma das fontes em uso conhece este tipo de CNPJ. Algumas ainda não aceitam "
        "os números com letras.",
        advice="Confira o número. Se ele estiver certo, agende a consulta de novo mais para a "
        "frente.",
    ),
    "unstorable": Trouble(
        short="o resultado não pôde ser gravado",
        happened="A fonte respondeu, mas com algo que o nosso banco de dados não aceita.",
        advice="O problema é nosso, e não do CNPJ: execute a consulta de novo mais tarde.",
    ),
    "captcha": Trouble(
        short="a fonte pediu um captcha",
        happened="As fontes pediram um captcha, a prova de que há uma pessoa diante da tela. "
        "Respeitamos esse limite e não tentamos contorná-lo.",
        advice="Você pode seguir de duas formas. Na página da consulta, abra a página oficial, "
        "passe pela verificação e envie o comprovante que salvou. Ou, em um computador com o "
        "Agendador instalado, use python -m worker assisted, que abre a página oficial de cada "
        "consulta à espera. O pedido também costuma desaparecer em algumas horas: nesse caso, "
        "basta executar de novo.",
    ),
    "other_company": Trouble(
        short="página de outro CNPJ",
        happened="A página que você enviou é de outro CNPJ, e nada foi guardado.",
        advice="Confira o número na página oficial e envie a página certa.",
    ),
    "not_certificate": Trouble(
        short="a página não é o comprovante",
        happened="A página que você enviou não é o comprovante de inscrição, e nada foi guardado.",
        advice="Envie a página que aparece depois da verificação.",
    ),
    "attempts_exhausted": Trouble(
        short="as fontes não responderam",
        happened="Tentamos várias vezes, com intervalos cada vez maiores, e não conseguimos uma "
        "resposta das fontes.",
        advice="Não faremos novas tentativas por conta própria, e o caso ficou guardado para a "
        "nossa equipe. Se você ainda precisa destes dados, execute a consulta de novo.",
    ),
    "layout_changed": Trouble(
        short="a página da fonte mudou",
        happened="A página da fonte mudou de formato, e não conseguimos lê-la com segurança. "
        "Preferimos não entregar dados pela metade.",
        advice="O problema é nosso, e não do CNPJ: precisamos adaptar a leitura da página. "
        "Execute a consulta de novo mais tarde.",
    ),
    "unavailable": Trouble(
        short="a fonte está fora do ar",
        happened="As fontes de dados estavam fora do ar ou não responderam a tempo.",
        advice="Costuma ser passageiro: execute a consulta de novo mais tarde.",
    ),
    "wrong_company": Trouble(
        short="resposta sobre outro CNPJ",
        happened="A fonte respondeu sobre outro CNPJ, e descartamos a resposta.",
        advice="Costuma ser passageiro: execute a consulta de novo mais tarde.",
    ),
    "rate_limited": Trouble(
        short="limite da fonte atingido",
        happened="As fontes de dados limitam o número de consultas, e esse limite foi atingido.",
        advice="O limite se renova com o tempo: execute a consulta de novo mais tarde.",
    ),
}

UNKNOWN_TROUBLE = Trouble(
    short="falha inesperada",
    happened="Algo que não prevíamos impediu a consulta.",
    advice="Execute a consulta de novo mais tarde. Se o erro continuar, informe a quem "
    "administra o sistema a referência que está no fim deste e-mail.",
)

CANCELLED = Trouble(
    short="cancelada",
    happened="A consulta foi cancelada antes de terminar, e nenhum dado foi guardado.",
    advice="Se foi um engano, agende a consulta de novo.",
)

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
    """Return a priority in words with its number, such as `Urgente (5)`."""
    return f"{PRIORITIES[level]} ({level})" if 0 <= level < len(PRIORITIES) else str(level)


def situation(code: str) -> tuple[str, Tone]:
    """Return the word for a `situacao_cadastral` and the tone in which it is shown."""
    return SITUATIONS.get(code.upper(), (code, "calm"))


def trouble(status: str, error_code: str) -> Trouble:
    """Return what to tell of a consultation that ended without a company."""
    if status == "cancelled" or error_code == "cancelled":
        return CANCELLED
    return TROUBLES.get(error_code, UNKNOWN_TROUBLE)


def counted(number: int, one: str, many: str) -> str:
    """Return a number with its noun, such as `1 consulta` or `2 consultas`."""
    return f"{number} {one if number == 1 else many}"
