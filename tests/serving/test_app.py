"""The API, asked through HTTP without a network."""

import json
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("fastapi")
pytest.importorskip("httpx")
pytest.importorskip("prometheus_client")
pytest.importorskip("python_multipart")

from starlette.testclient import TestClient

from mfn.recognition.gallery import Gallery
from mfn.serving.app import make_app
from mfn.serving.engine import Queue
from mfn.serving.guard import Rules
from mfn.serving.keys import Keys
from mfn.serving.looking import Encoded, Looker
from tests.serving.stubs import NOBODY, embedder, engine_maker, person, png

KEY = "0123456789abcdef"
NAMES = ["Ada", 'O\'Neil "Bob"', "a/b/../c", "😀 né", "x\ny", "%2F?#&", "ключ " * 20]


def client(rules: Rules | None = None, gallery: Path | None = None, **options: Any) -> TestClient:
    return TestClient(make_app(engine_maker(gallery, **options), rules or Rules()), raise_server_exceptions=False)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[TestClient]:
    with client(gallery=tmp_path / "g.mfng") as found:
        yield found


def photo(*faces: np.ndarray) -> dict[str, tuple[str, bytes]]:
    return {"photo": ("photo.png", png(*faces))}


def enroll(served: TestClient, name: str, number: int, grain: int = 0) -> dict[str, Any]:
    answer = served.post("/enroll", data={"name": name}, files=photo(person(number, grain)))
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_two_photos_are_compared(served: TestClient) -> None:
    for other, said in ((person(1, 1), "same"), (person(2), "different")):
        answer = served.post("/verify", files={"first": png(person(1)), "second": png(other)}).json()
        assert answer["answer"] == said
        assert answer["threshold"]["cosine"] == 0.5
        assert answer["first"]["box"] == [0, 0, 112, 112]
        assert answer["first"]["embedding"] is None


def test_near_the_threshold_it_is_not_sure() -> None:
    with client(band=0.99) as served:
        answer = served.post("/verify", files={"first": png(person(1)), "second": png(person(2))}).json()
    assert answer["answer"] == "not sure"


@pytest.mark.parametrize(
    ("second", "several", "status", "words"),
    [
        (NOBODY, "skip", 422, "the second photo: no face was found"),
        (png(person(1), person(2)), "skip", 422, "2 faces were found"),
        (png(person(1), person(2)), "largest", 200, ""),
        (png(person(1))[:200], "skip", 400, "the second photo"),
        (b"hello", "skip", 400, "the second photo: these 5 bytes are no whole"),
        (b"", "skip", 400, "the second photo"),
        (png(*[person(1)] * 100), "skip", 413, "million"),
        (png(person(1)), "all", 422, "several"),
    ],
)
def test_what_is_no_answer_is_never_different(
    served: TestClient, second: bytes, several: str, status: int, words: str
) -> None:
    answer = served.post("/verify", files={"first": png(person(1)), "second": second}, data={"several": several})
    assert answer.status_code == status
    assert set(answer.json()) == {"error"} if status != 200 else answer.json()["answer"] == "same"
    assert words in answer.json().get("error", "")


def test_faces_are_told_with_embeddings_on_request(served: TestClient) -> None:
    files = photo(person(1), person(2))
    plain, full = (served.post("/faces", params=asked, files=files).json() for asked in ({}, {"embedding": True}))
    assert (plain["width"], plain["height"], len(plain["faces"])) == (224, 112, 2)
    assert plain["faces"][1]["box"][0] == 112
    assert plain["faces"][0]["embedding"] is None
    assert np.linalg.norm(full["faces"][0]["embedding"]) == pytest.approx(1, abs=1e-5)
    assert served.post("/faces", files={"photo": NOBODY}).status_code == 422


def test_people_come_are_known_and_go(served: TestClient) -> None:
    empty = served.post("/identify", files=photo(person(1))).json()
    assert (empty["threshold"], empty["faces"][0]["answer"], empty["faces"][0]["matches"]) == (None, "unknown", [])
    assert enroll(served, "Ada", 1)["added"] == 1
    assert enroll(served, " Ada", 1)["added"] == 0
    assert enroll(served, "Ada", 1, grain=2)["images"] == 2
    like = enroll(served, "Eve", 1, grain=3)
    assert [each["name"] for each in like["resembles"]] == ["Ada"]
    served.delete("/people/Eve")
    enroll(served, "Bob", 2)
    answer = served.post("/identify", params={"k": 2}, files=photo(person(3), person(1, 5), person(2, 5))).json()
    assert [(face["answer"], face["name"]) for face in answer["faces"]] == [
        ("unknown", None),
        ("known", "Ada"),
        ("known", "Bob"),
    ]
    assert len(answer["faces"][0]["matches"]) == 2
    assert served.get("/people").json() == {"people": [{"name": "Ada", "images": 2}, {"name": "Bob", "images": 1}]}
    assert served.delete("/people/Ada").json() == {"name": "Ada", "removed": 2}
    assert served.post("/identify", files=photo(person(1))).json()["faces"][0]["name"] is None


@pytest.mark.parametrize("name", NAMES)
def test_names_of_any_kind_come_and_go(served: TestClient, name: str) -> None:
    kept = enroll(served, name, 1)["name"]
    assert kept == name.strip()
    assert served.get("/people").json()["people"] == [{"name": kept, "images": 1}]
    assert served.delete("/people", params={"name": name}).json()["removed"] == 1
    assert served.delete("/people", params={"name": name}).status_code == 404
    assert served.get("/people").json()["people"] == []


def test_nobody_is_removed_without_a_name(served: TestClient) -> None:
    enroll(served, "Ada", 1)
    assert served.delete("/people").status_code == 422
    assert served.delete("/people/").status_code == 422
    assert served.delete("/people", params={"name": " "}).status_code == 422
    assert len(served.get("/people").json()["people"]) == 1


def test_slashes_in_paths_are_part_of_a_name(served: TestClient) -> None:
    enroll(served, "a/b", 1)
    assert served.get("/people/a%2Fb").json()["faces"][0]["source"] == "photo.png"
    assert served.delete("/people/a/b").json()["removed"] == 1
    assert served.get("/people/a/b").status_code == 404


@pytest.mark.parametrize("name", ["", " ", "x" * 1001, "a\0b"])
def test_names_that_are_none_are_refused(served: TestClient, name: str) -> None:
    answer = served.post("/enroll", data={"name": name}, files=photo(person(1)))
    assert answer.status_code == 422
    assert "error" in answer.json()


def test_photos_that_are_not_good_enough_are_not_enrolled(served: TestClient) -> None:
    for faces, words in (((person(1), person(2)), "2 faces"), ((np.full((60, 60, 3), 9, np.uint8),), "no face")):
        answer = served.post("/enroll", data={"name": "Ada"}, files=photo(*faces))
        assert answer.status_code == 422
        assert words in answer.json()["error"]
    assert served.get("/people").json()["people"] == []


def test_without_a_gallery_the_rest_works() -> None:
    with client() as served:
        assert served.post("/faces", files=photo(person(1))).status_code == 200
        for answer in (served.get("/people"), served.post("/identify", files=photo(person(1)))):
            assert answer.status_code == 409
            assert "--gallery" in answer.json()["error"]


def test_what_was_answered_is_in_the_file(tmp_path: Path) -> None:
    with client(gallery=tmp_path / "g.mfng") as served:
        enroll(served, "Ada", 1)
        with Gallery.open(tmp_path / "g.mfng", embedder()) as beside:  # another process sees it at once
            assert [each.name for each in beside.people()] == ["Ada"]
            beside.rename("Ada", "Eve")
        assert served.post("/identify", files=photo(person(1))).json()["faces"][0]["name"] == "Eve"


def test_many_at_once_get_their_own_answers_and_a_broken_one_fails_alone(served: TestClient) -> None:
    def ask(number: int) -> tuple[int, str]:
        data = b"broken" if number % 5 == 4 else png(person(number))
        answer = served.post("/verify", files={"first": data, "second": png(person(number, 9))})
        return answer.status_code, answer.json().get("answer", "")

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(40)))
    assert answers == [(400, "") if number % 5 == 4 else (200, "same") for number in range(40)]


def test_a_full_queue_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()

    def slow(self: Looker, photos: list[Encoded]) -> list[Exception]:
        gate.wait(10)
        return [ValueError("nothing")] * len(photos)

    monkeypatch.setattr(Looker, "__call__", slow)
    with client(queue=Queue(batch=1, wait=0, room=2)) as served, ThreadPoolExecutor(6) as pool:
        asked = [pool.submit(served.post, "/faces", files=photo(person(1))) for _ in range(6)]
        while sum(each.done() for each in asked) < 3:
            pass
        gate.set()
        statuses = sorted(each.result().status_code for each in asked)
    assert statuses == [500, 500, 500, 503, 503, 503]


def test_keys_are_needed_where_there_are_keys(tmp_path: Path) -> None:
    with client(Rules(keys=Keys([KEY])), tmp_path / "g.mfng") as served:
        assert served.get("/health").status_code == 200
        assert served.get("/docs").status_code == 200
        asked: list[dict[str, str]] = [
            {},
            {"X-API-Key": "x" * 16},
            {"Authorization": "Basic " + KEY},
            {"X-API-Key": "é"},
        ]
        for headers in asked:
            encoded = {name: value.encode("latin-1") for name, value in headers.items()}
            for path in ("/people", "/metrics", "/nothing"):
                answer = served.get(path, headers=encoded)  # type: ignore[arg-type]
                assert answer.status_code == 401
                assert answer.json()["error"]
        for headers in ({"X-API-Key": KEY}, {"Authorization": f"Bearer {KEY}"}, {"authorization": f"bearer {KEY}"}):
            assert served.get("/people", headers=headers).status_code == 200


def test_a_key_asks_so_often_a_minute(tmp_path: Path) -> None:
    with client(Rules(keys=Keys([KEY, KEY[::-1]]), rate=3), tmp_path / "g.mfng") as served:
        mine, other = {"X-API-Key": KEY}, {"X-API-Key": KEY[::-1]}
        statuses = [served.get("/people", headers=mine).status_code for _ in range(4)]
        assert statuses == [200, 200, 200, 429]
        late = served.get("/people", headers=mine)
        assert 1 <= int(late.headers["Retry-After"]) <= 20
        assert "error" in late.json()
        assert served.get("/people", headers=other).status_code == 200
        assert [served.get("/people").status_code for _ in range(4)] == [401, 401, 401, 429]
        assert served.get("/health").status_code == 200


def test_too_much_is_refused_before_it_is_read() -> None:
    sent = 0

    def chunks() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(100):
            sent += 1000
            yield b"x" * 1000

    with client(Rules(most_bytes=5000)) as served:
        for body in (b"x" * 5001, chunks()):
            answer = served.post("/faces", content=body, headers={"Content-Type": "multipart/form-data; boundary=b"})
            assert answer.status_code == 413
            assert "error" in answer.json()


def test_photos_do_not_go_to_files(served: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_file(*arguments: Any, **words: Any) -> None:
        raise AssertionError("a file was opened")

    monkeypatch.setattr(tempfile, "_TemporaryFileWrapper", no_file)
    monkeypatch.setattr(tempfile, "TemporaryFile", no_file)
    noise = np.random.default_rng(0).integers(0, 256, (112, 112 * 30, 3)).astype(np.uint8)
    assert len(png(noise)) > 2**20
    assert len(served.post("/faces", files=photo(noise)).json()["faces"]) == 30


def test_pages_of_other_sites_may_not_use_a_server_of_this_machine() -> None:
    with client(Rules(is_local=True)) as served:
        for headers, status in (
            ({"Host": "127.0.0.1:8421"}, 200),
            ({"Host": "localhost"}, 200),
            ({"Host": "[::1]:8421"}, 200),
            ({"Host": "evil.example"}, 403),
            ({"Host": "127.0.0.1.evil.example"}, 403),
            ({"Host": "127.0.0.1:8421", "Origin": "http://127.0.0.1:8421"}, 200),
            ({"Host": "127.0.0.1:8421", "Origin": "http://evil.example"}, 403),
            ({"Host": "127.0.0.1:8421", "Origin": "http://127.0.0.1:9999"}, 403),
            ({"Host": "127.0.0.1:8421", "Origin": "null"}, 403),
        ):
            assert served.get("/health", headers=headers).status_code == status, headers


def test_errors_are_json_everywhere(served: TestClient) -> None:
    for answer in (
        served.get("/nothing"),
        served.put("/verify"),
        served.post("/verify"),
        served.post("/verify", files={"first": png(person(1))}),
        served.post("/verify", data={"first": "text", "second": "text"}),
        served.post("/verify", content=b"{}", headers={"Content-Type": "application/json"}),
        served.post("/faces", content=b"--b", headers={"Content-Type": "multipart/form-data; boundary=b"}),
        served.post("/faces", content=b"x", headers={"Content-Type": "multipart/form-data"}),
        served.post("/identify", params={"k": 0}, files=photo(person(1))),
    ):
        assert 400 <= answer.status_code < 500, answer.text
        assert list(answer.json()) == ["error"]


def test_the_page_and_the_description_need_nothing_else(served: TestClient) -> None:
    page = served.get("/docs")
    assert "://" not in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    api = served.get("/openapi.json").json()
    assert {"/verify", "/identify", "/enroll", "/people", "/people/{name}", "/faces", "/health", "/metrics"} == set(
        api["paths"]
    )
    assert api["components"]["schemas"]["Problem"]["properties"].keys() == {"error"}
    assert "HTTPValidationError" not in json.dumps(api)


def test_metrics_count_and_name_nobody(served: TestClient) -> None:
    enroll(served, "Ada", 1)
    served.get("/people/Ada")
    served.get("/Ada")
    served.post("/faces", files={"photo": NOBODY})
    text = served.get("/metrics").text
    assert 'mfn_requests_total{method="POST",route="/enroll",status="200"} 1.0' in text
    assert 'mfn_requests_total{method="POST",route="/faces",status="422"} 1.0' in text
    assert "mfn_batch_photos_count 2.0" in text
    assert "Ada" not in text
