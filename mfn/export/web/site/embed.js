// Aligned crops to embeddings of unit length, as the contract says.

import { mirrored } from "./picture.js";

/**
 * One embedding of unit length of a crop.
 * @param {object} ort ONNX Runtime.
 * @param {object} session The network.
 * @param {{width: number, height: number, data: Uint8ClampedArray}} crop Of the contract's size.
 * @param {object} settings Contract, input and flip.
 * @returns {Promise<Float64Array>}
 */
export async function embedded(ort, session, crop, { contract, input, flip }) {
  const crops = flip === "none" ? [crop] : [crop, mirrored(crop)];
  const size = 3 * contract.height * contract.width;
  const values = input === "uint8" ? new Uint8Array(crops.length * size) : new Float32Array(crops.length * size);
  crops.forEach((each, index) => fill(values.subarray(index * size, (index + 1) * size), each, contract, input));
  const tensor = new ort.Tensor(input, values, [crops.length, 3, contract.height, contract.width]);
  const rows = (await session.run({ image: tensor })).embedding.data;
  const length = rows.length / crops.length;
  const [plain, other] = [rows.subarray(0, length), rows.subarray(length)];
  if (flip === "sum") return unit(Float64Array.from(plain, (value, index) => value + other[index]));
  return unit(Float64Array.from(flip === "concat" ? rows : plain));
}

/** Writes a crop's planes in the contract's colour order, normalised unless the network does that inside. */
function fill(values, crop, contract, input) {
  const plane = crop.width * crop.height;
  for (let channel = 0; channel < 3; channel++) {
    const from = contract.color === "BGR" ? 2 - channel : channel;
    const [mean, std] = input === "uint8" ? [0, 1] : [contract.mean[channel], contract.std[channel]];
    for (let at = 0; at < plane; at++) values[channel * plane + at] = (crop.data[at * 4 + from] - mean) / std;
  }
}

function unit(values) {
  const length = Math.hypot(...values);
  if (!(length > 0) || !Number.isFinite(length)) throw new Error("The network gave no embedding for that face.");
  return values.map((value) => value / length);
}

/** Cosine of two embeddings of unit length. */
export function similarity(one, other) {
  return Math.max(-1, Math.min(1, one.reduce((sum, value, index) => sum + value * other[index], 0)));
}
