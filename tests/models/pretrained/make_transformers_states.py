"""Writes `transformers_states.json`: what Transformers makes of two real models, with which `test_loading.py` compares.

    python tests/models/pretrained/make_transformers_states.py FOLDER

FOLDER holds `minilm` (all-MiniLM-L6-v2) and `smollm2` (SmolLM2-135M-Instruct) in the layout of Transformers. Needs the
packages `torch` and `transformers`, which are not among the dependencies of tfmtl.
"""

import json
import sys
from pathlib import Path

import torch
import transformers

TEXTS = ["The train to Berlin leaves at 17:45.", "Refunds take 3 to 5 days, don't they?", "Naïve Zoë, café 7"]


def states(folder: Path) -> dict:
    """Returns the ids of each text and its last states, of which every seventh value is kept."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder).eval()
    ids = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in TEXTS]
    with torch.no_grad():
        found = [model(torch.tensor([row])).last_hidden_state[0, :, ::7].double().numpy().round(6) for row in ids]
    return {"texts": TEXTS, "ids": ids, "states": [row.tolist() for row in found]}


if __name__ == "__main__":
    made = {name: states(Path(sys.argv[1]) / name) for name in ("minilm", "smollm2")}
    made["versions"] = {"transformers": transformers.__version__, "torch": torch.__version__}
    Path(__file__).with_name("transformers_states.json").write_text(json.dumps(made) + "\n", encoding="utf-8")
