// Runs the models, one request after another. A request is {id, model, inputs, once}: a model of the manifest, {name: {data, dims}}, and
// whether the model will not be used again. The response is {id, outputs} or {id, error}; while a model is loaded, {id, loaded, bytes}.
import * as ort from "./runtime/ort.wasm.min.mjs";

ort.env.wasm.numThreads = 1; // static hosts do not isolate origins, which threads need
ort.env.wasm.wasmPaths = new URL("runtime/", import.meta.url).href;
ort.env.logLevel = "error";

const sessions = new Map(); // graph -> promise of a session
const weights = new Map(); // path -> {bytes: promise, left: the number of graphs that will read them}

let queue = Promise.resolve();
addEventListener("message", ({ data }) => { queue = queue.then(() => answer(data)); });

async function answer({ id, model, inputs, once }) {
    try {
        const session = await load(model, (loaded) => postMessage({ id, loaded, bytes: model.bytes }));
        const given = {};
        for (const [name, { data, dims }] of Object.entries(inputs))
            given[name] = new ort.Tensor(data instanceof Uint8Array ? "bool" : "float32", data, dims);
        const found = await session.run(given), outputs = {};
        for (const [name, tensor] of Object.entries(found)) outputs[name] = { data: tensor.data, dims: tensor.dims };
        postMessage({ id, outputs });
        if (!once) return;
        sessions.delete(model.graph);
        await session.release();
    } catch (error) {
        postMessage({ id, error: String(error?.message ?? error) });
    }
}

function load(model, report) {
    if (!sessions.has(model.graph)) {
        const made = create(model, report);
        made.catch(() => sessions.delete(model.graph)); // the next request tries again
        sessions.set(model.graph, made);
    }
    return sessions.get(model.graph);
}

async function create({ graph, weights: path, graphs }, report) {
    const content = await read(graph, report), before = content.byteLength;
    let externalData = [];
    if (path) {
        if (!weights.has(path)) weights.set(path, { bytes: read(path, (loaded) => report(before + loaded)), left: graphs });
        const known = weights.get(path);
        try {
            externalData = [{ path: path.split("/").pop(), data: await known.bytes }];
        } catch (error) {
            weights.delete(path); // the next request tries again
            throw error;
        }
        if (--known.left === 0) weights.delete(path);
    }
    return ort.InferenceSession.create(content, { executionProviders: ["wasm"], externalData });
}

async function read(path, report) {
    let response;
    try {
        response = await fetch(new URL(path, import.meta.url));
    } catch {
        throw new Error("the model could not be fetched: there is no connection");
    }
    if (!response.ok) throw new Error(`the model could not be fetched: ${path} answers ${response.status}`);
    const parts = [], reader = response.body.getReader();
    let size = 0;
    for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        parts.push(value);
        size += value.byteLength;
        report(size);
    }
    const content = new Uint8Array(size);
    let at = 0;
    for (const part of parts) { content.set(part, at); at += part.byteLength; }
    return content;
}
