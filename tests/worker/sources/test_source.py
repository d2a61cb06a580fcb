import threading

from tests.worker.sources.service import Service
from worker.sources.company import Company
from worker.sources.http import new_session
from worker.sources.source import Source

CNPJ = "12345678000195"


def test_a_page_that_takes_long_to_read_holds_up_nobody(service: Service) -> None:
    begun, end = threading.Event(), threading.Event()

    def read_slowly(_body: bytes, cnpj: str) -> Company:
        begun.set()
        end.wait(30)
        return Company(cnpj)

    slow = Source("slow", read_slowly, letters=True)
    quick = Source("quick", lambda _body, cnpj: Company(cnpj), letters=True)
    for name in ("slow", "quick"):
        service.says(name, 200, b"a page")
    with new_session() as session:
        asked = (CNPJ, service.options("slow"), session)
        reader = threading.Thread(target=slow.fetch, args=asked, daemon=True)
        reader.start()
        assert begun.wait(10)

        assert quick.fetch(CNPJ, service.options("quick"), session) == Company(CNPJ)

        assert reader.is_alive()
        end.set()
        reader.join(10)
