"""E-mail addresses as headers hold them."""

import re
from email.errors import MessageError
from email.headerregistry import Address
from email.policy import SMTP
from typing import Annotated

from pydantic import AfterValidator

# What nearly every address is: a dot-atom (RFC 5322, 3.2.3), an ASCII domain. Reading it with the
# grammar of the whole header takes as long as rendering the mail.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_PLAIN = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@[A-Za-z0-9-]{{1,63}}(?:\.[A-Za-z0-9-]{{1,63}})*")
_LONGEST = 254


def parse_address(text: str) -> Address:
    """Return the one address that `text` holds, which may have a name before it (RFC 5322, 3.4).

    A domain with accents comes back in its ASCII form (RFC 5891), which every server takes.
    Raises ValueError when there is no address, more than one, or one that no header may hold.
    """
    if len(text) <= _LONGEST and _PLAIN.fullmatch(text):
        username, _, domain = text.partition("@")
        return Address("", username, domain)
    try:
        header = SMTP.header_factory("To", text)
        (found,) = header.addresses
        domain = found.domain.encode("idna").decode("ascii")
        address = Address(found.display_name, found.username, domain)
    except (ValueError, IndexError, MessageError) as exc:
        raise ValueError("not one e-mail address") from exc
    if header.defects or not (address.username and address.domain):
        raise ValueError("not one e-mail address")
    return address


def _checked(text: str) -> str:
    parse_address(text)
    return text


AddressText = Annotated[str, AfterValidator(_checked)]
