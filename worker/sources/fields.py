"""One form for each field, whatever the source: pure functions, text (or JSON value) in, text out.

What cannot be read as its field becomes `""`; nothing here raises.
"""

import math
import re
import unicodedata
from collections.abc import Iterable
from datetime import date as calendar_date
from decimal import Decimal, InvalidOperation

from worker.sources.company import Partner

# Asterisks hide or pad a value; "Não informada" may have lost its accent.
_PLACEHOLDER_BEGINS = "*nN"
_PLACEHOLDER = re.compile(r"[*\s]+|n[^\x00-\x7f]*a?o informad[ao]", re.IGNORECASE)
_ISO_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?![0-9])")
_BRAZILIAN_DATE = re.compile(r"([0-9]{2})/([0-9]{2})/([0-9]{4})(?![0-9])")
_COMPACT_DATE = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})$")
_CNPJ = re.compile(r"[0-9A-Z]{12}[0-9]{2}")
_SHOWN_CNPJ = re.compile(r"[0-9A-Z]{2}\.?[0-9A-Z]{3}\.?[0-9A-Z]{3}/?[0-9A-Z]{4}-?[0-9]{2}")
_BEGINNING = 60
_NOT_ALPHANUMERIC = re.compile(r"[^0-9A-Za-z]+")
_NOT_DIGIT = re.compile(r"[^0-9]+")
_UF = re.compile(r"[A-Z]{2}")
_ACTIVITY_CODE = re.compile(r"[0-9]{2}\.?[0-9]{2}-?[0-9][-/]?[0-9]{2}")
_DASH = re.compile(r"\s+[-\u2010-\u2015]\s+")
_LICENCE_NOTE = re.compile(r"\s*\((?:n\S*\s+)?dispensada\s*\*?\)", re.IGNORECASE)
_LEGAL_NATURE = re.compile(r"([0-9]{3})-?([0-9])(?:\s*[-\u2010-\u2015]\s*(.*))?")
_THOUSANDS = re.compile(r"[0-9]{1,3}(?:\.[0-9]{3})+")
_MAX_AMOUNT_DIGITS = 18
# Systems that know no empty date write the first one that they can.
_FIRST_YEAR = 1500
_BETWEEN_PHONES = re.compile(r"[/;,|]|(?<=[0-9])\s*(?=\()")
_AREA_AND_NUMBER = re.compile(r"\(\s*0*([1-9][0-9])\s*\)\s*([0-9][0-9 .-]*)")
_NATIONWIDE = re.compile(r"0?([3589]00)([0-9]{2,3})([0-9]{4})")
_COUNTRY = re.compile(r"55(?=[1-9][0-9]{9,10}$)")

_STATUS_CODES = {"1": "NULA", "2": "ATIVA", "3": "SUSPENSA", "4": "INAPTA", "8": "BAIXADA"}
_SIZE_CODES = {"1": "ME", "3": "EPP", "5": "DEMAIS"}
_SIZES = {
    "EPP": re.compile(r"\bEPP\b|PEQUENO"),
    "ME": re.compile(r"\bMEI?\b|\bMICRO"),
    "DEMAIS": re.compile(r"DEMAIS"),
}


def text(value: object) -> str:
    """Return the value's text, spaces collapsed; `""` for null, placeholders and containers."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _number(value)
    clean = " ".join(value.split()) if isinstance(value, str) else ""
    if not clean.isprintable():
        clean = " ".join("".join(char for char in clean if char.isprintable()).split())
    if not clean.isascii():
        clean = unicodedata.normalize("NFC", clean)
    # The first letter spares most values the expression.
    return "" if clean[:1] in _PLACEHOLDER_BEGINS and _PLACEHOLDER.fullmatch(clean) else clean


def _number(value: float) -> str:
    if isinstance(value, int):
        return str(value)
    if not math.isfinite(value):
        return ""
    return str(int(value)) if value.is_integer() else str(value)


def plain(value: object) -> str:
    """Return the text in upper case without accents, to compare words with."""
    clean = text(value).upper()
    if clean.isascii():
        return clean
    decomposed = unicodedata.normalize("NFD", clean)
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def date(value: object) -> str:
    """Return `YYYY-MM-DD` for a text that begins with an ISO or Brazilian date, or is YYYYMMDD."""
    clean = text(value)
    if match := _BRAZILIAN_DATE.match(clean):
        day, month, year = match.groups()
    elif match := _ISO_DATE.match(clean) or _COMPACT_DATE.match(clean):
        year, month, day = match.groups()
    else:
        return ""
    try:
        found = calendar_date(int(year), int(month), int(day))
    except ValueError:
        return ""
    return found.isoformat() if found.year >= _FIRST_YEAR else ""


def cnpj(value: object) -> str:
    """Return the 14 characters of a CNPJ, which as a JSON number has lost its leading zeros."""
    compact = _NOT_ALPHANUMERIC.sub("", text(value)).upper()
    if isinstance(value, int | float):
        compact = compact.zfill(14)
    return compact if _CNPJ.fullmatch(compact) else ""


def shown_cnpj(value: str) -> str:
    """Return the 14 characters of the CNPJ with which a text begins, punctuated or not."""
    match = _SHOWN_CNPJ.match(value[:_BEGINNING].replace(" ", "").upper())
    return cnpj(match[0]) if match else ""


def head_or_branch(value: object) -> str:
    """Return `MATRIZ` or `FILIAL` from that word, the registry's code 1 or 2, or a truth value."""
    if isinstance(value, bool):
        return "MATRIZ" if value else "FILIAL"
    word = plain(value)
    if word in {"1", "MATRIZ"}:
        return "MATRIZ"
    return "FILIAL" if word in {"2", "FILIAL"} else ""


def postal_code(value: object) -> str:
    """Return a CEP as `NNNNN-NNN`."""
    digits = _NOT_DIGIT.sub("", text(value))
    if len(digits) not in {7, 8} or not digits.strip("0"):
        return ""
    padded = digits.zfill(8)
    return f"{padded[:5]}-{padded[5:]}"


def state(value: object) -> str:
    """Return the two letters of a state (`EX` is abroad)."""
    letters = text(value).upper()
    return letters if _UF.fullmatch(letters) else ""


def email(value: object) -> str:
    """Return an e-mail address; pages may break the line within it."""
    return text(value).replace(" ", "")


def size(value: object) -> str:
    """Return `ME`, `EPP` or `DEMAIS` from the registry's code or any of its spellings."""
    words = plain(value)
    if words.isdigit():
        return _SIZE_CODES.get(words.lstrip("0"), "")
    return next((known for known, spelling in _SIZES.items() if spelling.search(words)), "")


def status(value: object) -> str:
    """Return `ATIVA`, `BAIXADA`, `INAPTA`, `SUSPENSA` or `NULA` from the word or the code."""
    word = plain(value)
    if word.isdigit():
        return _STATUS_CODES.get(word.lstrip("0"), "")
    # The registry also knows "ATIVA NÃO REGULAR".
    return next((known for known in _STATUS_CODES.values() if word.startswith(known)), "")


def activity(code: object, description: object = "") -> str:
    """Return `NN.NN-N-NN - description` from a CNAE code in any spelling and its description.

    Without a description it is the code alone; without a code there is no activity.
    """
    digits = _NOT_DIGIT.sub("", text(code)).zfill(7)
    if len(digits) != len("NNNNNNN") or not digits.strip("0"):
        return ""
    formatted = f"{digits[:2]}.{digits[2:4]}-{digits[4]}-{digits[5:]}"
    said = _without_licence_note(text(description))
    return f"{formatted} - {said}" if said else formatted


def activity_line(value: object) -> str:
    """Return the activity that a line like `NN.NN-N-NN - description (Dispensada *)` tells.

    The description may hold more dashes. A line without a code is returned as it is.
    """
    line = _without_licence_note(text(value))
    code, *description = _DASH.split(line, maxsplit=1)
    return activity(code, *description) if _ACTIVITY_CODE.fullmatch(code) else text(line)


def _without_licence_note(line: str) -> str:
    return _LICENCE_NOTE.sub("", line) if "(" in line else line


def street(kind: object, name: object) -> str:
    """Return the name of a street after its kind (`RUA`), unless the name already has it."""
    before, after = text(kind), text(name)
    if not before or not after or after.upper().startswith(f"{before.upper()} "):
        return after
    return f"{before} {after}"


def activities(lines: Iterable[str]) -> tuple[str, ...]:
    """Return the activities without blanks and repetitions, in order."""
    return tuple(dict.fromkeys(line for line in lines if line))


def partners(members: Iterable[Partner]) -> tuple[Partner, ...]:
    """Return the partners that have a name, in order."""
    return tuple(member for member in members if member.nome)


def legal_nature(code: object, description: object = "") -> str:
    """Return `NNN-N - description`; `code` may already hold the description."""
    line = text(code)
    match = _LEGAL_NATURE.fullmatch(line)
    if not match:
        return text(description) or ("" if line.isdigit() else line)
    said = text(description) or text(match[3])
    formatted = f"{match[1]}-{match[2]}"
    return f"{formatted} - {said}" if said else formatted


def phones(*values: object) -> str:
    """Return each number as `(NN) NNNN-NNNN`, joined by ` / `, repetitions dropped.

    A number without its area code is `NNNN-NNNN`, one of the whole country `0800 NNN-NNNN`, and
    what is no number stays as it is.
    """
    numbers = (_phone(part) for value in values for part in _BETWEEN_PHONES.split(text(value)))
    return " / ".join(dict.fromkeys(number for number in numbers if number))


def phone(area: object, number: object) -> str:
    """Return an area code and a number as one text for `phones`."""
    code, digits = text(area), text(number)
    return f"({code}) {digits}" if code and digits else digits


def _phone(raw: str) -> str:
    if match := _AREA_AND_NUMBER.fullmatch(raw.strip()):
        area, number = match[1], _NOT_DIGIT.sub("", match[2])
    else:
        area, number = "", _NOT_DIGIT.sub("", raw)
    if nationwide := _NATIONWIDE.fullmatch(number):
        return f"0{nationwide[1]} {nationwide[2]}-{nationwide[3]}"
    if not area:
        number = _COUNTRY.sub("", number.lstrip("0"))
        # Nine digits are a mobile number, or a landline of seven digits with its area code.
        if len(number) in {10, 11} or (len(number) == 9 and number[0] != "9"):  # noqa: PLR2004
            area, number = number[:2], number[2:]
    if not number.strip("0"):
        return ""
    if len(number) not in {7, 8, 9}:
        return text(raw)
    local = f"{number[:-4]}-{number[-4:]}"
    return f"({area}) {local}" if area else local


def amount(value: object) -> str:
    """Return money as a decimal string with two places, from a number or `R$ 1.234,56 (…)`."""
    digits = text(value).partition("(")[0].replace("R$", "").strip()
    if "," in digits or _THOUSANDS.fullmatch(digits):
        digits = digits.replace(".", "").replace(",", ".")
    try:
        number = Decimal(digits)
    except InvalidOperation:
        return ""
    if not number.is_finite() or number < 0 or number.adjusted() > _MAX_AMOUNT_DIGITS:
        return ""
    return f"{number:.2f}"
