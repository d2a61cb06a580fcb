"""CNPJá's open service, `GET /office/{cnpj}`: 5 a minute per address."""

from worker.sources import fields
from worker.sources.answer import Record, reader
from worker.sources.company import Company, Partner
from worker.sources.source import Source


def _company(data: Record) -> Company:
    firm = data.record("company")
    nature = firm.record("nature")
    address = data.record("address")
    emails = data.records("emails")
    return Company(
        cnpj=fields.cnpj(data.get("taxId")),
        matriz_filial=fields.head_or_branch(data.get("head")),
        data_abertura=fields.date(data.get("founded")),
        nome_empresarial=fields.text(firm.get("name")),
        nome_fantasia=fields.text(data.get("alias")),
        porte=fields.size(firm.record("size").get("acronym", "text", "id")),
        atividade_principal=_activity(data.record("mainActivity")),
        atividades_secundarias=fields.activities(map(_activity, data.records("sideActivities"))),
        natureza_juridica=fields.legal_nature(nature.get("id"), nature.get("text")),
        logradouro=fields.text(address.get("street")),
        numero=fields.text(address.get("number")),
        complemento=fields.text(address.get("details")),
        cep=fields.postal_code(address.get("zip")),
        bairro=fields.text(address.get("district")),
        municipio=fields.text(address.get("city")),
        uf=fields.state(address.get("state")),
        email=fields.email(emails[0].get("address") if emails else None),
        telefone=fields.phones(
            *(
                fields.phone(phone.get("area"), phone.get("number"))
                for phone in data.records("phones")
            )
        ),
        efr=fields.text(firm.get("jurisdiction")),
        situacao_cadastral=fields.status(data.record("status").get("text", "id")),
        data_situacao_cadastral=fields.date(data.get("statusDate")),
        motivo_situacao_cadastral=fields.text(data.record("reason").get("text")),
        situacao_especial=fields.text(data.record("special").get("text")),
        data_situacao_especial=fields.date(data.get("specialDate")),
        quadro_societario=fields.partners(
            Partner(
                fields.text(member.record("person").get("name")),
                fields.text(member.record("role").get("text")),
            )
            for member in firm.records("members")
        ),
        capital_social=fields.amount(firm.get("equity")),
        data_da_base=fields.date(data.get("updated")),
    )


def _activity(entry: Record) -> str:
    return fields.activity(entry.get("id"), entry.get("text"))


SOURCE = Source("cnpja", reader(_company), letters=False)
