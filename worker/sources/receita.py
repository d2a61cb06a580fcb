"""The Receita's "Comprovante de Inscrição e de Situação Cadastral", the official page."""

from worker.sources.receita_page import parse_certificate
from worker.sources.source import Source

SOURCE = Source("receita", parse_certificate, letters=True, path="?cnpj={cnpj}")
