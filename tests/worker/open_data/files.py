"""A folder in the form of the Receita's open data, with two companies that do not exist."""

from pathlib import Path
from zipfile import ZipFile, ZipInfo

from worker.sources.company import Company, Partner

CNPJ = "12345678000195"
DAY = (2026, 11, 14, 3, 0, 0)
BAKERY = Company(
    cnpj=CNPJ,
    matriz_filial="MATRIZ",
    data_abertura="1999-02-03",
    nome_empresarial="PÃO & CIRCO COMÉRCIO LTDA",
    nome_fantasia="PADARIA DA PRAÇA",
    porte="EPP",
    atividade_principal="01.11-3-01 - Cultivo de arroz - irrigado",
    atividades_secundarias=("56.11-2-03 - Lanchonetes", "47.21-1-02 - Padaria"),
    natureza_juridica="206-2 - Sociedade Empresária Limitada",
    logradouro="RUA SÃO JOÃO",
    numero="12-A",
    complemento="LOJA 2",
    cep="01034-001",
    bairro="SÉ",
    municipio="SÃO PAULO",
    uf="SP",
    email="contato@padaria.example",
    telefone="(11) 3348-2382 / (11) 93348-2248",
    situacao_cadastral="ATIVA",
    data_situacao_cadastral="2005-11-03",
    motivo_situacao_cadastral="SEM MOTIVO",
    situacao_especial="EM RECUPERAÇÃO JUDICIAL",
    data_situacao_especial="2020-01-31",
    quadro_societario=(Partner("MARIA DA CONCEIÇÃO", "Sócio-Administrador"),),
    capital_social="200000.00",
    data_da_base="2026-11-14",
)
FILES: dict[str, list[str]] = {
    "Cnaes": [
        "0111301;Cultivo de arroz - irrigado",
        "5611203;Lanchonetes",
        "4721102;Padaria",
    ],
    "Motivos": ["00;SEM MOTIVO", "01;EXTINÇÃO"],
    "Municipios": ["7107;SÃO PAULO"],
    "Naturezas": ["2062;Sociedade Empresária Limitada"],
    "Paises": ["105;BRASIL"],
    "Qualificacoes": ["49;Sócio-Administrador"],
    "Empresas0": [
        "12345678;PÃO & CIRCO COMÉRCIO LTDA;2062;49;200000,00;03;",
        "12ABC345;LETRAS LTDA;2062;49;0,00;05;",
    ],
    "Estabelecimentos0": [
        (
            "12345678;0001;95;1;PADARIA DA PRAÇA;02;20051103;00;;;19990203;0111301;5611203,4721102;"
            "RUA;SÃO JOÃO;12-A;LOJA   2;SÉ;01034001;SP;7107;11;33482382;11;933482248;11;30000000;"
            "contato@padaria.example;EM RECUPERAÇÃO JUDICIAL;20200131"
        ),
        "12ABC345;01DE;35;2;;08;20260930;01;LISBOA;607;20260715;4721102;;;;;;;;EX;9707;;;;;;;;;",
    ],
    "Socios0": ["12345678;2;MARIA DA CONCEIÇÃO;***000000**;49;20200115;;;;;5"],
    "Simples": ["12345678;S;20200115;00000000;N;00000000;00000000"],
}


def write(folder: Path) -> None:
    """Write the ZIPs, each with one CSV in latin-1, every value quoted."""
    folder.mkdir()
    for name, lines in FILES.items():
        quoted = "".join('"' + line.replace(";", '";"') + '"\n' for line in lines)
        with ZipFile(folder / f"{name}.zip", "w") as archive:
            archive.writestr(ZipInfo(f"F.{name}CSV", DAY), quoted.encode("latin-1"))
