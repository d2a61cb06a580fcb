"""A simulator of the registry: company pages in the Receita's layout, and every way to fail."""

PAGE = "/cnpjreva/Cnpjreva_Comprovante.asp"
# What people use: the form, and where it leads. Its check for people is a button.
FORM = "/cnpjreva/Cnpjreva_Solicitacao.asp"
CHECKED = "/cnpjreva/valida.asp"
