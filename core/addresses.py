"""E-mail addresses as headers hold them."""

from email.errors import MessageError
from email.headerregistry import Address
from email.policy import SMTP
from typing import Annotated

from pydantic import AfterValidator


def parse_address(text: str) -> Address:
    """Return the one address that `text` holds, which may have a name before it (RFC 5322, 3.4).

    A domain with accents comes back in its ASCII form (RFC 5891), which every server takes.
    Raises ValueError when there is no address, more than one, or one that no header may hold.
    """
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
