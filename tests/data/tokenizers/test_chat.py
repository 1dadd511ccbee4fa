import json

import pytest

from tfmtl.core.errors import ConfigurationError
from tfmtl.data.tokenizers.chat import parts_of_instruction

TURNS = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{{ message['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
ALTERNATING = (
    "{{ bos_token }}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}[INST] {{ message['content'] | trim }} [/INST]{% endfor %}"
)


@pytest.fixture
def preset(tmp_path):
    """Writes a preset with a chat template."""

    def write(template, added=(), **said):
        (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": template, **said}))
        (tmp_path / "tokenizer.json").write_text(json.dumps({"added_tokens": [{"content": mark} for mark in added]}))
        return str(tmp_path)

    return write


def test_an_instruction_is_the_user_s_next_message(preset):
    folder = preset(TURNS, ["<|im_start|>"], bos_token="<|im_start|>", eos_token="<|im_end|>")
    # The end mark of the text is already there.
    assert parts_of_instruction(folder, "Give a title.") == [
        "\n",
        "<|im_start|>",
        "user\nGive a title.",
        "<|im_end|>",
        "\n",
        "<|im_start|>",
        "assistant\n",
    ]


def test_where_turns_must_alternate_it_is_the_rest_of_the_message(preset):
    folder = preset(ALTERNATING, ["[INST]", "[/INST]"], bos_token={"content": "<s>"}, eos_token={"content": "</s>"})
    assert parts_of_instruction(folder, "Give a title.") == ["\n\nGive a title. ", "[/INST]", ""]


def test_a_template_may_be_a_file_of_its_own(preset, tmp_path):
    folder = preset(None, eos_token="</s>")
    (tmp_path / "chat_template.jinja").write_text("{{ messages[0].content }}</s>Q: {{ messages[1].content }} A:")
    assert parts_of_instruction(folder, "Why?") == ["Q: Why? A:"]


def test_a_model_without_a_chat_reads_a_line(tmp_path):
    assert parts_of_instruction(str(tmp_path), "TL;DR") == ["\nTL;DR\n"]


def test_a_template_that_fails_is_named(preset):
    with pytest.raises(ConfigurationError, match=r"the chat template of '.*' cannot be used: never"):
        parts_of_instruction(preset("{{ raise_exception('never') }}"), "x")


def test_a_template_cannot_run_programs(preset):
    with pytest.raises(ConfigurationError, match="unsafe"):
        parts_of_instruction(preset("{{ messages.__class__.__mro__[1].__subclasses__() }}"), "x")
