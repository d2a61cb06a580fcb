"""The Receita's open data of CNPJ on our own disk."""
