"""Whether the layers of an ncnn network fit the images: ncnn does not ask, and writes beyond its memory."""

from collections.abc import Sequence

Size = tuple[int, int]

LARGEST = 2**26
"""What no size, count or step of a layer comes to; ncnn reckons with them in 32 bits."""
_SAME_SIZE = {"PReLU", "ReLU", "Clip", "BatchNorm", "Scale", "Bias", "BinaryOp", "Eltwise", "Split", "Dropout", "Noop",
              "Sigmoid", "HardSigmoid", "HardSwish", "Swish", "TanH", "UnaryOp", "Cast", "Concat"}  # fmt: skip
_AS_TENSORFLOW = (-233, -234)
"""Paddings that keep the size, divided by the stride."""
_WEIGHTS_GIVEN = 19
"""Says that weights are a second input, for which ncnn looks even where there is none."""


def whole(text: str) -> int:
    """A whole number as ncnn writes sizes, 0 for what is none; of a long one its first digits, which are too many."""
    return int(text[:12]) if text.removeprefix("-").isdecimal() else 0


def options_of(words: Sequence[str]) -> dict[int, int]:
    """The whole numbers of a layer's line by ncnn's keys; arrays are left out."""
    pairs = (option.partition("=") for option in words[4:] if "=" in option)  # others are names of blobs
    return {int(key[:12]): whole(value) for key, _, value in pairs if key.isdecimal()}


def misfit(layers: Sequence[Sequence[str]], image: Size) -> str | None:
    """The first layer with numbers that cannot be, or whose window is larger than what it slides over.

    Behind layers of which the size of what they give is not known here, windows are not compared.

    Args:
        layers: The words of each line: kind, name, count of inputs, count of outputs, their names, options.
        image: Height and width.

    Returns:
        Its name; None where there is none.
    """
    sizes: dict[str, Size] = {}
    for kind, name, taken, given, *rest in layers:
        options, inputs = options_of((kind, name, taken, given, *rest)), whole(taken)
        if any(abs(number) > LARGEST for number in options.values()):
            return name
        known = [sizes[blob] for blob in rest[:inputs] if blob in sizes]
        size = max(known, default=None) if kind in _SAME_SIZE else image if kind == "Input" else None
        if kind in ("Convolution", "ConvolutionDepthWise") and known:
            size = (_slid(known[0][0], options, (11, 12, 13, 14, 16)), _slid(known[0][1], options, (1, 2, 3, 4, 15)))
            if min(size) < 1 or inputs != 1 or options.get(_WEIGHTS_GIVEN):
                return name
        if size is not None:
            sizes |= dict.fromkeys(rest[inputs : inputs + whole(given)], size)
    return None


def _slid(length: int, options: dict[int, int], keys: tuple[int, int, int, int, int]) -> int:
    """Places at which a window fits; below 1 for numbers that are none of a window.

    Args:
        length: Of what it slides over, without padding.
        options: Of the layer.
        keys: Of the window, its dilation, stride, and padding before and behind. Those of rows default to those of
            columns, 10 keys below, and a padding to the one on the other side.
    """
    window, dilation, stride, before, behind = keys
    numbers = [options.get(key, options.get(key - 10, default)) for key, default in
               ((window, 0), (dilation, 1), (stride, 1), (before, 0))]  # fmt: skip
    size, apart, step, first = numbers
    last = options.get(behind, first)
    if min(size, apart, step) < 1 or (min(first, last) < 0 and not first == last in _AS_TENSORFLOW):
        return 0
    return -(-length // step) if first < 0 else (length + first + last - apart * (size - 1) - 1) // step + 1
