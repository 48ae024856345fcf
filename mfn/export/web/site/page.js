// What the visitor sees and does: two photos, the faces in them, the answer.

import { settings } from "./assets.js";
import { cropOf, embed, judged, look, opened } from "./compare.js";
import { falseMatches, falseNonMatches } from "./decide.js";
import { asCanvas } from "./picture.js";

const WORDS = { same: "Same person", different: "Different people", "not sure": "Not sure" };
/** What the scale of the result shows. */
const [LEAST, MOST] = [-0.2, 1];

const find = (id) => document.getElementById(id);
const slots = ["one", "two"].map(newSlot);

/** One of the two photos: its part of the page, what was seen in it, and the face that counts. */
function newSlot(name) {
  const root = find(`slot-${name}`);
  const part = (kind) => root.querySelector(kind);
  const slot = {
    ...{ name, root, seen: null, face: null, turn: 0 },
    ...{ file: part("input"), drop: part(".drop"), shown: part(".shown"), message: part(".message"), again: part(".again"), faces: part(".faces") },
  };
  slot.file.addEventListener("change", () => slot.file.files[0] && take(slot, slot.file.files[0]));
  slot.again.addEventListener("click", () => slot.file.click());
  for (const kind of ["dragenter", "dragover"]) root.addEventListener(kind, () => root.classList.add("over"));
  for (const kind of ["dragleave", "drop"]) root.addEventListener(kind, () => root.classList.remove("over"));
  root.addEventListener("drop", (event) => {
    const file = event.dataTransfer.files[0];
    if (file) take(slot, file);
  });
  return slot;
}

/** Reads a photo, shows it with its faces and takes the surest. */
async function take(slot, file) {
  const turn = ++slot.turn; // a later photo of the same slot makes this one void
  slot.file.value = ""; // so that the same file can be chosen again
  Object.assign(slot, { source: file, seen: null, face: null });
  show(slot);
  say(slot, "Looking for faces …", "busy");
  showResult();
  await painted();
  try {
    const seen = await look(file, { aligned: find("aligned").checked });
    if (turn !== slot.turn) return;
    slot.seen = seen;
    show(slot);
    if (seen.faces.length) await choose(slot, 0, turn);
    else say(slot, "No face was found. Try a photo in which the face is larger or seen from the front.", "wrong");
  } catch (error) {
    if (turn === slot.turn) say(slot, error.message, "wrong");
  }
}

/** Takes one of the faces of a photo. */
async function choose(slot, index, turn = slot.turn) {
  try {
    const face = await embed(slot.seen, index);
    if (turn !== slot.turn) return;
    slot.face = face;
    const count = slot.seen.faces.length;
    say(slot, count > 1 ? `${count} faces. Which one do you mean?` : "", "");
    [...slot.faces.children].forEach((button, at) => button.setAttribute("aria-pressed", String(at === index)));
    [...slot.shown.querySelectorAll(".face")].forEach((box, at) => box.classList.toggle("meant", at === index));
  } catch (error) {
    slot.face = null;
    say(slot, error.message, "wrong");
  }
  showResult();
}

function show(slot) {
  slot.drop.classList.toggle("taken", Boolean(slot.seen));
  slot.shown.hidden = slot.again.hidden = !slot.seen;
  slot.shown.replaceChildren();
  slot.faces.replaceChildren();
  if (!slot.seen) return;
  const { picture, faces, aligned } = slot.seen;
  const canvas = asCanvas(picture);
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `The ${slot.name === "one" ? "first" : "second"} photo`);
  const frame = document.createElement("div");
  frame.className = "frame";
  frame.style.aspectRatio = `${picture.width} / ${picture.height}`;
  frame.style.setProperty("--wide", picture.width / picture.height);
  frame.append(canvas);
  if (!aligned) frame.append(...faces.map((face) => boxOf(picture, face)));
  slot.shown.append(frame);
  if (faces.length > 1) slot.faces.append(...faces.map((face, index) => choiceOf(slot, face, index)));
}

/** Where a face is in a photo. */
function boxOf(picture, face) {
  const box = document.createElement("span");
  box.className = "face";
  const [x, y, width, height] = face.box;
  box.style.left = `${(100 * x) / picture.width}%`;
  box.style.top = `${(100 * y) / picture.height}%`;
  box.style.width = `${(100 * width) / picture.width}%`;
  box.style.height = `${(100 * height) / picture.height}%`;
  return box;
}

/** One of several faces, to be chosen; in a photo of a group they would be too small for a finger. */
function choiceOf(slot, face, index) {
  const button = document.createElement("button");
  button.type = "button";
  button.setAttribute("aria-label", `Face ${index + 1} of ${slot.seen.faces.length}`);
  button.setAttribute("aria-pressed", "false");
  button.addEventListener("click", () => choose(slot, index));
  button.append(asCanvas(cropOf(slot.seen, face)));
  return button;
}

function say(slot, text, kind) {
  slot.message.textContent = text;
  slot.message.className = `message ${kind}`;
}

function showResult() {
  const [one, two] = slots.map((slot) => slot.face);
  const result = find("result");
  result.hidden = !(one && two);
  if (result.hidden) return;
  const found = judged(one, two);
  result.dataset.answer = found.answer ?? "none";
  find("answer").textContent = found.answer ? WORDS[found.answer] : "No threshold";
  const limit = found.threshold;
  const against = limit === null ? "this network came without a threshold" : `threshold ${limit.toFixed(3)}`;
  find("number").textContent = `Similarity ${signed(found.similarity)} · ${against}`;
  find("rate").textContent = rateOf(found.similarity);
  find("crops").replaceChildren(...[one, two].map(figureOf));
  draw(found);
  result.scrollIntoView({ block: "nearest" });
}

function figureOf(face, index) {
  const figure = document.createElement("figure");
  const canvas = asCanvas(face.crop);
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `The ${index ? "second" : "first"} face, aligned`);
  figure.append(canvas);
  return figure;
}

/** The scale: what is below the threshold, near it and above it, and where this pair lies. */
function draw({ similarity, threshold }) {
  const meter = find("meter");
  const at = (cosine) => (100 * (Math.min(MOST, Math.max(LEAST, cosine)) - LEAST)) / (MOST - LEAST);
  const [low, high] = threshold === null ? [LEAST, MOST] : [threshold - settings.band, threshold + settings.band];
  meter.querySelector(".below").style.width = `${at(low)}%`;
  meter.querySelector(".unsure").style.width = `${at(high) - at(low)}%`;
  meter.querySelector(".above").style.width = `${100 - at(high)}%`;
  meter.querySelector(".limit").hidden = threshold === null;
  meter.querySelector(".limit").style.left = `${at(threshold ?? LEAST)}%`;
  meter.querySelector(".mark").style.left = `${at(similarity)}%`;
}

/** How often other pairs came out like that, in words; "" where nobody measured the network. */
function rateOf(cosine) {
  const { measured, threshold } = settings.contract;
  if (!measured || measured.flip !== settings.flip) return "";
  if (threshold === null || cosine >= threshold) {
    const { share, bound } = falseMatches(measured, cosine);
    return `Measured on ${measured.source}: ${often(share, bound)} pairs of two people come out at least this alike.`;
  }
  const { share, bound } = falseNonMatches(measured, cosine);
  return `Measured on ${measured.source}: ${often(share, bound)} pairs of one person come out less alike than this.`;
}

function often(share, bound) {
  const words = bound || "about";
  if (share >= 0.1) return `${words} ${Math.round(100 * share)} of 100`;
  return `${words} 1 in ${Number((1 / share).toPrecision(2)).toLocaleString("en")}`;
}

function signed(value) {
  return value.toFixed(3).replace("-", "−");
}

function showFacts() {
  const { contract } = settings;
  const told = {
    Network: `${settings.name}, ${settings.precision}, ${contract.embedding_dim} numbers for a face`,
    "Face detector": settings.detector ? "YuNet" : "none: this page takes aligned crops",
    Threshold: contract.threshold === null ? "none stored with the network" : contract.threshold.toFixed(4),
  };
  if (contract.threshold !== null && contract.threshold_far)
    told["Chosen for"] = `1 false match in ${Math.round(1 / contract.threshold_far).toLocaleString("en")} comparisons`;
  if (contract.threshold !== null) told["Not sure within"] = `${settings.band} of the threshold`;
  if (contract.measured)
    told["Measured on"] =
      `${contract.measured.source}, ${contract.measured.impostors.toLocaleString("en")} pairs of two people`;
  told["Made with"] = `mfn ${settings.version} and ONNX Runtime Web ${settings.runtime}`;
  for (const [name, text] of Object.entries(told)) {
    const [term, description] = [document.createElement("dt"), document.createElement("dd")];
    [term.textContent, description.textContent] = [name, text];
    find("facts").append(term, description);
  }
}

function tell(text) {
  find("notice").textContent = text;
  find("notice").hidden = !text;
}

/** Once the browser has drawn what is there, since reading a photo takes the one thread that draws. */
function painted() {
  return new Promise((done) => {
    requestAnimationFrame(() => setTimeout(done));
    setTimeout(done, 100); // a page in the background is not drawn
  });
}

function start() {
  const size = `${settings.contract.width} × ${settings.contract.height}`;
  find("size").textContent = size;
  find("option").hidden = !settings.detector;
  if (!settings.detector) {
    document.querySelector(".lead").textContent = `Choose two aligned crops of ${size} pixels. They are compared in this browser.`;
    tell("This page came without a face detector, so it takes aligned crops only.");
    find("aligned").checked = true;
  }
  find("aligned").addEventListener("change", () => slots.forEach((slot) => slot.source && take(slot, slot.source)));
  for (const kind of ["dragover", "drop"]) document.addEventListener(kind, (event) => event.preventDefault());
  showFacts();
  opened().catch((error) => tell(`The network cannot be opened in this browser: ${error.message}`));
}

start();
