"""Write the teaching material that follows from the chapters, the scenes and the test: `python -m train docs` writes it too.

docs/teach/links.md        a link to every prepared scene and every chapter
docs/teach/worksheets.md   a page to print for each chapter
docs/teach/key.md          the answers, for teachers
"""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

from dmfa_demo.app.lessons.lessons import LESSONS, query_of
from dmfa_demo.app.lessons.quiz import ITEMS
from dmfa_demo.app.sharing.examples import EXAMPLES

FOLDER = Path("docs/teach")
# Where `make run` serves the page; a teacher replaces it by the address of their own.
PAGE = "http://127.0.0.1:7860/"

_NOTICE = "<!-- Written by `python -m train docs` from dmfa_demo/app/lessons/ and dmfa_demo/app/sharing/examples.py. Edit those. -->\n\n"
_LETTERS = "ABCDEF"
_LINES = '<div class="lines"></div>'


def pages() -> dict[str, str]:
    """Return the text of each file, by name."""
    return {"links.md": _links(), "worksheets.md": _worksheets(), "key.md": _key()}


def write(repository: Path) -> None:
    """Write the files into docs/teach of a repository."""
    (repository / FOLDER).mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (repository / FOLDER / name).write_text(text)


def _links() -> str:
    scenes = "".join(
        f"| {number} | [{example.title}]({PAGE}?{example.query}) | {example.sentence} | {example.ask} |\n"
        for number, example in enumerate(EXAMPLES, 1)
    )
    chapters = "".join(
        f"| {number} | [{lesson.title}]({PAGE}?{query_of(number)}) | {_plain(lesson.sight)} |\n"
        for number, lesson in enumerate(LESSONS, 1)
    )
    return (
        f"{_NOTICE}# Links to scenes and chapters\n\nEach link opens the page as `make run` serves it. For a page that is hosted elsewhere, replace "
        f"`{PAGE}` by its address. Add `&truth=covered` to open a scene with the truth covered, `&truth=everything` to cover the methods' answers too, and `&present=1` to open it for a projector.\n\n"
        f"## Scenes\n\n| | Scene | What to see | What to ask first |\n| ---: | --- | --- | --- |\n{scenes}\n"
        f"## Chapters\n\n| | Chapter on its own picture | What to see |\n| ---: | --- | --- |\n{chapters}"
    )


def _worksheets() -> str:
    text = (
        f"{_NOTICE}# Worksheets\n\nOne page for each chapter of the tab Learn. Print this page from the browser: every chapter begins on a new sheet. "
        "The answers are in the [key](key.md).\n"
    )
    for number, lesson in enumerate(LESSONS, 1):
        options = "\n".join(f"- ☐ {letter}. {option}" for letter, option in zip(_LETTERS, lesson.options))
        text += f"""
<div class="sheet" markdown>

## {number}. {lesson.title}

**Before you look.** {_plain(lesson.question)}

{options}

How sure are you, in percent, and why?

{_LINES}

**On the page.** Open chapter {number}, *{lesson.short}*{", and *See it on its own picture*" if lesson.setting else ""}. What do you see there that speaks for your guess, or against it?

{_LINES}

**Check.** Write down the right answer. Explain in one sentence what you would tell a friend who chose another one.

{_LINES}

**Another picture.** Press *Ask me about another picture*. Write down the question, your answer, and the figures that the page gives.

{_LINES}

</div>
"""
    return text


def _key() -> str:
    text = f"{_NOTICE}# Key\n\n## Chapters\n"
    for number, lesson in enumerate(LESSONS, 1):
        letter, option = _LETTERS[lesson.answer], lesson.options[lesson.answer]
        text += f"\n**{number}. {lesson.title}.** {letter}: {option}. {_plain(lesson.because)} On its own picture: {_plain(lesson.sight)}\n"
    text += "\n## The test before and after\n\nStudents save their answers as a file. Nothing is sent to the server, and the page does not contain this key.\n"
    for number, item in enumerate(ITEMS, 1):
        text += f"\n{number}. {item.question} **{item.options[item.answer]}**. {item.because}\n"
    return text


def _plain(html: str) -> str:
    """Return the text of simple HTML."""
    return unescape(re.sub(r"<[^>]+>", "", html))
