// Landmarks to the crop that the network takes: mfn.align.similarity and mfn.align.warp, in JavaScript.

/**
 * The rotation, scale and shift that bring points nearest to a template, in least squares (Umeyama 1991).
 * @param {number[][]} points (x, y) in the photo.
 * @param {number[][]} template (x, y) on the crop, as many.
 * @returns {number[]} [a, b, x, y]: (u, v) of the photo goes to (a u - b v + x, b u + a v + y); null where the points
 *   have no extent.
 */
export function similarityTransform(points, template) {
  const [middle, target] = [mean(points), mean(template)];
  let [real, imaginary, spread] = [0, 0, 0];
  points.forEach(([px, py], index) => {
    const [zx, zy] = [px - middle[0], py - middle[1]];
    const [wx, wy] = [template[index][0] - target[0], template[index][1] - target[1]];
    real += zx * wx + zy * wy;
    imaginary += zx * wy - zy * wx;
    spread += zx * zx + zy * zy;
  });
  const [a, b] = [real / spread, imaginary / spread];
  if (!(spread > 1e-12) || !(Math.hypot(a, b) > 1e-6)) return null;
  return [a, b, target[0] - a * middle[0] + b * middle[1], target[1] - b * middle[0] - a * middle[1]];
}

function mean(points) {
  return [0, 1].map((axis) => points.reduce((sum, point) => sum + point[axis], 0) / points.length);
}

/**
 * Cuts a crop out of a photo, bilinear, black outside of the photo, as cv2.warpAffine does.
 * @param {{width: number, height: number, data: Uint8ClampedArray}} photo
 * @param {number[]} transform Of `similarityTransform`.
 * @param {number} width Of the crop.
 * @param {number} height Of the crop.
 */
export function warped(photo, [a, b, shiftX, shiftY], width, height) {
  const square = a * a + b * b;
  const [c, s] = [a / square, b / square];
  const data = new Uint8ClampedArray(width * height * 4);
  for (let v = 0; v < height; v++) {
    for (let u = 0; u < width; u++) {
      const x = c * (u - shiftX) + s * (v - shiftY);
      const y = c * (v - shiftY) - s * (u - shiftX);
      const [left, top] = [Math.floor(x), Math.floor(y)];
      const [right, lower] = [x - left, y - top];
      const at = (v * width + u) * 4;
      data[at + 3] = 255;
      for (let channel = 0; channel < 3; channel++) {
        const upperRow = (1 - right) * tap(photo, left, top, channel) + right * tap(photo, left + 1, top, channel);
        const lowerRow =
          (1 - right) * tap(photo, left, top + 1, channel) + right * tap(photo, left + 1, top + 1, channel);
        data[at + channel] = (1 - lower) * upperRow + lower * lowerRow;
      }
    }
  }
  return { width, height, data };
}

function tap(photo, x, y, channel) {
  const inside = x >= 0 && y >= 0 && x < photo.width && y < photo.height;
  return inside ? photo.data[(y * photo.width + x) * 4 + channel] : 0;
}
