from tests.fuzz.target import CORPUS, read, seeds


def test_what_fuzzing_once_found_is_still_read() -> None:
    inputs = [*seeds(), *(path.read_bytes() for path in sorted(CORPUS.iterdir()))]

    for data in inputs:
        read(data)

    assert len(inputs) > 20
