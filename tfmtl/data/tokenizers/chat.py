"""The form in which a chat model is told what to do with a text that it has read."""

import json
import re
from typing import Any

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tfmtl.core.errors import ConfigurationError
from tfmtl.data.tokenizers.preset_files import preset_file

_TEXT = "\u2402"
"""Stands for the text in a rendered chat; no template contains it."""


def parts_of_instruction(preset: str, instruction: str) -> list[str]:
    """Returns what follows a text and its end mark, as texts and names of special tokens in turn; a text comes first.

    The template of a chat model (`chat_template` of Transformers) has the text as the user's message, the instruction
    as the user's next message, or where it allows no second one, as the rest of the first, and ends where the model
    answers. A model without a template is given the instruction on a line of its own.

    Difference from a chat: what the template has before the text, such as a message of the system, is left out, so that
    all tasks, with or without an instruction, read a text in the same way.

    Args:
        preset: the name, handle or folder of the preset.
        instruction: the instruction.

    Raises:
        ConfigurationError: if the preset's template cannot be used.
    """
    said = _json(preset, "tokenizer_config.json")
    template = said.get("chat_template") or _text(preset, "chat_template.jinja")
    if not template:
        return [f"\n{instruction}\n"]
    marks = {name: _content(said.get(name)) for name in ("bos_token", "eos_token")}
    behind = _rendered(template, marks, instruction, preset).partition(_TEXT)[2].removeprefix(marks["eos_token"])
    added = _json(preset, "tokenizer.json").get("added_tokens", ())
    known = {*marks.values(), *map(_content, added)} - {""}
    longest_first = sorted(map(re.escape, known), key=len, reverse=True)
    return re.split(f"({'|'.join(longest_first)})", behind)


def _content(token: Any) -> str:
    """Returns the text of a token, which Transformers writes as itself or as one of its properties."""
    return token["content"] if isinstance(token, dict) else token or ""


def _json(preset: str, file: str) -> dict[str, Any]:
    return json.loads(_text(preset, file) or "{}")


def _text(preset: str, file: str) -> str:
    """Returns the content of a file; KerasHub's own presets have none of these."""
    try:
        return preset_file(preset, file).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""


def _rendered(template: str, marks: dict[str, str], instruction: str, preset: str) -> str:
    def refuse(message: str):
        raise jinja2.TemplateError(message)

    # A template is a program of whoever has made the preset.
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.globals["raise_exception"] = refuse
    reason = ""
    for chat in ([_TEXT, instruction], [f"{_TEXT}\n\n{instruction}"]):
        messages = [{"role": "user", "content": message} for message in chat]
        try:
            return environment.from_string(template).render(messages=messages, add_generation_prompt=True, **marks)
        except jinja2.TemplateError as error:
            reason = " ".join(str(error).split())[:200]
    raise ConfigurationError(f"model.encoder.preset: the chat template of '{preset}' cannot be used: {reason}")
