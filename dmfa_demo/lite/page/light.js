// The light page: state, choices, and the answers of the open tab. The canvas is the full page's.
import align from "./photo_aligner.js";
import look from "./look_closely.js";
import paint from "./mask_painter.js";
import { choice, make } from "./elements.js";
import { fromBase64, fromBits, fromPixels, fromRuns, fromText, toRuns, toText } from "./masks.js";
import { compute } from "./models.js";
import { addressOf, loadPicture, pixelsOf, readPixels } from "./pictures.js";
import { attractors, compare, factors, learn, predictions, samples } from "./tabs.js";

const TABS = { compare, factors, samples, attractors, predictions, learn };
/** @returns {any} the element with this id. */
const $ = (id) => document.getElementById(id);

/** Show a problem that concerns the whole page. */
function complain(text) {
    $("problem").textContent = text;
    $("problem").hidden = !text;
}

const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark", dark.matches);
dark.addEventListener("change", follow);
follow();

if (!("WebAssembly" in window) || !("CompressionStream" in window))
    complain("This browser is too old for models in the page. A current Firefox, Chrome, Edge or Safari can run them.");

const manifest = await fetch("manifest.json").then((response) => response.json()).catch((error) => {
    complain("The page could not be loaded completely: its file manifest.json is missing, or there is no connection.");
    throw error;
});
const query = new URL(location.href).searchParams;
let dataset = manifest.datasets.find(({ name }) => name === query.get("dataset")) ?? manifest.datasets[0];
let tab = query.get("tab") in TABS ? query.get("tab") : query.has("lesson") ? "learn" : "compare";
const whole = (name, usual) => (/^\d{1,9}$/.test(query.get(name) ?? "") ? Number(query.get(name)) : usual);
const chosen = {
    show: ["mean", "error", "deviation"].includes(query.get("show")) ? query.get("show") : "mean",
    methods: query.has("methods") ? query.get("methods").split(",") : null, // null: those shown at first
    seed: whole("seed", 0), walk: whole("walk", 0), count: 8, of: query.get("of"),
    lesson: Math.min(manifest.lessons.length, Math.max(1, whole("lesson", 1))),
    map: query.get("map"), step: Number(query.get("step")),
    z: [0, ...(query.get("z") ?? "").split(",").map(Number).filter(Number.isFinite)].slice(0, 5),
};

// --- pictures of the data sets ---

const sheets = new Map();
async function sampleOf(about, number) {
    if (!sheets.has(about.sheet)) sheets.set(about.sheet, await loadPicture(about.sheet));
    const [, height, width] = about.shape;
    return readPixels(sheets.get(about.sheet), about.shape, (number % about.columns) * width, Math.floor(number / about.columns) * height);
}

// --- the canvas ---

const panelNames = Object.keys(TABS).map((name) => `panel-${name}`);
const props = { value: null }, watchers = [];
let picture = null, running = 0;

/** Put contents on the canvas, as Python does on the full page. */
function put(value) {
    props.value = value;
    for (const react of watchers) react();
}

async function putSample(number, mask, change) {
    const about = dataset, [, height, width] = about.shape, image = await sampleOf(about, number);
    if (about !== dataset) return; // another one was chosen meanwhile
    put({ height, width, runs: toRuns(mask), dataset: about.name, sample: number, image: addressOf(image, about.shape), change });
}

const sameMask = (one, other) => one.every((bit, i) => bit === other[i]);
const size = () => dataset.shape[1] * dataset.shape[2];
const putMask = (mask) => put({ ...props.value, runs: toRuns(mask), change: "mask" });

// --- answers ---

/** Answer the canvas's contents in the open tab; a newer state of the canvas supersedes it. */
async function answer() {
    const value = props.value, run = ++running;
    if (!value || value.dataset !== dataset.name) return;
    const box = $(`panel-${tab}`);
    if (box.dataset.state === "") box.dataset.state = "pending";
    const mask = fromRuns(value.runs, size()), [channels, height, width] = dataset.shape;
    const about = await pictureOf(dataset, value);
    if (run !== running) return;
    const images = { data: about.image, dims: [1, channels, height, width] };
    const first = value.sample === dataset.first && sameMask(mask, fromBits(dataset.start, size()));
    const drawn = value.guess ? { image: await pixelsOf(value.guess.image, dataset.shape), deviation: value.guess.deviation } : null;
    if (run !== running) return;
    const guess = drawn && { ...drawn, image: about.image.map((seen, i) => (mask[i % size()] ? drawn.image[i] : seen)) };
    const now = { ...about, mask, first, guess, seed: (value.sample ?? 0) + 7, inputs: { images, missing: { data: mask, dims: [1, 1, height, width] } } };
    const ask = async (model, inputs, progress) => {
        if (run !== running) return null;
        const found = await compute(model, { ...now.inputs, ...inputs }, progress);
        return run === running ? found : null;
    };
    await panels[tab].answer(now, ask);
    if (run !== running) return;
    await write(value, mask);
    if (run !== running) return;
    if (value.revision) document.dispatchEvent(new CustomEvent("answered", { detail: { panel: `panel-${tab}`, revision: value.revision } }));
}

/** Return the picture on the canvas, with its labels and caption; the last one is kept. */
async function pictureOf(about, { sample, image: address }) {
    const own = sample === null;
    if (picture?.about !== about || picture.sample !== sample || (own && picture.address !== address)) {
        const image = own ? await pixelsOf(address, about.shape) : await sampleOf(about, sample);
        const labels = own ? null : about.labels[sample], caption = own ? "your own picture" : about.captions[sample];
        picture = { about, sample, address, image, labels, caption };
    }
    return picture;
}

/** Write the state to the address, in the full page's form, unless there is a newer state by then. */
async function write(value, mask) {
    const run = running, usual = fromBits(dataset.start, size()), said = new URLSearchParams({ dataset: dataset.name });
    if (value.sample !== null && value.sample !== dataset.first) said.set("sample", value.sample);
    if (!sameMask(mask, usual)) said.set("mask", await toText(mask));
    if (tab !== "compare") said.set("tab", tab);
    if (chosen.show !== "mean") said.set("show", chosen.show);
    if (chosen.methods.join() !== firstMethods().join()) said.set("methods", chosen.methods.join());
    if (chosen.lesson !== 1) said.set("lesson", String(chosen.lesson));
    if (chosen.seed) said.set("seed", chosen.seed);
    if (chosen.walk) said.set("walk", chosen.walk);
    if (chosen.map && chosen.map !== dataset.maps[0].name) said.set("map", chosen.map);
    if (chosen.step !== manifest.walks.sizes[0][1]) said.set("step", String(chosen.step));
    if (chosen.of && chosen.of !== dataset.sliders[0]?.name) said.set("of", chosen.of);
    if (chosen.z.slice(1).some(Boolean)) said.set("z", chosen.z.slice(1).join());
    const covered = new URL(location.href).searchParams.get("truth");
    if (covered) said.set("truth", covered);
    if (run === running) history.replaceState(null, "", `?${said.toString().replaceAll("%2C", ",")}`);
}

const firstMethods = () => dataset.methods.filter(({ shown }) => shown).map(({ name }) => name);

// --- tabs ---

let panels = {};
/** @type {ReturnType<typeof choice>} */
let pictures;
const tabButtons = Object.entries(TABS).map(([name, { title }]) => {
    const button = make("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": `panel-${name}` }, title);
    button.addEventListener("click", () => open(name));
    return button;
});
$("tabs").append(...tabButtons);
$("tabs").addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key], names = visibleTabs();
    if (!step) return;
    event.preventDefault();
    const next = names[(names.indexOf(tab) + step + names.length) % names.length];
    open(next);
    $(`tab-${next}`).focus();
});
$("panels").append(...panelNames.map((id) => make("div", { id, role: "tabpanel", "aria-labelledby": id.replace("panel", "tab"), tabIndex: 0 })));

const visibleTabs = () => Object.keys(TABS).filter((name) => name !== "predictions" || dataset.classifiers.length).filter((name) => name !== "attractors" || dataset.methods.some(({ walk }) => walk));

function open(name) {
    tab = visibleTabs().includes(name) ? name : "compare";
    for (const one of Object.keys(TABS)) {
        $(`panel-${one}`).hidden = one !== tab;
        $(`tab-${one}`).hidden = !visibleTabs().includes(one);
        $(`tab-${one}`).setAttribute("aria-selected", String(one === tab));
        $(`tab-${one}`).tabIndex = one === tab ? 0 : -1;
    }
    answer();
}

// --- what follows the data set ---

function offer() {
    chosen.methods = chosen.methods?.filter((name) => dataset.methods.some((method) => method.name === name)) ?? firstMethods();
    const changed = (again = false) => { if (again) answer(); else if (props.value) write(props.value, fromRuns(props.value.runs, size())); };
    panels = Object.fromEntries(Object.entries(TABS).map(([name, { controls }]) => {
        const content = make("div", { className: "answers" }), host = $(`panel-${name}`);
        host.replaceChildren(content, make("span", { className: "answered" }));
        return [name, controls(content, { dataset, manifest, chosen, changed })];
    }));
    const turns = new Map();
    $("presets").replaceChildren(...dataset.presets.map(({ label, masks }) => {
        const button = make("button", { type: "button" }, label);
        button.addEventListener("click", () => {
            const turn = turns.get(label) ?? 0;
            turns.set(label, turn + 1);
            putMask(fromBits(masks[turn % masks.length], size()));
        });
        return button;
    }));
    const rows = Math.ceil(dataset.captions.length / dataset.columns), side = 44;
    pictures = choice("Picture", dataset.captions.map((_, number) => ["", number]), (number) => {
        putSample(number, fromRuns(props.value.runs, size()), "picture");
    }, $("samples"));
    pictures.buttons.forEach((button, number) => {
        button.dataset.number = String(number + 1);
        button.dataset.name = dataset.captions[number];
        button.style.backgroundImage = `url(${dataset.sheet})`;
        button.style.backgroundSize = `${dataset.columns * side}px ${rows * side}px`;
        button.style.backgroundPosition = `${-(number % dataset.columns) * side}px ${-Math.floor(number / dataset.columns) * side}px`;
    });
    document.dispatchEvent(new Event("pictures-laid"));
    $("aligner").hidden = !dataset.aligner;
    $("caution").textContent = dataset.caution;
    datasets.show(dataset.name);
}

const datasets = choice("Data set", manifest.datasets.map(({ title, name }) => [title, name]), async (name) => {
    if (name === dataset.name) return;
    dataset = manifest.datasets.find((one) => one.name === name);
    chosen.methods = null;
    chosen.of = null;
    running++;
    offer();
    pictures.show(dataset.first);
    await putSample(dataset.first, fromBits(dataset.start, size()), "both");
    open(tab);
}, $("dataset"));

// --- masks and photos of the visitor ---

$("mask-file").addEventListener("change", async (event) => {
    const [file] = event.target.files, [, height, width] = dataset.shape;
    event.target.value = "";
    if (!file) return;
    try {
        const picture = await createImageBitmap(file, { resizeWidth: width, resizeHeight: height, resizeQuality: "pixelated" });
        const canvas = Object.assign(document.createElement("canvas"), { width, height }), pen = canvas.getContext("2d");
        pen.drawImage(picture, 0, 0);
        const { mask, problem } = fromPixels(pen.getImageData(0, 0, width, height).data);
        complain(problem);
        if (mask) putMask(mask);
    } catch {
        complain("This file is not a picture that your browser can read. Choose a PNG, JPEG, WebP or GIF.");
    }
});

const alignerProps = { value: null, settings: JSON.stringify(manifest.aligner ?? {}) };
align($("aligner"), alignerProps, (name) => {
    if (name !== "input") return;
    const bytes = fromBase64(alignerProps.value.pixels), [, height, width] = dataset.shape;
    const image = Float32Array.from({ length: bytes.length }, (_, i) => bytes[(i % (height * width)) * 3 + Math.floor(i / (height * width))] / 255);
    document.dispatchEvent(new Event("own-picture"));
    pictures.show(null);
    put({ ...props.value, sample: null, image: addressOf(image, dataset.shape), change: "picture" });
}, () => {});
$("aligner").querySelector("p.bring").textContent = "Or paste one (Ctrl+V). The photo never leaves your device.";

// --- start ---

offer();
// The canvas asks for the answer of the open panel, then reports the end of a stroke.
paint($("painter"), props, (name) => { if (panelNames.includes(name)) answer(); }, (_, react) => watchers.push(react), panelNames);
{
    const number = whole("sample", dataset.first) < dataset.captions.length ? whole("sample", dataset.first) : dataset.first;
    const mask = (query.has("mask") && (await fromText(query.get("mask"), size()))) || fromBits(dataset.start, size());
    pictures.show(number);
    await putSample(number, mask, "both");
}
look($("look"));
open(tab);
$("licences").textContent = `Data: ${[...new Set(manifest.datasets.map(({ licence }) => licence))].join("; ")}.`;
document.dispatchEvent(new Event("greeted"));

if ("serviceWorker" in navigator && isSecureContext) {
    const full = () => complain("This browser has no room to keep the models: the page works, but needs a network at the next visit. To make room, delete other sites' data.");
    navigator.serviceWorker.addEventListener("message", full);
    navigator.serviceWorker.register("service-worker.js").then(({ installing }) => {
        installing?.addEventListener("statechange", () => { if (installing.state === "redundant") full(); });
    }, () => {});
}
