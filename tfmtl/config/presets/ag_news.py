"""AG News (Zhang et al. 2015, https://arxiv.org/abs/1509.01626).

The rows also contain a `title`, which a second task on the same source can write:

```yaml
tasks:
  topic: {preset: ag_news}
  title: {kind: summarization, source: ag_news, text: description, summary: title, max_length: 32}
```
"""

from typing import Any

from tfmtl.core.registry import PRESETS


@PRESETS.register("ag_news")
def ag_news() -> dict[str, Any]:
    """AG News: the topic of a news item, one of four; its title can be a second task."""
    return {
        "source": {"format": "tfds", "name": "ag_news_subset", "train": "train", "test": "test"},
        "task": {
            "kind": "classification",
            "text": "description",
            "label": "label",
            "labels": ["World", "Sports", "Business", "Sci/Tech"],
        },
    }
