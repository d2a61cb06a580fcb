"""The pages that the benchmarks read: 25 KB certificates of invented companies."""

from functools import cache

from stdnum.br import cnpj

from devstack.registry import pages

PAGE_BYTES = 25_000
COMPANIES = 200


@cache
def numbers(count: int = COMPANIES) -> tuple[str, ...]:
    """Return that many valid CNPJs, always the same."""
    bases = (f"{10_000_000 + 7919 * number}0001" for number in range(count))
    return tuple(base + str(cnpj.calc_check_digits(base)) for base in bases)


@cache
def page(number: str) -> bytes:
    """Return a company's page, brought to the size of the real ones by rows of its own table."""
    bare = pages.certificate(number)
    row = b"<tr><td width='100%'><font face='Arial' style='font-size: 6pt'>&nbsp;</font></td></tr>"
    rows = row * (max(0, PAGE_BYTES - len(bare)) // len(row))
    before, end, after = bare.rpartition(b"</table>")
    return before + rows + end + after
