// Asks the worker for answers of models, and gives random numbers.

/** @typedef {{data: Float32Array | Uint8Array, dims: number[]}} Values */
/** @typedef {{graph: string, weights: string | null, bytes: number, graphs: number, inputs: Record<string, number>, outputs: string[]}} Model */

const worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
const waiting = new Map();
let last = 0;

worker.addEventListener("message", ({ data: { id, outputs, error, loaded, bytes } }) => {
    const { resolve, reject, progress } = waiting.get(id);
    if (loaded !== undefined) return progress(loaded / bytes);
    waiting.delete(id);
    if (error) reject(new Error(error));
    else resolve(outputs);
});
worker.addEventListener("error", (event) => {
    for (const { reject } of waiting.values()) reject(new Error(event.message || "the models cannot start in this browser"));
    waiting.clear();
});

/**
 * Compute a model's outputs.
 * @param {Model} model
 * @param {Record<string, Values>} inputs all inputs that the model may use; others are left out.
 * @param {(share: number) => void} progress called while the model is loaded.
 * @param {boolean} once whether the model will not be used again.
 * @returns {Promise<Record<string, Values>>}
 */
export function compute(model, inputs, progress = () => {}, once = false) {
    const given = Object.fromEntries(Object.entries(inputs).filter(([name]) => name in model.inputs));
    return new Promise((resolve, reject) => {
        waiting.set(++last, { resolve, reject, progress });
        worker.postMessage({ id: last, model, inputs: given, once });
    });
}

/** Return a generator of uniform numbers in [0, 1), the same for the same seed (Mulberry32). */
export function uniform(seed) {
    let state = seed >>> 0;
    return () => {
        state = (state + 0x6d2b79f5) >>> 0;
        let mixed = Math.imul(state ^ (state >>> 15), state | 1);
        mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
        return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
    };
}

/** Return standard normal draws of dimensions `dims`, the same for the same seed (Box and Muller). */
export function normals(seed, dims) {
    const next = uniform(seed), data = new Float32Array(dims.reduce((a, b) => a * b));
    for (let i = 0; i < data.length; i++) data[i] = Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
    return { data, dims };
}
