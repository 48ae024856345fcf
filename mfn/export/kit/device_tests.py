"""A ready test of the golden inputs for devices that nothing of mfn runs on: phones, and Macs for Core ML."""

from string import Template

from mfn.export.kit.texts import LEAST, filled
from mfn.export.network import INPUT, OUTPUT, Deployable

_SWIFT_FLOATS = Template("""\
        let all = try floats("input.bin")
        let value = try MLMultiArray(shape: [1, 3, $height, $width], dataType: .float32)
        for place in 0..<value.count { value[place] = NSNumber(value: all[index * value.count + place]) }
        return MLFeatureValue(multiArray: value)""")
_SWIFT_IMAGE = Template("""\
        let wanted = try XCTUnwrap(model.modelDescription.inputDescriptionsByName["$input_name"]?.imageConstraint)
        return try MLFeatureValue(imageAt: golden("images/\\(index).png"), constraint: wanted, options: nil)""")


def device_tests(file: str, suffix: str, deployable: Deployable) -> dict[str, bytes]:
    """The test by its file's name: XCTest of a Core ML package, instrumented in Kotlin of an ExecuTorch file, or none.

    Args:
        file: Name of the exported file.
        suffix: Of its format.
        deployable: What is in it.
    """
    contract, pixels = deployable.contract, deployable.takes_pixels
    known = {"file": file, "stem": file.removesuffix(suffix), "input_name": INPUT, "output_name": OUTPUT}
    known |= {"height": contract.height, "width": contract.width, "length": contract.embedding_dim, "least": LEAST}
    bytes_read = 'asset("golden/input.bin")'
    if suffix == ".mlpackage":
        name, own = "GoldenTest.swift", {"input": (_SWIFT_IMAGE if pixels else _SWIFT_FLOATS).substitute(known)}
    elif suffix == ".pte" and pixels:
        name, own = "GoldenTest.kt", {"input": bytes_read, "blob": "fromBlobUnsigned"}
    elif suffix == ".pte":
        name, own = "GoldenTest.kt", {"input": f"floats({bytes_read})", "blob": "fromBlob"}
    else:
        return {}
    return {name: filled(name, **known, **own).encode()}
