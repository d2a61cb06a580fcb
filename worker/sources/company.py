"""What a source tells of a company, in one form whatever the source."""

from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Partner:
    """A member of the QSA; both texts as the source prints them, spaces collapsed."""

    nome: str
    qualificacao: str = ""


@dataclass(frozen=True, slots=True)
class Company:
    """The registration of one CNPJ. Unknown is `""` (or an empty tuple), never None.

    Dates are `YYYY-MM-DD`, `cnpj` is 14 characters, `cep` `NNNNN-NNN`, activities
    `NN.NN-N-NN - description`, `natureza_juridica` `NNN-N - description`, `telefone` numbers
    joined by ` / `, `capital_social` a decimal string with two places. `data_da_base` is how old
    the source says that its data is.
    """

    cnpj: str
    matriz_filial: str = ""
    data_abertura: str = ""
    nome_empresarial: str = ""
    nome_fantasia: str = ""
    porte: str = ""
    atividade_principal: str = ""
    atividades_secundarias: tuple[str, ...] = ()
    natureza_juridica: str = ""
    logradouro: str = ""
    numero: str = ""
    complemento: str = ""
    cep: str = ""
    bairro: str = ""
    municipio: str = ""
    uf: str = ""
    email: str = ""
    telefone: str = ""
    efr: str = ""
    situacao_cadastral: str = ""
    data_situacao_cadastral: str = ""
    motivo_situacao_cadastral: str = ""
    situacao_especial: str = ""
    data_situacao_especial: str = ""
    quadro_societario: tuple[Partner, ...] = ()
    capital_social: str = ""
    data_da_base: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as JSON types: strings, lists of strings and of objects."""
        said: dict[str, Any] = {name: getattr(self, name) for name in _FIELDS}
        said["atividades_secundarias"] = list(self.atividades_secundarias)
        said["quadro_societario"] = [asdict(partner) for partner in self.quadro_societario]
        return said


_FIELDS = tuple(field.name for field in fields(Company))
