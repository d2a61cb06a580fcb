"""CNPJ.ws, `GET /cnpj/{cnpj}` of its public service: 3 a minute per address."""

from worker.sources import fields
from worker.sources.answer import Record, reader
from worker.sources.company import Company, Partner
from worker.sources.source import Source


def _company(data: Record) -> Company:
    office = data.record("estabelecimento")
    size = data.record("porte")
    nature = data.record("natureza_juridica")
    return Company(
        cnpj=fields.cnpj(office.get("cnpj")),
        matriz_filial=fields.head_or_branch(office.get("tipo")),
        data_abertura=fields.date(office.get("data_inicio_atividade")),
        nome_empresarial=fields.text(data.get("razao_social")),
        nome_fantasia=fields.text(office.get("nome_fantasia")),
        porte=fields.size(size.get("descricao", "id")),
        atividade_principal=_activity(office.record("atividade_principal")),
        atividades_secundarias=fields.activities(
            map(_activity, office.records("atividades_secundarias"))
        ),
        natureza_juridica=fields.legal_nature(nature.get("id"), nature.get("descricao")),
        logradouro=fields.street(office.get("tipo_logradouro"), office.get("logradouro")),
        numero=fields.text(office.get("numero")),
        complemento=fields.text(office.get("complemento")),
        cep=fields.postal_code(office.get("cep")),
        bairro=fields.text(office.get("bairro")),
        municipio=fields.text(
            office.record("cidade").get("nome") or office.get("nome_cidade_exterior")
        ),
        uf=fields.state(office.record("estado").get("sigla")),
        email=fields.email(office.get("email")),
        telefone=fields.phones(
            *(fields.phone(office.get(f"ddd{n}"), office.get(f"telefone{n}")) for n in (1, 2))
        ),
        efr=fields.text(data.get("responsavel_federativo")),
        situacao_cadastral=fields.status(office.get("situacao_cadastral")),
        data_situacao_cadastral=fields.date(office.get("data_situacao_cadastral")),
        motivo_situacao_cadastral=fields.text(
            office.record("motivo_situacao_cadastral").get("descricao")
            or office.get("motivo_situacao_cadastral")
        ),
        situacao_especial=fields.text(office.get("situacao_especial")),
        data_situacao_especial=fields.date(office.get("data_situacao_especial")),
        quadro_societario=fields.partners(
            Partner(
                fields.text(partner.get("nome")),
                fields.text(partner.record("qualificacao_socio").get("descricao")),
            )
            for partner in data.records("socios")
        ),
        capital_social=fields.amount(data.get("capital_social")),
        data_da_base=fields.date(office.get("atualizado_em") or data.get("atualizado_em")),
    )


def _activity(cnae: Record) -> str:
    return fields.activity(cnae.get("id", "subclasse"), cnae.get("descricao"))


SOURCE = Source("cnpjws", reader(_company), letters=False)
