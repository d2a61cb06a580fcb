"""BrasilAPI, `GET /api/cnpj/v1/{cnpj}`: relays Minha Receita; a 404 may be an outage of that."""

from worker.sources.answer import reader
from worker.sources.minhareceita import company
from worker.sources.source import Source

SOURCE = Source("brasilapi", reader(company), letters=True)
