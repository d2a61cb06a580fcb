"""Line icons on a 24 x 24 grid, drawn in the colour of the text."""

from functools import cache

from markupsafe import Markup

_SVG = Markup(
    '<svg class="icon icon-{name}" width="{size}" height="{size}" viewBox="0 0 24 24" fill="none"'
    ' stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round"'
    ' aria-hidden="true" focusable="false">{shape}</svg>'
)
_SHAPES = {
    "home": '<path d="M4 11.5 12 5l8 6.5"/><path d="M6 10v9h12v-9"/><path d="M10 19v-5h4v5"/>',
    "agenda": (
        '<rect x="4" y="5.5" width="16" height="14.5" rx="2.5"/>'
        '<path d="M4 10h16M8.5 3.5v4M15.5 3.5v4"/>'
    ),
    "building": (
        '<path d="M5 20V5.5A1.5 1.5 0 0 1 6.5 4h7A1.5 1.5 0 0 1 15 5.5V20"/>'
        '<path d="M15 10h2.5A1.5 1.5 0 0 1 19 11.5V20M3 20h18M8.5 8h3M8.5 12h3M8.5 '
        '16h3"/>'
    ),
    "plus": '<path d="M12 5v14M5 12h14"/>',
    "user": (
        '<circle cx="12" cy="8.5" r="3.75"/><path d="M4.5 20c.6-3.8 3.7-6 7.5-6s6.9 2.2 7.5 6"/>'
    ),
    "upload": (
        '<path d="M12 15.5V4.5M7.5 8.5 12 4l4.5 4.5"/>'
        '<path d="M4.5 15.5V18A2 2 0 0 0 6.5 20h11a2 2 0 0 0 2-2v-2.5"/>'
    ),
    "download": (
        '<path d="M12 4v11.5M7.5 11.5 12 16l4.5-4.5"/>'
        '<path d="M4.5 15.5V18A2 2 0 0 0 6.5 20h11a2 2 0 0 0 2-2v-2.5"/>'
    ),
    "search": '<circle cx="10.5" cy="10.5" r="6"/><path d="m15 15 5 5"/>',
    "clock": '<circle cx="12" cy="12" r="8"/><path d="M12 7.5V12l3 2"/>',
    "queue": '<path d="M4.5 7h15M4.5 12h15M4.5 17h9"/>',
    "spinner": '<path d="M12 4a8 8 0 1 1-7.7 5.8"/>',
    "check": '<circle cx="12" cy="12" r="8"/><path d="m8.5 12.3 2.4 2.4 4.6-5"/>',
    "alert": '<path d="M12 4.5 21 19.5H3z"/><path d="M12 10v4.5M12 17v.1"/>',
    "ban": '<circle cx="12" cy="12" r="8"/><path d="m6.5 6.5 11 11"/>',
    "play": '<path d="M8 5.5v13l10.5-6.5z"/>',
    "pause": '<path d="M8.5 6v12M15.5 6v12"/>',
    "stop": '<rect x="6.5" y="6.5" width="11" height="11" rx="1.5"/>',
    "trash": '<path d="M4.5 7h15M9.5 7V4.5h5V7M6.5 7l.8 13h9.4l.8-13M10.3 10.5v6M13.7 10.5v6"/>',
    "pencil": (
        '<path d="m5 15.5-.8 4.3 4.3-.8L19.2 8.3a2.1 2.1 0 0 0 0-3l-.5-.5a2.1 2.1 0 0 '
        '0-3 0z"/>'
        '<path d="m14 6.5 3.5 3.5"/>'
    ),
    "printer": (
        '<path d="M7.5 9V4h9v5M7.5 16.5H5.5a1.5 1.5 0 0 1-1.5-1.5v-4A2 2 0 0 1 6 9h12a2 '
        '2 0 0 1 2 2v4a1.5 1.5 0 0 1-1.5 1.5h-2"/>'
        '<path d="M7.5 14h9v6h-9z"/>'
    ),
    "left": '<path d="m14.5 6-6 6 6 6"/>',
    "right": '<path d="m9.5 6 6 6-6 6"/>',
    "down": '<path d="m6 9.5 6 6 6-6"/>',
    "repeat": (
        '<path d="M5 11V9.5A3.5 3.5 0 0 1 8.5 6H19l-3-3M19 13v1.5a3.5 3.5 0 0 1-3.5 3.5H5l3 3"/>'
    ),
    "mail": (
        '<rect x="3.5" y="5.5" width="17" height="13" rx="2.5"/><path d="m4.5 8 7.5 5.5L19.5 8"/>'
    ),
    "bolt": '<path d="M13 3.5 5.5 13.5H11l-1 7 8-10.5H12.5z"/>',
    "shield": '<path d="M12 3.5 5 6v5.5c0 4.3 2.9 7.4 7 9 4.1-1.6 7-4.7 7-9V6z"/>',
    "gauge": '<path d="M4.5 17a8.5 8.5 0 1 1 15 0"/><path d="m12 14 4-5"/>',
    "pulse": '<path d="M3.5 12.5H8l2.5-7 4 13 2.5-6h3.5"/>',
    "info": '<circle cx="12" cy="12" r="8"/><path d="M12 11v5M12 8v.1"/>',
    "out": '<path d="M10 4.5H6.5a2 2 0 0 0-2 2v11a2 2 0 0 0 2 2H10M15 8l4.5 4-4.5 4M19 12H9.5"/>',
    "swap": '<path d="M4.5 8.5h13l-3.5-4M19.5 15.5h-13l3.5 4"/>',
    "arrow": '<path d="M5 12h14M13 6l6 6-6 6"/>',
}


@cache
def icon(name: str, size: int = 20) -> Markup:
    """Return the picture of a name; it says nothing to who cannot see it."""
    return _SVG.format(name=name, size=size, shape=Markup(_SHAPES[name]))  # noqa: S704 ours
