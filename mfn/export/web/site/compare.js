// Two photos to an answer. `window.mfn.compare(one, other)` is what the page's own controls use.

import { similarityTransform, warped } from "./align.js";
import { assetBytes, loadRuntime, settings } from "./assets.js";
import { answer } from "./decide.js";
import { findFaces } from "./detector.js";
import { embedded, similarity } from "./embed.js";
import { decoded } from "./picture.js";

let opening = null;

/** ONNX Runtime and the networks, opened once. */
export function opened() {
  opening ??= open();
  return opening;
}

async function open() {
  const ort = await loadRuntime();
  const session = async (name) => ort.InferenceSession.create(await assetBytes(name), { executionProviders: ["wasm"] });
  const network = await session("network"); // one after the other: the runtime opens no two at a time
  return { ort, network, detector: settings.detector ? await session("detector") : null };
}

/** Runs steps one after the other: a session takes one at a time. */
let last = Promise.resolve();
function inTurn(step) {
  const next = last.then(step);
  last = next.catch(() => {});
  return next;
}

/**
 * The faces of a picture, the surest first.
 * @param {Blob|string} source A file, or the address of one on this very site.
 * @param {{aligned?: boolean}} options aligned: the picture is a crop of the contract's size already.
 * @returns {Promise<{picture: ImageData, faces: {box: number[], landmarks: number[][], score: number}[]}>}
 */
export async function look(source, { aligned = !settings.detector } = {}) {
  const picture = await decoded(typeof source === "string" ? await fetched(source) : source);
  if (aligned) return { picture, aligned, faces: [whole(picture)] };
  const faces = await inTurn(async () => {
    const { ort, detector } = await opened();
    return findFaces(ort, detector, picture, settings.detector);
  });
  const { template } = settings.contract;
  const usable = faces.filter((face) => similarityTransform(face.landmarks, template));
  return { picture, aligned, faces: usable };
}

/**
 * The aligned crop of a face, and its embedding.
 * @param {object} seen Of `look`.
 * @param {number} index Of the face.
 */
export async function embed(seen, index = 0) {
  const face = seen.faces[index];
  if (!face) throw new Error("No face was found in that photo. Try one in which the face is larger or seen from the front.");
  const crop = cropOf(seen, face);
  const embedding = await inTurn(async () => {
    const { ort, network } = await opened();
    return embedded(ort, network, crop, settings);
  });
  return { ...face, crop, embedding };
}

/**
 * How alike two embedded faces are.
 * @param {{embedding: Float64Array}} one
 * @param {{embedding: Float64Array}} other
 */
export function judged(one, other) {
  const cosine = similarity(one.embedding, other.embedding);
  const { threshold } = settings.contract;
  return { similarity: cosine, threshold, answer: answer(cosine, threshold, settings.band), faces: [one, other] };
}

/**
 * Compares the surest face of each of two pictures.
 * @param {Blob|string} one
 * @param {Blob|string} other
 * @param {object} options Of `look`.
 * @returns {Promise<{similarity: number, threshold: ?number, answer: ?string, faces: object[]}>}
 */
export async function compare(one, other, options = {}) {
  const faces = [];
  for (const source of [one, other]) faces.push(await embed(await look(source, options)));
  return judged(...faces);
}

/** The aligned crop of one of the faces of `look`. */
export function cropOf({ picture, aligned }, face) {
  const { template, width, height } = settings.contract;
  return aligned ? picture : warped(picture, similarityTransform(face.landmarks, template), width, height);
}

function whole(picture) {
  const { template, width, height } = settings.contract;
  if (picture.width !== width || picture.height !== height)
    throw new Error(
      `An aligned crop has ${width} × ${height} pixels, and this picture has ${picture.width} × ${picture.height}.`,
    );
  return { box: [0, 0, width, height], landmarks: template, score: null };
}

async function fetched(address) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address} is not there (${response.status})`);
  return response.blob();
}

window.mfn = { settings, opened, look, embed, judged, compare };
