"""OpenCNPJ, `GET /{cnpj}`: the open data; its activities come as codes without descriptions."""

from worker.sources import fields
from worker.sources.answer import Record, reader
from worker.sources.company import Company, Partner
from worker.sources.source import Source


def _company(data: Record) -> Company:
    return Company(
        cnpj=fields.cnpj(data.get("cnpj")),
        matriz_filial=fields.head_or_branch(data.get("matriz_filial")),
        data_abertura=fields.date(data.get("data_inicio_atividade")),
        nome_empresarial=fields.text(data.get("razao_social")),
        nome_fantasia=fields.text(data.get("nome_fantasia")),
        porte=fields.size(data.get("porte_empresa", "porte")),
        atividade_principal=fields.activity(
            data.get("cnae_principal"), data.get("cnae_principal_descricao")
        ),
        atividades_secundarias=fields.activities(
            fields.activity(code) for code in data.items("cnaes_secundarios")
        ),
        natureza_juridica=fields.legal_nature(data.get("natureza_juridica")),
        logradouro=fields.street(data.get("tipo_logradouro"), data.get("logradouro")),
        numero=fields.text(data.get("numero")),
        complemento=fields.text(data.get("complemento")),
        cep=fields.postal_code(data.get("cep")),
        bairro=fields.text(data.get("bairro")),
        municipio=fields.text(data.get("municipio")),
        uf=fields.state(data.get("uf")),
        email=fields.email(data.get("email")),
        telefone=fields.phones(
            *(
                fields.phone(phone.get("ddd"), phone.get("numero"))
                for phone in data.records("telefones")
                if phone.get("is_fax") is not True
            )
        ),
        efr=fields.text(data.get("ente_federativo_responsavel", "ente_federativo")),
        situacao_cadastral=fields.status(data.get("situacao_cadastral")),
        data_situacao_cadastral=fields.date(data.get("data_situacao_cadastral")),
        motivo_situacao_cadastral=fields.text(data.get("motivo_situacao_cadastral")),
        situacao_especial=fields.text(data.get("situacao_especial")),
        data_situacao_especial=fields.date(data.get("data_situacao_especial")),
        quadro_societario=fields.partners(
            Partner(
                fields.text(partner.get("nome_socio")),
                fields.text(partner.get("qualificacao_socio")),
            )
            for partner in data.records("QSA", "qsa")
        ),
        capital_social=fields.amount(data.get("capital_social")),
        data_da_base=fields.date(data.get("data_atualizacao", "ultima_atualizacao")),
    )


SOURCE = Source("opencnpj", reader(_company), letters=True)
