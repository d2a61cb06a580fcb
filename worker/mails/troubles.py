"""Why a consultation gave no company, where the mails say more than the pages do."""

from dataclasses import replace

from core import words

_TROUBLES = words.TROUBLES | {
    "not_found": replace(
        words.trouble("not_found"),
        happened="As fontes responderam que este CNPJ não existe. Uma resposta só não nos basta: "
        "perguntamos a uma segunda fonte ou, sem ela, de novo mais tarde. O que foi perguntado e "
        "quando está em “Detalhe”.",
        advice="Não voltaremos a procurar por conta própria. Confira o número. Se ele estiver "
        "certo e a empresa for nova, o cadastro pode levar alguns dias para aparecer: agende a "
        "consulta de novo mais para a frente.",
    ),
    "captcha": replace(
        words.trouble("captcha"),
        happened="As fontes pediram um captcha, a prova de que há uma pessoa diante da tela. "
        "Respeitamos esse limite e não tentamos contorná-lo.",
        advice="Você pode seguir de duas formas. Na página da consulta, abra a página oficial, "
        "passe pela verificação e envie o comprovante que salvou. Ou, em um computador com o "
        "Agendador instalado, use python -m worker assisted, que abre a página oficial de cada "
        "consulta à espera. O pedido também costuma desaparecer em algumas horas: nesse caso, "
        "basta executar de novo.",
    ),
    "attempts_exhausted": replace(
        words.trouble("attempts_exhausted"),
        happened="Tentamos várias vezes, com intervalos cada vez maiores, e não conseguimos uma "
        "resposta das fontes.",
        advice="Não faremos novas tentativas por conta própria, e o caso ficou guardado para a "
        "nossa equipe. Se você ainda precisa destes dados, execute a consulta de novo.",
    ),
}

_UNKNOWN = replace(
    words.UNKNOWN_TROUBLE,
    advice="Execute a consulta de novo mais tarde. Se o erro continuar, informe a quem "
    "administra o sistema a referência que está no fim deste e-mail.",
)

CANCELLED = _TROUBLES["cancelled"]


def find(status: str, error_code: str) -> words.Trouble:
    """Return what to tell of a consultation that ended without a company."""
    if status == "cancelled":
        return CANCELLED
    return _TROUBLES.get(error_code, _UNKNOWN)
