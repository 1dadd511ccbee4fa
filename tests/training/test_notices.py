import logging

from tfmtl.data.plan import task_shares
from tfmtl.training import notices
from tfmtl.training.notices import recommend_pretrained, warn_of_few_updates


def test_a_pretrained_trunk_is_recommended_where_rows_are_few(model, data, caplog, monkeypatch):
    trunk, rows = model.network.layers.sharing.trunk, sum(len(table.tokens) for table in data.tables)

    def recommended():
        caplog.clear()
        with caplog.at_level(logging.INFO, "tfmtl"):
            recommend_pretrained(trunk, data.tables)
        return caplog.messages

    (message,) = recommended()
    assert (
        message.startswith(f"only {rows} training rows to train an encoder from scratch; ")
        and "type: preset" in message
    )
    monkeypatch.setattr(notices, "FEW_ROWS", rows - 1)
    assert not recommended()
    monkeypatch.setattr(notices, "FEW_ROWS", rows)
    monkeypatch.setattr(type(trunk), "is_pretrained", True)
    assert not recommended()


def messages(caplog, network, tables, plan):
    caplog.clear()
    with caplog.at_level(logging.WARNING, "tfmtl"):
        warn_of_few_updates(network, tables, plan)
    return caplog.messages


def test_a_new_decoder_with_few_updates_is_named_with_their_number(model, data, caplog, monkeypatch):
    updates = int((task_shares(data.tables, data.plan)["title"] > 0).sum())
    assert 0 < updates < 500
    (message,) = messages(caplog, model.network, data.tables, data.plan)
    assert message.startswith(f"task 'title': only {updates} updates to train a new decoder; ")
    monkeypatch.setattr(notices, "FEWEST_UPDATES", updates)
    assert not messages(caplog, model.network, data.tables, data.plan)


def test_layers_that_can_write_need_no_number_of_updates(model, data, caplog, monkeypatch):
    monkeypatch.setattr(type(model.network.layers.sharing.trunk), "can_write", True)
    assert not messages(caplog, model.network, data.tables, data.plan)
