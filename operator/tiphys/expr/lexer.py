"""Text of an expr-lang expression becomes tokens.

Source: expr-lang 1.17's grammar.
"""

import re
from typing import NamedTuple

from tiphys.errors import ExpressionError

WORD_OPERATORS = frozenset(
    {"in", "or", "and", "matches", "contains", "startsWith", "endsWith", "let", "not", "if", "else"},
)
MAX_LENGTH = 65_536
MAX_TOKENS = 12_000

_TOKEN = re.compile(
    r"""
    (?P<space>\s+|//[^\n]*|/\*.*?\*/)
  | (?P<number>0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|(?:\d[\d_]*)?\.\d[\d_]*(?:[eE][+-]?\d+)?
      |\d[\d_]*(?:\.(?!\.)[\d_]*)?(?:[eE][+-]?\d+)?)
  | (?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
  | (?P<raw>`(?:[^`]|``)*`)
  | (?P<name>[^\W\d]\w*|\$\w*)
  | (?P<operator>\?\.|\?\?|\?|\|\||\||&&|==|!=|<=|>=|\*\*|\.\.|::|[-+*/%^!<>=.,:;\#])
  | (?P<bracket>[()\[\]{}])
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(
    r"\\(?:[xX]([0-9a-fA-F]{2})|u\{([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|(.))", re.DOTALL
)
_PLAIN = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_SELF = frozenset("\\'\"`?")


class Token(NamedTuple):
    """One token: kind `number`, `text`, `name`, `operator`, `bracket` or `end`, its text, and where it starts."""

    kind: str
    text: str
    position: int


def _unescape(text: str, position: int) -> str:
    def replace(found: re.Match[str]) -> str:
        code = found.group(1) or found.group(2) or found.group(3) or found.group(4)
        if code is not None:
            return chr(int(code, 16))
        if found.group(5) is not None:
            return chr(int(found.group(5), 8))
        letter = found.group(6)
        if letter not in _SELF and letter not in _PLAIN:
            raise ExpressionError(f"unable to unescape string, invalid escape \\{letter}", source=text, position=position)
        return _PLAIN.get(letter, letter)

    try:
        return _ESCAPE.sub(replace, text)
    except (ValueError, OverflowError) as e:
        raise ExpressionError(f"unable to unescape string: {e}", source=text, position=position) from e


def tokens(source: str) -> list[Token]:
    """The tokens of `source`, an `end` last.

    Raises:
        ExpressionError: A character or literal is none of the language; or the text is longer than 64 KiB.
    """
    if len(source) > MAX_LENGTH:
        raise ExpressionError("expression is longer than 64 KiB", source=source[:80])
    found, position = [], 0
    while position < len(source):
        match = _TOKEN.match(source, position)
        if match is None:
            raise ExpressionError(f"unrecognized character: {source[position]!r}", source=source, position=position)
        token = _token(match, source)
        if token is not None:
            found.append(token)
            if len(found) > MAX_TOKENS:
                raise ExpressionError(f"expression has more than {MAX_TOKENS} tokens", source=source[:80])
        position = match.end()
    found.append(Token("end", "", len(source)))
    return found


def _token(match: re.Match[str], source: str) -> Token | None:
    kind, text, start = match.lastgroup or "", match.group(), match.start()
    match kind:
        case "space":
            return None
        case "number":
            after = source[match.end() : match.end() + 1]
            if after.isalnum() or after in ("_", "$"):
                raise ExpressionError(f"bad number syntax: {text + after!r}", source=source, position=start)
            return Token(kind, text, start)
        case "text":
            return Token(kind, _unescape(text[1:-1], start), start)
        case "raw":
            return Token("text", text[1:-1].replace("``", "`"), start)
        case "name" if text in WORD_OPERATORS:
            return Token("operator", text, start)
        case _:
            return Token(kind, text, start)
