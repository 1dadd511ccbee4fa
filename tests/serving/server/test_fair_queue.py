from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tfmtl.serving.server.fair_queue import FairQueue


def answered(queue):
    """The requests in the order in which they are answered, one at a time."""
    found = []
    while queue:
        found.append(next(iter(queue)))
        queue.take(found[-1:])
    return found


def test_clients_take_turns_whatever_they_ask():
    queue = FairQueue()
    for number in range(4):
        queue.push(f"large {number}", "large", 64)
    for number in range(3):
        queue.push(f"small {number}", "small", 1)
    assert answered(queue)[:4] == ["small 0", "small 1", "small 2", "large 0"]


def test_who_comes_later_does_not_wait_for_what_others_have_asked_before():
    queue = FairQueue()
    for number in range(10):
        queue.push(("many", number), "many", 1)
    queue.take(list(queue)[:1])
    queue.push("single", "single", 1)
    assert "single" in answered(queue)[:2]


def test_what_is_dropped_is_not_answered():
    queue = FairQueue()
    items = [object() for _ in range(3)]
    for item in items:
        queue.push(item, "a", 1)
    queue.drop(items[1])
    queue.drop(items[1])
    assert answered(queue) == [items[0], items[2]] and len(queue) == 0


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 64)), max_size=60))
def test_requests_of_a_client_keep_their_order_and_clients_get_equal_shares(requests):
    queue = FairQueue()
    for number, (client, cost) in enumerate(requests):
        queue.push((client, cost, number), client, cost)
    order = answered(queue)
    assert sorted(number for _, _, number in order) == list(range(len(requests)))
    for client in range(4):
        numbers = [number for owner, _, number in order if owner == client]
        assert numbers == sorted(numbers)
    # Of two clients that both still wait, none has been given more than one request beyond the other's share.
    served: Counter = Counter()
    for place, (client, cost, _) in enumerate(order):
        waiting = {owner for owner, _, _ in order[place:]} - {client}
        served[client] += cost
        assert all(served[client] - cost <= served[other] + 64 for other in waiting)
