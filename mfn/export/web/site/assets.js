// What the page is made of: its settings, and the files beside it or, in a page of one file, inside it.

/** Names, sizes and the input contract, as the exporter wrote them. */
export const settings = JSON.parse(document.getElementById("settings").textContent);

/**
 * Bytes of one of the page's own files.
 * @param {string} name A key of `settings.assets`.
 * @returns {Promise<Uint8Array>}
 */
export async function assetBytes(name) {
  const inside = document.getElementById(`asset-${name}`);
  if (inside) return unpacked(inside.textContent.trim());
  const answer = await fetch(settings.assets[name]);
  if (!answer.ok) throw new Error(`${settings.assets[name]} is missing beside this page`);
  return new Uint8Array(await answer.arrayBuffer());
}

/** The ONNX Runtime module, with its WebAssembly already in hand so that it fetches nothing by itself. */
export async function loadRuntime() {
  const inside = document.getElementById("asset-ort");
  const address = inside
    ? URL.createObjectURL(new Blob([await assetBytes("ort")], { type: "text/javascript" }))
    : new URL(settings.assets.ort, document.baseURI).href;
  const [ort, wasm] = await Promise.all([import(address), assetBytes("wasm")]);
  ort.env.wasm.numThreads = 1; // several need headers that a plain static server does not send
  ort.env.wasm.wasmBinary = wasm;
  ort.env.logLevel = "error";
  return ort;
}

/** Base64 of gzip to bytes. */
async function unpacked(text) {
  const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
