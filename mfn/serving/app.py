"""The REST API."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from fastapi import FastAPI, File, Form, Query, Request, Response, Security, UploadFile
from fastapi.exceptions import RequestValidationError
from fastapi.security import APIKeyHeader, HTTPBearer
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartParser

from mfn.about import mfn_version
from mfn.recognition.gallery import Gallery
from mfn.serving.answers import (
    Chosen,
    Enrolled,
    EnrolledFace,
    Faces,
    Health,
    Identified,
    Likely,
    NamedFace,
    OneFace,
    OnePerson,
    People,
    PersonFaces,
    Problem,
    Removed,
    Verified,
)
from mfn.serving.engine import Engine, known_name
from mfn.serving.guard import Guard, Rules
from mfn.serving.looking import Encoded
from mfn.serving.meters import Metered, Meters
from mfn.serving.refusal import RefusalError
from mfn.text import printable

Several: TypeAlias = Annotated[
    Literal["skip", "largest", "central"], Form(description="Which of several faces is meant; skip: that is an error.")
]
Photo: TypeAlias = Annotated[UploadFile, File(description="JPEG, PNG, WebP, AVIF, HEIC, TIFF, ...")]
PAGE = Path(__file__).parent / "pages" / "docs.html"
_PAGE_MAY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:"
)
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": Problem, "description": "Why there is no answer."},
    422: {"model": Problem, "description": "No face was found, several were, or something is missing."},
    503: {"model": Problem, "description": "Too much waits; ask again."},
}


def make_app(make_engine: Callable[[Callable[[int], object]], Engine], rules: Rules) -> FastAPI:
    """The API around an engine.

    Args:
        make_engine: Makes it, given what is to be told the size of each batch.
        rules: Who may ask, and how much.
    """
    meters = Meters(lambda: engine.waiting)
    engine = make_engine(meters.batch.observe)

    @asynccontextmanager
    async def running(app: FastAPI) -> AsyncIterator[None]:
        engine.start()
        yield
        await engine.stop()

    # photos stay in memory: beyond this many bytes they would go to a file
    MultiPartParser.spool_max_size = rules.most_bytes + 1
    app = FastAPI(
        title="mfn",
        version=mfn_version(),
        description="Faces: whether two photos show one person, who is on a photo, and who is known.",
        lifespan=running,
        docs_url=None,  # FastAPI's pages load their scripts from the web
        redoc_url=None,
        responses=_PROBLEMS,
        dependencies=[
            Security(APIKeyHeader(name="X-API-Key", auto_error=False)),
            Security(HTTPBearer(auto_error=False)),
        ]
        if rules.keys is not None
        else [],
    )
    _add_answers(app, engine, meters)
    _add_people(app, engine)
    _add_own(app, meters)
    _add_errors(app)
    app.add_middleware(Guard, rules=rules)
    app.add_middleware(Metered, meters=meters)
    return app


def _add_answers(app: FastAPI, engine: Engine, meters: Meters) -> None:
    @app.post("/verify")
    async def verify(first: Photo, second: Photo, several: Several = "skip") -> Verified:
        """Whether two photos show one person."""
        photos = await _encoded(first, "the first photo"), await _encoded(second, "the second photo")
        found, one, two = await engine.verify(*photos, several)
        assert found.similarity is not None
        meters.faces.inc(2)
        return Verified(
            answer=found.answer,
            similarity=found.similarity,
            threshold=Chosen.of(engine.deciding.pair),
            first=OneFace.of(one),
            second=OneFace.of(two),
        )

    @app.post("/identify")
    async def identify(
        photo: Photo,
        k: Annotated[int, Query(ge=1, le=100, description="How many people to tell for each face.")] = 3,
    ) -> Identified:
        """Who is on a photo."""
        seen, threshold, names = await engine.identify(await _encoded(photo, "the photo"), k)
        meters.faces.inc(len(names))
        height, width = _size(seen.pixels)
        return Identified(
            width=width,
            height=height,
            threshold=None if threshold is None else Chosen.of(threshold),
            faces=[NamedFace.who(face, name) for face, name in zip(seen.found, names, strict=True)],
        )

    @app.post("/faces")
    async def faces(
        photo: Photo, embedding: Annotated[bool, Query(description="Tell the embeddings too.")] = False
    ) -> Faces:
        """All faces of a photo: box, landmarks, score and quality."""
        (seen,) = await engine.look(await _encoded(photo, "the photo"))
        if not seen.found:
            raise RefusalError(422, "the photo: no face was found")
        meters.faces.inc(len(seen.found))
        height, width = _size(seen.pixels)
        return Faces(width=width, height=height, faces=[OneFace.of(face, embedding) for face in seen.found])


def _add_people(app: FastAPI, engine: Engine) -> None:
    @app.post("/enroll")
    async def enroll(
        name: Annotated[str, Form(description="Of the person.")], photo: Photo, several: Several = "skip"
    ) -> Enrolled:
        """Puts a face into the gallery, where it is good enough. Once that is answered, it is on the disk."""
        encoded = await _encoded(photo, "the photo")
        added = await engine.enroll(name, encoded, printable(photo.filename or ""), several)
        return Enrolled(
            name=added.name,
            added=added.added,
            images=added.images,
            resembles=[Likely(name=other.name, score=other.score) for other in added.resembles],
            face=OneFace.of(added.face),
        )

    @app.get("/people")
    async def people() -> People:
        """Everybody enrolled."""
        everybody = await engine.of_gallery(lambda gallery: gallery.people())
        return People(people=[OnePerson(name=each.name, images=each.images) for each in everybody])

    @app.get("/people/{name:path}")
    async def person(name: str) -> PersonFaces:
        """One person, with the faces."""
        wanted = known_name(name)
        there = await engine.of_gallery(lambda gallery: gallery.faces(wanted))
        if not there:
            raise _nobody(wanted)
        faces = [EnrolledFace(source=face.source, quality=dict(face.quality)) for face in there]
        return PersonFaces(name=wanted, images=len(faces), faces=faces)

    async def remove(name: str) -> Removed:
        wanted = known_name(name)

        def removed(gallery: Gallery) -> int | None:
            is_there = any(person.name == wanted for person in gallery.people())
            return gallery.remove(wanted) if is_there else None

        gone = await engine.of_gallery(removed)
        if gone is None:
            raise _nobody(wanted)
        return Removed(name=wanted, removed=gone)

    @app.delete("/people/{name:path}")
    async def remove_person(name: str) -> Removed:
        """Removes a person and overwrites what was stored."""
        return await remove(name)

    @app.delete("/people")
    async def remove_named(name: Annotated[str, Query(description="Any name, as one with slashes.")]) -> Removed:
        """Removes a person and overwrites what was stored."""
        return await remove(name)


def _add_own(app: FastAPI, meters: Meters) -> None:
    @app.get("/health")
    async def health() -> Health:
        """Whether the server runs. Needs no key."""
        return Health(status="ok")

    @app.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """Counters for Prometheus."""
        return Response(meters.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return Response(PAGE.read_bytes(), media_type="text/html", headers={"Content-Security-Policy": _PAGE_MAY})


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(RefusalError)
    async def refused(request: Request, error: RefusalError) -> Response:
        return Response(error.body(), error.status, error.headers, "application/json")

    @app.exception_handler(HTTPException)
    async def of_http(request: Request, error: HTTPException) -> Response:
        sentence = (
            f"there is no {request.url.path}: /docs tells what there is" if error.status_code == 404 else error.detail
        )
        return await refused(request, RefusalError(error.status_code, sentence, error.headers))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][1:]) or "the request"
        return await refused(request, RefusalError(422, f"{where}: {first['msg'][:1].lower()}{first['msg'][1:]}"))

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> Response:
        return await refused(request, RefusalError(500, "something went wrong here; the server's log has more"))


async def _encoded(photo: UploadFile, name: str) -> Encoded:
    return Encoded(await photo.read(), name)


def _size(pixels: Any) -> tuple[int, int]:
    return pixels.shape[:2]


def _nobody(name: str) -> RefusalError:
    return RefusalError(404, f"nobody is named {name!r}: GET /people tells the names")
