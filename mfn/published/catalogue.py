"""The public networks that have a name here: facts only, mfn ships no weights of others."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_GITHUB = "https://github.com"
_ZOO = "https://media.githubusercontent.com/media/opencv/opencv_zoo/main/models"
_UNIFACE = f"{_GITHUB}/yakhyo/uniface/releases/download/weights"
_ARCFACE = {"height": 112, "width": 112, "color": "RGB", "mean": (127.5,) * 3, "std": (127.5,) * 3}
_MS1MV2 = "MS1MV2: research data"


@dataclass(frozen=True)
class Published:
    """One file.

    Attributes:
        name: As people type it.
        what: It is.
        url: Where it lies.
        sha256: Of the file.
        code: Licence of the code that made it.
        weights: Terms of the weights.
        data: Terms of what they were trained on.
        size: Bytes, where they are known.
        contract: What it expects of pixels, as ``stated`` of :meth:`mfn.FaceEmbedder.load`; empty for detectors.
        threshold: Cosine that its authors give for two photos of one person, without the mirrored image; nobody says
            for which false match rate.
    """

    name: str
    what: str
    url: str
    sha256: str
    code: str
    weights: str
    data: str
    size: int | None = None
    contract: Mapping[str, Any] = field(default_factory=dict)
    threshold: float | None = None

    @property
    def file(self) -> str:
        """Its name in the cache folder."""
        return f"{self.name}.onnx"


CATALOGUE = {
    each.name: each
    for each in (
        Published(
            "sface",
            "recognition, MobileNetV1 with PReLU, 128-d; LFW 99.40 by OpenCV",
            f"{_ZOO}/face_recognition_sface/face_recognition_sface_2021dec.onnx",
            "0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79",
            *("Apache-2.0", "Apache-2.0", "not stated with the file"),
            size=38_696_353,
            contract={**_ARCFACE, "mean": (0.0,) * 3, "std": (1.0,) * 3},
            threshold=0.363,
        ),
        Published(
            "yunet",
            "detection, five landmarks",
            f"{_ZOO}/face_detection_yunet/face_detection_yunet_2023mar.onnx",
            "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
            *("MIT (OpenCV's zoo), Apache-2.0 (its author)", "MIT", "WIDER FACE: research data"),
            size=232_589,
        ),
        Published(
            "w600k_mbf",
            "recognition, InsightFace's mbf (buffalo_s), 512-d; LFW 99.70, CFP-FP 98.00, AgeDB 96.58",
            f"{_UNIFACE}/w600k_mbf.onnx",
            "9cc6e4a75f0e2bf0b1aed94578f144d15175f357bdc05e815e5c4a02b319eb4f",
            *("MIT", "non-commercial research only", "WebFace600K: research data"),
            contract=_ARCFACE,
        ),
        Published(
            "w600k_r50",
            "recognition, InsightFace's IResNet-50, 512-d: a teacher",
            f"{_UNIFACE}/w600k_r50.onnx",
            "4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43",
            *("MIT", "non-commercial research only", "WebFace600K: research data"),
            contract=_ARCFACE,
        ),
        Published(
            "mobilenetv2_ms1mv2",
            "recognition, 2.29 M parameters, 512-d; LFW 99.55, AgeDB 95.16",
            f"{_UNIFACE}/mobilenetv2.onnx",
            "38b148284dd48cc898d5d4453104252fbdcbacc105fe3f0b80e78954d9d20d89",
            *("MIT", "MIT", _MS1MV2),
            contract=_ARCFACE,
        ),
        Published(
            "mobilenetv1_025_ms1mv2",
            "recognition, 0.36 M parameters; LFW 98.76, AgeDB 90.02",
            f"{_UNIFACE}/mobilenetv1_0.25.onnx",
            "eeda7d23d9c2b40cf77fa8da8e895b5697465192648852216074679657f8ee8b",
            *("MIT", "MIT", _MS1MV2),
            contract=_ARCFACE,
        ),
        Published(
            "mobilenetv3_small_ms1mv2",
            "recognition, 1.25 M parameters; LFW 99.30, AgeDB 92.79",
            f"{_UNIFACE}/mobilenetv3_small.onnx",
            "d4acafa1039a82957aa8a9a1dac278a401c353a749c39df43de0e29cc1c127c3",
            *("MIT", "MIT", _MS1MV2),
            contract=_ARCFACE,
        ),
        Published(
            "adaface_ir18",
            "recognition, AdaFace's IR-18, 512-d; takes BGR, as its authors say",
            f"{_GITHUB}/yakhyo/adaface-onnx/releases/download/weights/adaface_ir_18.onnx",
            "6b6a35772fb636cdd4fa86520c1a259d0c41472a76f70f802b351837a00d9870",
            *("MIT", "MIT", "WebFace: research data"),
            contract={**_ARCFACE, "color": "BGR"},
        ),
        Published(
            "scrfd_500m",
            "detection, five landmarks",
            f"{_UNIFACE}/scrfd_500m_kps.onnx",
            "5e4447f50245bbd7966bd6c0fa52938c61474a04ec7def48753668a9d8b4ea3a",
            *("MIT", "non-commercial research only", "WIDER FACE: research data"),
        ),
    )
}
"""By name."""
