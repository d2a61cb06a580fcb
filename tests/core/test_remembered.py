from core.remembered import Remembered


def test_a_value_is_remembered_for_its_time() -> None:
    lasting, passing = (Remembered[str, int](seconds, most=10) for seconds in (60.0, 0.0))
    for memory in (lasting, passing):
        memory.put("a", 1)

    assert lasting.get("a") == 1
    assert passing.get("a") is None
    assert lasting.get("b") is None


def test_the_oldest_make_room() -> None:
    memory = Remembered[str, int](60.0, most=2)
    for name in ("a", "b", "a", "c"):
        memory.put(name, 1)

    assert [memory.get(name) for name in ("a", "b", "c")] == [1, None, 1]
