// YuNet: a photo to faces with five landmarks, as OpenCV's FaceDetectorYN and mfn.align.yunet do.

import { shrunk } from "./picture.js";

const STRIDES = [8, 16, 32];
const MOST_FACES = 5000;

/**
 * The faces of a photo, the surest first, in pixels of the photo.
 * @param {object} ort ONNX Runtime.
 * @param {object} session YuNet.
 * @param {ImageData} photo
 * @param {{max_side: number, score: number, overlap: number}} options
 * @returns {Promise<{box: number[], landmarks: number[][], score: number}[]>}
 */
export async function findFaces(ort, session, photo, options) {
  const share = Math.min(1, options.max_side / Math.max(photo.width, photo.height));
  const width = Math.max(1, halfToEven(photo.width * share));
  const height = Math.max(1, halfToEven(photo.height * share));
  const input = planes(shrunk(photo, width, height));
  const outputs = await session.run({
    [session.inputNames[0]]: new ort.Tensor("float32", input.data, [1, 3, input.height, input.width]),
  });
  const found = apart(candidates(outputs, input.width, input.height, options.score), options.overlap);
  const [x, y] = [photo.width / width, photo.height / height];
  return found.map((face) => ({
    box: [face.box[0] * x, face.box[1] * y, face.box[2] * x, face.box[3] * y].map(hundredths),
    landmarks: face.landmarks.map((point) => [hundredths(point[0] * x), hundredths(point[1] * y)]),
    score: Math.round(face.score * 1e4) / 1e4,
  }));
}

/** Blue, green and red planes, with black to the right and below up to whole multiples of 32. */
function planes(picture) {
  const [width, height] = [picture.width, picture.height].map((side) => Math.ceil(side / 32) * 32);
  const data = new Float32Array(3 * width * height);
  for (let y = 0; y < picture.height; y++)
    for (let x = 0; x < picture.width; x++)
      for (let channel = 0; channel < 3; channel++)
        data[((2 - channel) * height + y) * width + x] = picture.data[(y * picture.width + x) * 4 + channel];
  return { width, height, data };
}

/** All places that score high enough, in the order of the network's outputs. */
function candidates(outputs, width, height, least) {
  const found = [];
  for (const stride of STRIDES) {
    const [classes, objects, boxes, points] = ["cls", "obj", "bbox", "kps"].map((kind) => outputs[`${kind}_${stride}`].data);
    const columns = width / stride;
    for (let place = 0; place < columns * (height / stride); place++) {
      const score = Math.sqrt(share(classes[place]) * share(objects[place]));
      if (score < least) continue;
      const [column, row] = [place % columns, Math.floor(place / columns)];
      const [dx, dy, logWidth, logHeight] = boxes.subarray(place * 4, place * 4 + 4);
      const [w, h] = [Math.exp(logWidth) * stride, Math.exp(logHeight) * stride];
      const own = points.subarray(place * 10, place * 10 + 10);
      found.push({
        box: [(column + dx) * stride - w / 2, (row + dy) * stride - h / 2, w, h],
        landmarks: [0, 1, 2, 3, 4].map((n) => [(own[2 * n] + column) * stride, (own[2 * n + 1] + row) * stride]),
        score,
      });
    }
  }
  return found;
}

/** The surest of those that overlap; OpenCV compares boxes in whole pixels. */
function apart(faces, overlap) {
  const kept = [];
  for (const face of [...faces].sort((one, other) => other.score - one.score).slice(0, MOST_FACES)) {
    const box = face.box.map(Math.trunc);
    if (kept.every((other) => union(box, other.whole) <= overlap)) kept.push({ ...face, whole: box });
  }
  return kept;
}

/** What two boxes share, of what they cover together. */
function union(one, other) {
  const width = Math.min(one[0] + one[2], other[0] + other[2]) - Math.max(one[0], other[0]);
  const height = Math.min(one[1] + one[3], other[1] + other[3]) - Math.max(one[1], other[1]);
  if (width <= 0 || height <= 0) return 0;
  return (width * height) / (one[2] * one[3] + other[2] * other[3] - width * height);
}

function share(value) {
  return Math.min(1, Math.max(0, value));
}

function hundredths(value) {
  return Math.round(value * 100) / 100;
}

function halfToEven(value) {
  const low = Math.floor(value);
  return value - low === 0.5 ? low + (low % 2) : Math.round(value);
}
