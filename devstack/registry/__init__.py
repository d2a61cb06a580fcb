"""A simulator of the registry: company pages in the Receita's layout, and every way to fail."""

PAGE = "/cnpjreva/Cnpjreva_Comprovante.asp"
