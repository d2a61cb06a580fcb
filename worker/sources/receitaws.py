"""ReceitaWS, `GET /v1/cnpj/{cnpj}`: 3 a minute, slow; says its errors with status 200."""

from worker.sources import fields
from worker.sources.answer import Record, reader
from worker.sources.company import Company, Partner
from worker.sources.source import Source


def _company(data: Record) -> Company:
    main = data.records("atividade_principal") or [data.record("atividade_principal")]
    return Company(
        cnpj=fields.cnpj(data.get("cnpj")),
        matriz_filial=fields.head_or_branch(data.get("tipo")),
        data_abertura=fields.date(data.get("abertura")),
        nome_empresarial=fields.text(data.get("nome")),
        nome_fantasia=fields.text(data.get("fantasia")),
        porte=fields.size(data.get("porte")),
        atividade_principal=_activity(main[0]),
        atividades_secundarias=fields.activities(
            map(_activity, data.records("atividades_secundarias"))
        ),
        natureza_juridica=fields.legal_nature(data.get("natureza_juridica")),
        logradouro=fields.text(data.get("logradouro")),
        numero=fields.text(data.get("numero")),
        complemento=fields.text(data.get("complemento")),
        cep=fields.postal_code(data.get("cep")),
        bairro=fields.text(data.get("bairro")),
        municipio=fields.text(data.get("municipio")),
        uf=fields.state(data.get("uf")),
        email=fields.email(data.get("email")),
        telefone=fields.phones(data.get("telefone")),
        efr=fields.text(data.get("efr")),
        situacao_cadastral=fields.status(data.get("situacao")),
        data_situacao_cadastral=fields.date(data.get("data_situacao")),
        motivo_situacao_cadastral=fields.text(data.get("motivo_situacao")),
        situacao_especial=fields.text(data.get("situacao_especial")),
        data_situacao_especial=fields.date(data.get("data_situacao_especial")),
        quadro_societario=fields.partners(
            Partner(fields.text(partner.get("nome")), fields.text(partner.get("qual")))
            for partner in data.records("qsa")
        ),
        capital_social=fields.amount(data.get("capital_social")),
        data_da_base=fields.date(data.get("ultima_atualizacao")),
    )


def _activity(entry: Record) -> str:
    return fields.activity(entry.get("code"), entry.get("text"))


SOURCE = Source("receitaws", reader(_company), letters=False)
