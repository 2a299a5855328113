import colorsys
import re
from typing import NamedTuple


class RGB(NamedTuple):
    red: int
    green: int
    blue: int

    @classmethod
    def parse(cls, text: str) -> "RGB":
        match = re.fullmatch(r"#?([0-9a-fA-F]{6})", text.strip())
        if match is None:
            raise ValueError(f"not a colour: {text}")
        value = int(match.group(1), 16)
        return cls(value >> 16, value >> 8 & 0xFF, value & 0xFF)

    @property
    def hex(self) -> str:
        return "#{:02x}{:02x}{:02x}".format(*self)

    def luminance(self) -> float:
        def linear(channel: int) -> float:
            c = channel / 255
            return c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4

        return 0.2126 * linear(self.red) + 0.7152 * linear(self.green) + 0.0722 * linear(self.blue)


def _rotate(colour: RGB, degrees: float) -> RGB:
    h, l, s = colorsys.rgb_to_hls(*(channel / 255 for channel in colour))
    return RGB(*(round(channel * 255) for channel in colorsys.hls_to_rgb((h + degrees / 360) % 1, l, s)))


SCHEMES = {"complement": [180], "triad": [120, 240], "analogous": [-30, 30]}


def color_palette(base: str, scheme: str = "complement") -> dict:
    """Build a palette from a base colour and report the contrast against white."""
    colour = RGB.parse(base)
    if scheme not in SCHEMES:
        raise ValueError(f"unknown scheme {scheme}, try {', '.join(SCHEMES)}")
    contrast = round(1.05 / (colour.luminance() + 0.05), 2)
    return {"base": colour.hex, "palette": [_rotate(colour, d).hex for d in SCHEMES[scheme]], "contrast_white": contrast, "readable": contrast >= 4.5}
