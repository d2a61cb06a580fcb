"""Three people who use the system in tests, and valid documents for as many more as needed."""

from dataclasses import asdict, dataclass

from stdnum.br import cnpj as stdnum_cnpj


@dataclass(frozen=True)
class Person:
    """What someone types to sign up."""

    full_name: str
    email: str
    cpf_cnpj: str
    date_of_birth: str
    password: str

    def sign_up(self) -> dict[str, str]:
        """Return the body of ``POST /users``."""
        return asdict(self) | {"confirm_password": self.password}

    def log_in(self) -> dict[str, str]:
        """Return the body of ``POST /auth``."""
        return {"email": self.email, "password": self.password}


def cpf(number: int) -> str:
    """Return the valid CPF whose first nine digits are ``number``."""
    digits = [int(digit) for digit in f"{number:09d}"]
    for _ in range(2):
        weights = range(len(digits) + 1, 1, -1)
        rest = sum(d * w for d, w in zip(digits, weights, strict=True)) * 10 % 11
        digits.append(rest % 10)
    return "".join(map(str, digits))


def cnpj(number: int) -> str:
    """Return the valid numeric CNPJ of the head office of company ``number``."""
    return _with_check_digits(f"{number:08d}0001")


def alphanumeric_cnpj(number: int) -> str:
    """Return the valid CNPJ, with letters, of the head office of company ``number``."""
    return _with_check_digits(f"AB{number:04d}YZ0001")


def _with_check_digits(base: str) -> str:
    return base + str(stdnum_cnpj.calc_check_digits(base))


# The owner of most jobs, a colleague who is also an admin where a test needs one, an outsider.
MARIA = Person(
    "Maria da Conceição Araújo", "maria@empresa.example", cpf(111_444_777), "1985-03-14",
    "girassol-no-quintal-7",
)  # fmt: skip
JOAO = Person(
    "João Antônio Guimarães", "joao@empresa.example", cpf(222_555_888), "1979-11-02",
    "cafe-com-pao-de-queijo-3",
)  # fmt: skip
ESTELA = Person(
    "Estela Figueirêdo", "estela@outra.example", cpf(333_666_999), "1992-07-29",
    "maresia-de-domingo-5",
)  # fmt: skip
