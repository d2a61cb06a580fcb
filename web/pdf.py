"""A company's card as a PDF that looks like the page.

Drawn with fpdf2, which is Python alone: a service's image needs neither a browser nor the system
libraries that the converters of HTML ask for.
"""

from importlib.resources import files
from typing import Any

from fpdf import FPDF
from fpdf.enums import XPos, YPos

from core import words
from web import certificate
from web.certificate import Cell

MARGIN_MM = 14.0
WIDTH_MM = 210.0 - 2 * MARGIN_MM
BOTTOM_MM = 18.0
PADDING_MM = 2.2
LABEL_MM = 3.6
LINE_MM = 4.9
# A list that is longer than this goes on in a further box, so that a box always fits a page.
LONGEST_BOX = 30

INK = (27, 36, 48)
MUTED = (82, 96, 112)
LINE = (200, 208, 217)
ACCENT = (11, 92, 173)
CHANGED = (255, 248, 232)
TONES = {
    "good": ((225, 244, 232), (16, 89, 47)),
    "warn": ((253, 240, 211), (122, 71, 0)),
    "bad": ((253, 229, 229), (152, 27, 27)),
    "info": ((226, 238, 251), (11, 75, 140)),
    "calm": ((233, 237, 241), (65, 79, 95)),
}


class _Page(FPDF):
    """A page of A4 with our font and our foot."""

    def __init__(self, foot: str) -> None:
        super().__init__(format="A4")
        self._foot = foot
        for style, name in (("", "Medium"), ("B", "Bold")):
            path = files("font_manrope").joinpath(f"files/Manrope-{name}.ttf")
            self.add_font("Manrope", style, str(path))
        self.set_margin(MARGIN_MM)
        self.set_auto_page_break(auto=True, margin=BOTTOM_MM)
        self.set_line_width(0.2)
        self.c_margin = 0.0

    def footer(self) -> None:
        """Write the foot of a page; fpdf2 calls it."""
        self.set_y(-BOTTOM_MM + 4)
        self.write_text(self._foot, 7.5, MUTED, width=WIDTH_MM - 20, line=4)
        self.set_y(-BOTTOM_MM + 4)
        self.set_font("Manrope", "", 7.5)
        self.cell(0, 4, f"{self.page_no()}/{{nb}}", align="R")

    def write_text(
        self,
        text: str,
        size: float,
        colour: tuple[int, int, int],
        *,
        bold: bool = False,
        width: float = WIDTH_MM,
        line: float = LINE_MM,
    ) -> None:
        """Write text that may need several lines, from the present place down."""
        self.set_font("Manrope", "B" if bold else "", size)
        self.set_text_color(colour)
        left = self.get_x()
        self.multi_cell(width, line, text, align="L", new_x=XPos.LEFT, new_y=YPos.NEXT)
        self.set_x(left)

    def lines_of(self, text: str, width: float) -> int:
        """Return how many lines a value takes in a box of this width."""
        self.set_font("Manrope", "", 9.5)
        lines: Any = self.multi_cell(
            width - 2 * PADDING_MM, LINE_MM, text, dry_run=True, output="LINES"
        )
        return len(lines)


def company(result: dict[str, Any]) -> bytes:
    """Return the PDF of a result, as `GET /results` gives it."""
    obtained = f"Obtido em {words.day(result['data_pesquisa'])} às {result['hora_pesquisa']}"
    page = _Page(
        f"{obtained} · Fonte: {words.source(result['source'])} · Agendador de consultas de CNPJ"
    )
    page.set_title(f"CNPJ {words.document(result['cnpj'])}")
    page.set_lang("pt-BR")
    page.set_creator("Agendador de consultas de CNPJ")
    page.add_page()
    _head(page, result)
    changed = {change["field"] for change in result["changes"]}
    for row in certificate.ROWS:
        for part in _parts(row, result):
            _row(page, part, changed)
    return bytes(page.output())


_Part = list[tuple[Cell, list[str]]]


def _parts(row: tuple[Cell, ...], result: dict[str, Any]) -> list[_Part]:
    """Return a row with its values; a list too long for a page as several rows."""
    filled = [(cell, certificate.lines(cell.field, result[cell.field])) for cell in row]
    if len(filled) > 1:
        return [filled]
    cell, values = filled[0]
    starts = range(0, max(len(values), 1), LONGEST_BOX)
    return [[(cell, values[start : start + LONGEST_BOX])] for start in starts]


def _head(page: _Page, result: dict[str, Any]) -> None:
    page.write_text("COMPROVANTE DE INSCRIÇÃO E DE SITUAÇÃO CADASTRAL", 8, ACCENT, bold=True)
    page.ln(1.5)
    name = result["nome_empresarial"] or "Empresa sem nome no cadastro"
    page.write_text(name, 16, INK, bold=True, line=7.5)
    page.write_text(f"CNPJ {words.document(result['cnpj'])}", 11, MUTED, line=6)
    page.ln(1.5)
    if result["situacao_cadastral"]:
        _badge(page, *words.situation(result["situacao_cadastral"]))
    page.ln(3)


def _badge(page: _Page, text: str, tone: words.Tone) -> None:
    ground, ink = TONES[tone]
    page.set_font("Manrope", "B", 9)
    page.set_fill_color(ground)
    page.set_text_color(ink)
    width = page.get_string_width(text) + 8
    page.rect(page.get_x(), page.get_y(), width, 6, "F", round_corners=True, corner_radius=3)
    page.cell(width, 6, text, align="C", new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _row(page: _Page, cells: _Part, changed: set[str]) -> None:
    """Draw boxes side by side, all as tall as the tallest, on the next page if need be."""
    height = max(_height(page, cell, values) for cell, values in cells)
    if page.will_page_break(height):
        page.add_page()
    left, top = page.l_margin, page.get_y()
    for cell, values in cells:
        width = WIDTH_MM * cell.width / certificate.COLUMNS
        _box(page, (left, top, width, height), cell, values, is_changed=cell.field in changed)
        left += width
    page.set_xy(page.l_margin, top + height)


def _height(page: _Page, cell: Cell, values: list[str]) -> float:
    width = WIDTH_MM * cell.width / certificate.COLUMNS
    lines = sum(page.lines_of(value, width) for value in values) or 1
    return LABEL_MM + LINE_MM * lines + 2 * PADDING_MM - 0.8


def _box(
    page: _Page,
    place: tuple[float, float, float, float],
    cell: Cell,
    values: list[str],
    *,
    is_changed: bool,
) -> None:
    left, top, width, height = place
    page.set_draw_color(LINE)
    page.set_fill_color(CHANGED if is_changed else (255, 255, 255))
    page.rect(left, top, width, height, "DF")
    inner = width - 2 * PADDING_MM
    page.set_xy(left + PADDING_MM, top + PADDING_MM - 0.6)
    label = f"{cell.label} (mudou)" if is_changed else cell.label
    page.write_text(label, 6.8, MUTED, bold=True, width=inner, line=LABEL_MM)
    page.set_x(left + PADDING_MM)
    for value in values or [certificate.UNKNOWN]:
        page.write_text(value, 9.5, INK if values else MUTED, width=inner)
