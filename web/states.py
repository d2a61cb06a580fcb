"""The states of jobs and runs as the pages show them."""

from dataclasses import dataclass

from core import official_page
from core.words import Tone


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


def state(code: str) -> State:
    """Return how a state is shown; one that is new to us, by its code."""
    return STATES.get(code, State(code, "calm", "clock", ""))
