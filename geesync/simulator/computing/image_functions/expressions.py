"""Image.parseExpression: formulas as texts, made into functions of images."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from geesync.simulator.computing.arguments import Algorithm, functions, refused
from geesync.simulator.computing.image_functions.calculations import BINARY, UNARY
from geesync.simulator.computing.image_functions.image_bands import selected
from geesync.simulator.computing.image_functions.image_math import IMAGE_MATH
from geesync.simulator.computing.images import Image, constant_band
from geesync.simulator.computing.scene import Scene

Images = Mapping[str, Image]
Value = Callable[[Images], Image]

TOKEN = re.compile(
    r"""\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_]\w*)
    |(?P<text>"[^"]*"|'[^']*')|(?P<sign>\*\*|<<|>>|[<>=!]=|&&|\|\||[-+*/%&|<>!~?:()\[\].,]))""",
    re.VERBOSE,
)
#: From the loosest to the tightest: sign → function.
LEVELS: tuple[dict[str, str], ...] = (
    {"||": "or"},
    {"&&": "and"},
    {"|": "bitwiseOr"},
    {"&": "bitwiseAnd"},
    {"==": "eq", "!=": "neq"},
    {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"},
    {"<<": "leftShift", ">>": "rightShift"},
    {"+": "add", "-": "subtract"},
    {"*": "multiply", "/": "divide", "%": "mod"},
)
PREFIXES = {"!": "not", "~": "bitwiseNot"}


class _Parser:
    """Reads one formula by recursive descent; each method reads what binds tighter first."""

    def __init__(self, text: str, default: str, names: list[str], scene: Scene) -> None:
        self._scene = scene
        self._tokens = _tokens(text)
        self._default = default
        self._names = names

    def formula(self) -> Value:
        value = self._choice()
        if self._tokens:
            raise _wrong(f"unexpected '{self._tokens[0]}'")
        return value

    def _choice(self) -> Value:
        test = self._level(0)
        if not self._taken("?"):
            return test
        then = self._choice()
        self._expect(":")
        other = self._choice()
        where = self._function("where")
        # A masked test must not let the other value through: both are brought to one mask.
        return lambda images: where(images, other, test, then)

    def _level(self, depth: int) -> Value:
        if depth == len(LEVELS):
            return self._prefixed()
        value = self._level(depth + 1)
        while self._tokens and self._tokens[0] in LEVELS[depth]:
            change = self._function(LEVELS[depth][self._tokens.pop(0)])
            value = _applied(change, value, self._level(depth + 1))
        return value

    def _prefixed(self) -> Value:
        if self._taken("-"):
            return _applied(self._function("multiply"), self._prefixed(), _number(-1))
        if self._taken("+"):
            return self._prefixed()
        for sign, name in PREFIXES.items():
            if self._taken(sign):
                return _applied(self._function(name), self._prefixed())
        value = self._primary()
        if self._taken("**"):
            return _applied(self._function("pow"), value, self._prefixed())
        return value

    def _primary(self) -> Value:
        word = self._next()
        if word == "(":
            value = self._choice()
            self._expect(")")
            return value
        if word[0].isdigit() or word[0] == ".":
            return _number(float(word) if set(word) & set(".eE") else int(word))
        if word[0].isalpha() or word[0] == "_":
            return self._named(word)
        raise _wrong(f"unexpected '{word}'")

    def _named(self, name: str) -> Value:
        if name == "b" and self._tokens[:1] == ["("]:
            return self._bands(self._default, ("(", ")"))
        if self._tokens[:1] == ["("]:
            return self._call(name)
        if name not in self._names:
            raise _wrong(f"unknown variable '{name}'")
        if self._tokens[:1] == ["["]:
            return self._bands(name, ("[", "]"))
        if self._taken("."):
            band = self._next()
            return lambda images: selected(images[name], [band])
        return lambda images: images[name]

    def _bands(self, name: str, around: tuple[str, str]) -> Value:
        self._expect(around[0])
        wanted: list[Any] = []
        while not self._taken(around[1]):
            token = self._next()
            wanted.append(int(token) if token.isdigit() else token.strip("\"'"))
            self._taken(",")
        return lambda images: selected(images[name], wanted) if wanted else images[name]

    def _call(self, name: str) -> Value:
        self._expect("(")
        given: list[Value] = []
        while not self._taken(")"):
            given.append(self._choice())
            self._taken(",")
        if name in UNARY and len(given) == 1:
            return _applied(self._function(name), given[0])
        if name not in BINARY or len(given) < 2:  # noqa: PLR2004 - of min and max there may be more
            raise _wrong(f"unknown function '{name}' of {len(given)} values")
        value = given[0]
        for other in given[1:]:
            value = _applied(self._function(name), value, other)
        return value

    def _function(self, name: str) -> Callable[..., Image]:
        """Return a function of images, given first the images and then the values."""
        function = IMAGE_MATH[f"Image.{name}"]

        def apply(images: Images, *values: Value) -> Image:
            given = (value(images) for value in values)
            named = dict(zip(function.required, given, strict=True))
            image: Image = function.apply(self._scene, named)
            return image

        return apply

    def _taken(self, token: str) -> bool:
        if self._tokens[:1] == [token]:
            del self._tokens[0]
            return True
        return False

    def _expect(self, token: str) -> None:
        if not self._taken(token):
            raise _wrong(f"'{token}' is missing")

    def _next(self) -> str:
        if not self._tokens:
            raise _wrong("it ends too early")
        return self._tokens.pop(0)


def _tokens(text: str) -> list[str]:
    found, position = [], 0
    text = text.strip()
    while position < len(text):
        match = TOKEN.match(text, position)
        if match is None:
            raise _wrong(f"unexpected '{text[position:].lstrip()[0]}'")
        found.append(match[0].strip())
        position = match.end()
    return found


def _wrong(why: str) -> Exception:
    return refused(f"Image.parseExpression: The expression cannot be read: {why}.")


def _number(value: float) -> Value:
    image = Image((constant_band(value),))
    return lambda _: image


def _applied(change: Callable[..., Image], *values: Value) -> Value:
    return lambda images: change(images, *values)


def _parse_expression(
    expression: str,
    arg_name: str,
    vars_: list[Any],
    *,
    scene: Scene,
    map_free_vars_to_default_image_bands: bool = False,
) -> Algorithm:
    if map_free_vars_to_default_image_bands:
        raise refused("Image.parseExpression: The simulator has no free variables.")
    value = _Parser(expression, arg_name, vars_, scene).formula()

    def algorithm(*given: Any) -> Image:
        images = {
            name: each if isinstance(each, Image) else Image((constant_band(each),))
            for name, each in zip(vars_, given, strict=True)
        }
        return value(images)

    return Algorithm(tuple(vars_), algorithm)


EXPRESSIONS = functions({"Image.parseExpression": _parse_expression})
