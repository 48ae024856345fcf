// Picture files to pixels. A picture is {width, height, data}, data being RGBA bytes, as ImageData has them.

/** Larger pictures are shrunk to this when they are read: phones give canvases no more. */
const MOST_PIXELS = 16_000_000;

/**
 * Reads a picture, turned as its camera says; colours are taken as they are stored, as mfn does in Python.
 * @param {Blob} file
 * @returns {Promise<ImageData>}
 */
export async function decoded(file) {
  const options = { imageOrientation: "from-image", colorSpaceConversion: "none", premultiplyAlpha: "none" };
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, options);
  } catch {
    throw new Error("This browser cannot read that file as a picture. JPEG, PNG and WebP work everywhere.");
  }
  const share = Math.min(1, Math.sqrt(MOST_PIXELS / (bitmap.width * bitmap.height)));
  const width = Math.max(1, Math.floor(bitmap.width * share));
  const height = Math.max(1, Math.floor(bitmap.height * share));
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d", { willReadFrequently: true }); // on the CPU, where pixels stay exact
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  return context.getImageData(0, 0, width, height);
}

/**
 * Shrinks a picture: each pixel becomes the mean of the area it covers, as OpenCV's INTER_AREA does.
 * @param {{width: number, height: number, data: Uint8ClampedArray}} picture
 * @param {number} width Not more than the picture's.
 * @param {number} height Not more than the picture's.
 */
export function shrunk(picture, width, height) {
  if (width === picture.width && height === picture.height) return picture;
  const columns = coverage(picture.width, width);
  const rows = coverage(picture.height, height);
  const data = new Uint8ClampedArray(width * height * 4); // rounds halves to even, as OpenCV does ...
  const halved = picture.width === 2 * width && picture.height === 2 * height; // ... unless it halves: then up
  const sum = new Float32Array(width * 3);
  for (let y = 0; y < height; y++) {
    sum.fill(0);
    for (const [row, rowShare] of rows[y]) {
      const start = row * picture.width * 4;
      for (let x = 0; x < width; x++) {
        let [red, green, blue] = [0, 0, 0];
        for (const [column, share] of columns[x]) {
          const at = start + column * 4;
          red = float(red + float(share * picture.data[at]));
          green = float(green + float(share * picture.data[at + 1]));
          blue = float(blue + float(share * picture.data[at + 2]));
        }
        sum[x * 3] += float(rowShare * red);
        sum[x * 3 + 1] += float(rowShare * green);
        sum[x * 3 + 2] += float(rowShare * blue);
      }
    }
    for (let x = 0; x < width; x++) {
      const at = (y * width + x) * 4;
      for (let channel = 0; channel < 3; channel++) {
        const value = sum[x * 3 + channel];
        data[at + channel] = halved ? Math.floor(value + 0.5) : value;
      }
      data[at + 3] = 255;
    }
  }
  return { width, height, data };
}

/** OpenCV adds in float32, and so does this: a sum that lies between two values falls to the same one. */
const float = Math.fround;

/** Which pixels of a longer line each pixel of a shorter one covers, with their shares, which add up to 1. */
function coverage(from, to) {
  const scale = from / to;
  return Array.from({ length: to }, (_, index) => {
    const [start, end] = [index * scale, Math.min((index + 1) * scale, from)];
    const found = [];
    for (let at = Math.floor(start); at < Math.min(Math.ceil(end), from); at++) {
      const share = (Math.min(at + 1, end) - Math.max(at, start)) / (end - start);
      if (share > 1e-4) found.push([at, float(share)]);
    }
    return found;
  });
}

/** A picture whose left and right are exchanged. */
export function mirrored(picture) {
  const { width, height } = picture;
  const from = new Uint32Array(picture.data.buffer, picture.data.byteOffset, width * height);
  const data = new Uint8ClampedArray(width * height * 4);
  const to = new Uint32Array(data.buffer);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) to[y * width + x] = from[(y + 1) * width - 1 - x];
  return { width, height, data };
}

/** A canvas that shows a picture. */
export function asCanvas(picture) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [picture.width, picture.height];
  canvas.getContext("2d").putImageData(new ImageData(picture.data, picture.width, picture.height), 0, 0);
  return canvas;
}
