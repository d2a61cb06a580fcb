"""Minha Receita, `GET /{cnpj}`: the open data, also self-hosted; a 404 may be its outage."""

from worker.sources import fields
from worker.sources.answer import Record, reader
from worker.sources.company import Company, Partner
from worker.sources.source import Source


def company(data: Record) -> Company:
    """Return the company of an answer; BrasilAPI's has the same form, older ones other names."""
    return Company(
        cnpj=fields.cnpj(data.get("cnpj")),
        matriz_filial=fields.head_or_branch(
            data.get(
                "descricao_identificador_matriz_filial",
                "descricao_matriz_filial",
                "identificador_matriz_filial",
            )
        ),
        data_abertura=fields.date(data.get("data_inicio_atividade")),
        nome_empresarial=fields.text(data.get("razao_social")),
        nome_fantasia=fields.text(data.get("nome_fantasia")),
        porte=fields.size(data.get("porte", "descricao_porte", "codigo_porte")),
        atividade_principal=fields.activity(
            data.get("cnae_fiscal"), data.get("cnae_fiscal_descricao")
        ),
        atividades_secundarias=fields.activities(
            fields.activity(cnae.get("codigo"), cnae.get("descricao"))
            for cnae in data.records("cnaes_secundarios", "cnaes_secundarias")
        ),
        natureza_juridica=fields.legal_nature(
            data.get("codigo_natureza_juridica"), data.get("natureza_juridica")
        ),
        logradouro=fields.street(
            data.get("descricao_tipo_de_logradouro", "descricao_tipo_logradouro"),
            data.get("logradouro"),
        ),
        numero=fields.text(data.get("numero")),
        complemento=fields.text(data.get("complemento")),
        cep=fields.postal_code(data.get("cep")),
        bairro=fields.text(data.get("bairro")),
        municipio=fields.text(
            data.get("municipio", "nome_cidade_no_exterior", "nome_cidade_exterior")
        ),
        uf=fields.state(data.get("uf")),
        email=fields.email(data.get("email", "correio_eletronico")),
        telefone=fields.phones(data.get("ddd_telefone_1"), data.get("ddd_telefone_2")),
        efr=fields.text(data.get("ente_federativo_responsavel")),
        situacao_cadastral=fields.status(
            data.get("descricao_situacao_cadastral", "situacao_cadastral")
        ),
        data_situacao_cadastral=fields.date(data.get("data_situacao_cadastral")),
        motivo_situacao_cadastral=fields.text(data.get("descricao_motivo_situacao_cadastral")),
        situacao_especial=fields.text(data.get("situacao_especial")),
        data_situacao_especial=fields.date(data.get("data_situacao_especial")),
        quadro_societario=fields.partners(
            Partner(
                fields.text(partner.get("nome_socio", "nome")),
                fields.text(partner.get("qualificacao_socio", "qual")),
            )
            for partner in data.records("qsa")
        ),
        capital_social=fields.amount(data.get("capital_social")),
    )


SOURCE = Source("minhareceita", reader(company), letters=True)
