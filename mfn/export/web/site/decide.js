// What a similarity means: an answer, and how often other pairs came out like that where the network was measured.

/**
 * "same", "different" or "not sure"; null where the network has no threshold.
 * @param {number} cosine
 * @param {?number} threshold Faces at and above it count as one person.
 * @param {number} band Nearer to the threshold than this nobody should be sure.
 */
export function answer(cosine, threshold, band) {
  if (threshold === null) return null;
  if (Math.abs(cosine - threshold) < band) return "not sure";
  return cosine >= threshold ? "same" : "different";
}

/**
 * Share of comparisons of two people that come out at a cosine or above; a bound where so few were never measured.
 * @param {object} measured Of the contract: points (share, cosine), shares falling, cosines rising.
 * @param {number} cosine
 * @returns {{share: number, bound: string}} bound: "" | "more than" | "fewer than"
 */
export function falseMatches(measured, cosine) {
  const points = measured.fmr;
  if (cosine < points[0][1]) return { share: points[0][0], bound: "more than" };
  for (let at = 1; at < points.length; at++)
    if (cosine <= points[at][1]) return { share: between(points[at - 1], points[at], cosine), bound: "" };
  return { share: points[points.length - 1][0], bound: "fewer than" };
}

/** Share of comparisons of one person that come out below a cosine, with the same bounds. */
export function falseNonMatches(measured, cosine) {
  const points = [...measured.fnmr].reverse(); // shares and cosines fall
  if (cosine < points[0][1]) return { share: points[0][0], bound: "fewer than" };
  for (let at = 1; at < points.length; at++)
    if (cosine <= points[at][1]) return { share: between(points[at - 1], points[at], cosine), bound: "" };
  return { share: points[points.length - 1][0], bound: "more than" };
}

/** The logarithm of a share is interpolated. */
function between([share, cosine], [nextShare, nextCosine], at) {
  const part = nextCosine > cosine ? (at - cosine) / (nextCosine - cosine) : 1;
  return Math.exp(Math.log(share) + part * (Math.log(nextShare) - Math.log(share)));
}
