// The painter: a canvas over one image whose value is that image and the exact set of hidden pixels.
// Gradio calls this once, with `element` (our template), `props` (value in and out), `trigger` and `watch`. Python has put
// `panels` before it, the ids of the panels that get an event of their name when the mask changes while they are visible.
const painter = element.querySelector(".painter");
const canvas = element.querySelector("canvas");
const pen = canvas.getContext("2d");
const status = element.querySelector("[role=status]");
const sizeInput = element.querySelector("[name=size]");
const sizeText = element.querySelector("output");
const guessTools = element.querySelector(".guess");
const [shadeInput, colourInput, doubtInput] = ["shade", "colour", "doubt"].map((name) => element.querySelector(`[name=${name}]`));
const doubtText = doubtInput.nextElementSibling;
const tools = [...element.querySelectorAll("[data-tool]")];
const undoButton = element.querySelector("[data-action=undo]");
const redoButton = element.querySelector("[data-action=redo]");
const [coverButton, answersButton, eraseButton] = ["cover", "answers", "erase"].map((name) => element.querySelector(`[data-action=${name}]`));

const SEND_EVERY_MS = 80, BUSY_AFTER_MS = 2000;
const HISTORY = 200;

let width = 0, height = 0;
let dataset = null, sample = null; // the picture; sample is null for a visitor's picture
let revision = 0; // the number of this state of picture and mask, which answers return
let pictureRevision = 0, givenRevision = 0; // the revisions of the last change of the picture, and of the last value from Python
let mask = new Uint8Array(0); // 1 where the pixel is hidden
let guess = new Uint8ClampedArray(0); // red, green, blue and alpha of what the visitor draws; alpha is 255 where they drew
const picture = new Image();
let tool = "brush";
let otherSize = 2; // the pen's size while another tool is in use, and theirs while the pen is
const past = [], future = [];
let stroke = null; // {pointer, erase, x, y, before} while the pointer is down
let cursor = null; // the pixel under pointer or keyboard, [x, y]
let place = null; // the last place of the keyboard cursor, [x, y]
let lastSent = 0, pendingSend = null;
const busy = new Map(); // panel -> the timer that marks it as busy

// --- value in and out: {height, width, runs: [start, length, start, length, ...], dataset, sample}, with `image`, a data
// address, from Python, and to Python if the picture is the visitor's. Python's `change` determines whether picture or mask
// stay, since strokes painted meanwhile must not be lost. To Python also `guess` if the visitor drew in the hole: {image, a data
// address whose hidden pixels count, deviation}. ---

function encode() {
    const runs = [];
    for (let i = 0; i < mask.length; i++) {
        if (!mask[i]) continue;
        if (i > 0 && mask[i - 1]) runs[runs.length - 1]++;
        else runs.push(i, 1);
    }
    const own = sample === null ? { image: picture.src } : {};
    return { height, width, runs, dataset, sample, revision, ...own, ...(isDrawn() ? { guess: encodeGuess() } : {}) };
}

// --- the visitor's guess: what they draw in the hole. Hidden pixels without drawing have the median of the visible ones. ---

const isDrawn = () => mask.some((bit, i) => bit && guess[4 * i + 3]);

function encodeGuess() {
    const sheet = Object.assign(document.createElement("canvas"), { width, height }), ink = sheet.getContext("2d");
    const answer = ink.createImageData(width, height), background = usualColour();
    mask.forEach((bit, i) => { if (bit) answer.data.set(guess[4 * i + 3] ? guess.subarray(4 * i, 4 * i + 4) : background, 4 * i); });
    ink.putImageData(answer, 0, 0);
    return { image: sheet.toDataURL("image/png"), deviation: Number(doubtInput.value) };
}

// For a reload: only what was drawn; the rest is transparent.
function encodeDrawing() {
    const sheet = Object.assign(document.createElement("canvas"), { width, height });
    sheet.getContext("2d").putImageData(new ImageData(guess.slice(), width), 0, 0);
    return { image: sheet.toDataURL("image/png"), deviation: Number(doubtInput.value) };
}

function decodeGuess(value) {
    doubtInput.value = value.deviation;
    const drawn = new Image(), belongs = [dataset, sample, picture.src].join();
    drawn.onload = () => {
        if (belongs !== [dataset, sample, picture.src].join()) return;
        const ink = Object.assign(document.createElement("canvas"), { width, height }).getContext("2d");
        ink.drawImage(drawn, 0, 0);
        guess = ink.getImageData(0, 0, width, height).data;
        draw();
        settle();
    };
    drawn.src = value.image;
}

// The pixels of the picture, red, green, blue and alpha; null until it has loaded.
let pixels = null;
picture.addEventListener("load", () => {
    const ink = Object.assign(document.createElement("canvas"), { width, height }).getContext("2d");
    ink.drawImage(picture, 0, 0, width, height);
    pixels = ink.getImageData(0, 0, width, height).data;
    const colourful = pixels.some((value, i) => i % 4 < 2 && value !== pixels[i + 1]);
    shadeInput.parentNode.hidden = colourful;
    colourInput.parentNode.hidden = !colourful;
    draw();
});

function usualColour() {
    const visible = [...mask.keys()].filter((i) => !mask[i]);
    if (!pixels || !visible.length) return [0, 0, 0, 255];
    const median = (channel) => Uint8Array.from(visible, (i) => pixels[4 * i + channel]).sort()[visible.length >> 1];
    return [median(0), median(1), median(2), 255];
}

const hex = (values) => `#${[...values].slice(0, 3).map((value) => value.toString(16).padStart(2, "0")).join("")}`;

function penColour() {
    if (colourInput.parentNode.hidden) return Array(3).fill(Number(shadeInput.value));
    return [1, 3, 5].map((at) => Number.parseInt(colourInput.value.slice(at, at + 2), 16));
}

// The truth, or all answers, are covered in all tabs while the page's root says so.
const isCovered = () => document.documentElement.dataset.truth === "covered";
const areAnswersCovered = () => document.documentElement.dataset.answers === "covered";
const cover = (level) => document.dispatchEvent(new CustomEvent("cover", { detail: level }));

function accept(value = props.value) {
    if (!value) return;
    const another = value.dataset !== dataset || value.sample !== sample || (value.image && value.image !== picture.src);
    // The mask may belong to a picture that is no longer shown.
    if (dataset && (value.change === "nothing" || (value.change === "mask" && another))) {
        props.value = encode();
        return;
    }
    ({ dataset, sample } = value);
    document.documentElement.dataset.ownPicture = sample === null;
    const resized = value.width !== width || value.height !== height;
    if (resized) {
        const brush = Number(sizeInput.value) * (width ? value.width / width : 1); // keeps its share of the picture
        ({ width, height } = value);
        sizeInput.max = Math.ceil(Math.max(width, height) / 2);
        sizeInput.value = Math.round(brush);
        otherSize = Math.round(tool === "pen" ? width / 7 : width / 14);
        mask = new Uint8Array(width * height);
        guess = new Uint8ClampedArray(4 * width * height);
        past.length = future.length = 0;
        stroke = cursor = place = null;
    }
    if (value.image && value.image !== picture.src) picture.src = value.image;
    if (another) for (const drawn of [guess, ...[...past, ...future].map((state) => state.guess)]) drawn.fill(0);
    if (resized || value.change !== "picture") {
        if (stroke) endStroke();
        const next = new Uint8Array(width * height);
        for (let i = 0; i < value.runs.length; i += 2) next.fill(1, value.runs[i], value.runs[i] + value.runs[i + 1]);
        const before = snapshot();
        mask = next;
        if (!resized && differs(before)) remember(before);
    }
    if (value.guess) decodeGuess(value.guess);
    if (another && revision) show();
    renew(another);
    givenRevision = revision;
    draw();
}

// Scrolls to the canvas, so that a choice made further down the page is visible.
function show() {
    const { top, bottom } = canvas.getBoundingClientRect();
    if (top < 0 || bottom > innerHeight) bring();
}

function bring() {
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    (painter.closest(".stage") ?? painter).scrollIntoView({ block: "start", behavior: still ? "auto" : "smooth" });
}

// Every state of the canvas has a number. A panel's results are pending until the answer to the last state arrives, and stale
// while they belong to another picture.
function renew(another = false) {
    revision++;
    if (another) pictureRevision = revision;
    panels.forEach(mark);
}

function mark(panel) {
    const box = document.getElementById(panel);
    if (!box?.querySelector(".answered")) return; // it does not follow the canvas
    const answered = Number(box.dataset.answered ?? Infinity);
    const state = box.dataset.answered && answered < pictureRevision ? "stale" : box.dataset.answered && answered >= revision ? "" : "pending";
    box.dataset.state = state;
    box.setAttribute("aria-busy", state !== "");
    if (!state) {
        clearTimeout(busy.get(panel));
        busy.delete(panel);
        delete box.dataset.busy;
    } else if (!busy.has(panel)) busy.set(panel, setTimeout(() => { box.dataset.busy = ""; }, BUSY_AFTER_MS));
}

document.addEventListener("answered", ({ detail: { panel, revision: number } }) => {
    if (typeof number !== "number") return;
    document.getElementById(panel).dataset.answered = number || givenRevision;
    mark(panel);
});

// A panel has a part of an answer. Its next part is requested like a stroke, unless there is a newer one.
document.addEventListener("more-wanted", () => { if (!stroke) schedule(); });

// New contents of the canvas are pending.
for (const [name, waiting] of [["canvas-asked", true], ["canvas-settled", false]])
    document.addEventListener(name, () => painter.closest(".stage")?.setAttribute("aria-busy", waiting));

// Picture and mask survive a reload and a restart of the server.
const SAVED = "canvas";
function read() {
    if (performance.getEntriesByType("navigation")[0]?.type !== "reload") return null;
    try { return sessionStorage.getItem(SAVED); } catch { return null; } // not allowed in this frame
}
const saved = read();
function save() {
    const value = isDrawn() ? { ...props.value, guess: encodeDrawing() } : props.value;
    try { sessionStorage.setItem(SAVED, JSON.stringify(value)); } catch { /* no room, or not allowed in this frame */ }
}
if (saved)
    document.addEventListener("greeted", () => {
        const value = JSON.parse(saved);
        if (value.dataset !== dataset) return;
        if (value.sample === null) document.dispatchEvent(new Event("own-picture"));
        accept({ ...value, change: "both" });
        send();
    }, { once: true });

const snapshot = () => ({ mask: mask.slice(), guess: guess.slice() });
const differs = (other) => mask.some((bit, i) => bit !== other.mask[i]) || guess.some((value, i) => value !== other.guess[i]);

function send() {
    clearTimeout(pendingSend);
    lastSent = performance.now();
    props.value = encode();
    const open = panels.find((panel) => document.getElementById(panel)?.offsetParent);
    if (open) trigger(open);
    if (!stroke) { save(); trigger("release"); }
}

function sendSoon() {
    renew();
    schedule();
}

function schedule() {
    clearTimeout(pendingSend);
    pendingSend = setTimeout(send, Math.max(0, lastSent + SEND_EVERY_MS - performance.now()));
}

// A finished mask is available at once. The panel gets it like a stroke: of two events in quick
// succession Gradio sends both, and the answer to the first may arrive last.
function settle() {
    renew();
    props.value = encode();
    schedule();
}

// --- drawing ---

function draw() {
    if (!width) return;
    // An integer number of device pixels per image pixel, so that edges are sharp and all pixels equally wide.
    const scale = Math.max(1, Math.floor((painter.clientWidth * devicePixelRatio) / width));
    if (canvas.width !== width * scale) {
        canvas.width = width * scale; canvas.height = height * scale;
        canvas.style.width = `${canvas.width / devicePixelRatio}px`;
    }
    pen.imageSmoothingEnabled = false;
    pen.clearRect(0, 0, canvas.width, canvas.height);
    if (picture.complete && picture.naturalWidth) pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
    const style = getComputedStyle(canvas);
    const paint = style.getPropertyValue("--paint"), guessing = tool === "pen" || isDrawn(), background = guessing && hex(usualColour());
    let hidden = 0;
    for (let i = 0; i < mask.length; i++) {
        if (!mask[i]) continue;
        hidden++;
        pen.fillStyle = !guessing ? paint : guess[4 * i + 3] ? hex(guess.subarray(4 * i, 4 * i + 3)) : background;
        pen.fillRect((i % width) * scale, Math.floor(i / width) * scale, scale, scale);
    }
    const edge = style.getPropertyValue("--paint-edge");
    if (guessing) outline(scale, edge, holeOf());
    if (cursor) outline(scale, edge, stamp(...cursor));
    status.textContent = hidden
        ? `${hidden} of ${mask.length} pixels hidden (${Math.round((100 * hidden) / mask.length)} %)`
        : "Nothing is hidden yet: paint over the picture.";
    for (const button of tools) button.setAttribute("aria-pressed", button.dataset.tool === tool);
    guessTools.hidden = !(isCovered() || guessing) || !hidden;
    doubtText.textContent = `±${Math.round(100 * doubtInput.value)} %`;
    coverButton.textContent = isCovered() ? "Reveal the truth" : "Hide the truth";
    coverButton.setAttribute("aria-pressed", isCovered());
    answersButton.hidden = !isCovered();
    answersButton.setAttribute("aria-pressed", areAnswersCovered());
    eraseButton.disabled = !isDrawn();
    undoButton.disabled = !past.length;
    redoButton.disabled = !future.length;
    sizeText.textContent = `${sizeInput.value} px`;
}

// Draws the border of a set of pixels, [x, y].
function outline(scale, colour, places) {
    pen.strokeStyle = colour;
    pen.lineWidth = Math.max(1, devicePixelRatio);
    const inside = new Map([...places].map((place) => [place.join(), place]));
    for (const [x, y] of inside.values()) {
        for (const [dx, dy, x1, y1, x2, y2] of [[0, -1, 0, 0, 1, 0], [0, 1, 0, 1, 1, 1], [-1, 0, 0, 0, 0, 1], [1, 0, 1, 0, 1, 1]]) {
            if (inside.has([x + dx, y + dy].join())) continue;
            pen.beginPath();
            pen.moveTo((x + x1) * scale, (y + y1) * scale);
            pen.lineTo((x + x2) * scale, (y + y2) * scale);
            pen.stroke();
        }
    }
}

// --- the brush: all pixels within half its size of the pixel below it ---

function covers(dx, dy) {
    // The centre of an even brush is between pixels, so that its width is exact.
    const size = Number(sizeInput.value), shift = size % 2 ? 0 : 0.5;
    return Math.hypot(dx + shift, dy + shift) <= Math.max(size / 2, shift ? 0.71 : 0.5);
}

function* stamp(cx, cy) {
    const reach = Math.ceil(Number(sizeInput.value) / 2) + 1;
    for (let y = Math.max(0, cy - reach); y <= Math.min(height - 1, cy + reach); y++)
        for (let x = Math.max(0, cx - reach); x <= Math.min(width - 1, cx + reach); x++)
            if (covers(x - cx, y - cy)) yield [x, y];
}

// Draws the hidden pixels on another canvas.
painter.drawHole = (other) => {
    Object.assign(other, { width, height });
    const ink = other.getContext("2d");
    ink.fillStyle = getComputedStyle(canvas).getPropertyValue("--paint");
    for (const place of holeOf()) ink.fillRect(...place, 1, 1);
};

function* holeOf() {
    for (let i = 0; i < mask.length; i++) if (mask[i]) yield [i % width, Math.floor(i / width)];
}

// The pen draws in the hole only; the eraser of a pen, the right mouse button, removes the drawing.
function paintAt(cx, cy, erase) {
    for (const [x, y] of stamp(cx, cy)) {
        const i = y * width + x;
        if (tool !== "pen") mask[i] = erase ? 0 : 1;
        else if (mask[i]) guess.set(erase ? [0, 0, 0, 0] : [...penColour(), 255], 4 * i);
    }
}

// A stroke of the pen that begins on a visible pixel takes its colour.
function pickColour(x, y) {
    const i = y * width + x;
    if (tool !== "pen" || mask[i] || !pixels) return;
    shadeInput.value = pixels[4 * i];
    colourInput.value = hex(pixels.subarray(4 * i, 4 * i + 3));
}

function paintLine(x0, y0, x1, y1, erase) {
    const steps = Math.max(Math.abs(x1 - x0), Math.abs(y1 - y0), 1);
    for (let i = 0; i <= steps; i++)
        paintAt(Math.round(x0 + ((x1 - x0) * i) / steps), Math.round(y0 + ((y1 - y0) * i) / steps), erase);
}

// --- history ---

function remember(before) {
    past.push(before);
    if (past.length > HISTORY) past.shift();
    future.length = 0;
}

function change(edit) {
    lift();
    const before = snapshot();
    edit();
    if (differs(before)) { remember(before); settle(); }
    draw();
}

function travel(from, to) {
    lift();
    if (!from.length) return;
    to.push({ mask, guess });
    ({ mask, guess } = from.pop());
    settle();
    draw();
}

const actions = {
    undo: () => travel(past, future),
    redo: () => travel(future, past),
    clear: () => change(() => { mask.fill(0); guess.fill(0); }),
    erase: () => change(() => { guess.fill(0); }),
    cover: () => cover(isCovered() ? "shown" : "covered"),
    answers: () => cover(areAnswersCovered() ? "covered" : "everything"),
    invert: () => change(() => { mask = mask.map((bit) => 1 - bit); }),
    download() {
        const sheet = document.createElement("canvas");
        sheet.width = width; sheet.height = height;
        const ink = sheet.getContext("2d");
        ink.fillStyle = "#000"; ink.fillRect(0, 0, width, height);
        ink.fillStyle = "#fff";
        mask.forEach((bit, i) => { if (bit) ink.fillRect(i % width, Math.floor(i / width), 1, 1); });
        const link = document.createElement("a");
        link.download = "mask.png";
        link.href = sheet.toDataURL("image/png");
        link.click();
    },
};

// --- pointer ---

function pixelAt(event) {
    const box = canvas.getBoundingClientRect();
    return [Math.floor(((event.clientX - box.left) / box.width) * width), Math.floor(((event.clientY - box.top) / box.height) * height)];
}

canvas.addEventListener("pointerdown", (event) => {
    if (stroke || (event.button !== 0 && event.button !== 2)) return; // a second finger does not paint
    event.preventDefault();
    canvas.focus({ preventScroll: true });
    try { canvas.setPointerCapture(event.pointerId); } catch { /* the pointer is already gone */ }
    const [x, y] = pixelAt(event);
    stroke = { pointer: event.pointerId, erase: tool === "eraser" || event.button === 2, x, y, before: snapshot() };
    if (!stroke.erase) pickColour(x, y);
    paintAt(x, y, stroke.erase);
    cursor = [x, y];
    draw();
    sendSoon();
});

canvas.addEventListener("pointermove", (event) => {
    if (stroke && stroke.pointer !== event.pointerId) return;
    cursor = pixelAt(event);
    if (stroke) {
        const parts = event.getCoalescedEvents?.() ?? [];
        for (const part of parts.length ? parts : [event]) {
            const [x, y] = pixelAt(part);
            paintLine(stroke.x, stroke.y, x, y, stroke.erase);
            stroke.x = x; stroke.y = y;
        }
        sendSoon();
    }
    draw();
});

function endStroke() {
    clearTimeout(pendingSend);
    if (differs(stroke.before)) remember(stroke.before);
    stroke = null;
}

function lift() {
    if (!stroke) return;
    endStroke();
    settle();
    draw();
    if (compact.matches && column?.getBoundingClientRect().top > 0) bring();
}

// On a small screen the canvas stays visible, smaller, while the page scrolls.
const compact = matchMedia("(max-width: 1040px), (max-height: 480px)");
const column = painter.closest(".canvas");
document.addEventListener("scroll", () => {
    const above = -(painter.closest(".stage")?.getBoundingClientRect().top ?? 0);
    column?.classList.toggle("small", above > canvas.offsetHeight / 2);
}, { passive: true });

for (const end of ["pointerup", "pointercancel"])
    canvas.addEventListener(end, (event) => { if (stroke?.pointer === event.pointerId) lift(); });
canvas.addEventListener("pointerleave", () => { if (!stroke) { cursor = null; draw(); } });
canvas.addEventListener("contextmenu", (event) => event.preventDefault());

// --- keyboard: arrows move, space paints, shift with arrows paints along the way ---

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const LETTERS = { b: "brush", e: "eraser", g: "pen" };

canvas.addEventListener("keydown", (event) => {
    const stroked = () => paintAt(...cursor, tool === "eraser");
    if (event.ctrlKey || event.metaKey || !(event.key in ARROWS || event.key === " " || event.key === "Enter")) return;
    event.preventDefault();
    aim();
    if (event.key in ARROWS) {
        const [dx, dy] = ARROWS[event.key];
        if (event.shiftKey) change(stroked);
        cursor = [Math.min(width - 1, Math.max(0, cursor[0] + dx)), Math.min(height - 1, Math.max(0, cursor[1] + dy))];
        if (event.shiftKey) change(stroked);
        draw();
    } else change(stroked);
});

// Letters work from the toolbar too; undo and redo work everywhere except in text fields, which have their own.
element.addEventListener("keydown", (event) => {
    const key = keys.letterOf(event), bracket = key === "[" || key === "]";
    // In several layouts brackets need Alt or AltGr, which some systems report as Ctrl and Alt.
    if ((event.ctrlKey && !event.altKey) || event.metaKey || (event.altKey && !bracket)) return;
    if (key in LETTERS) take(LETTERS[key]);
    else if (bracket) { sizeInput.value = Number(sizeInput.value) + (key === "]" ? 1 : -1); draw(); }
    else if (key === "i") actions.invert();
    else if (key === "delete" || key === "backspace") actions.clear();
    else return;
    event.preventDefault();
});
document.addEventListener("keydown", (event) => {
    if (keys.isTyping(event)) return; // fields have their own undo
    const key = keys.letterOf(event);
    if (key === "g" && !keys.isModified(event)) { take("pen"); canvas.focus({ preventScroll: true }); }
    if (!(event.ctrlKey || event.metaKey) || event.altKey || !(key === "z" || key === "y")) return;
    actions[key === "y" || event.shiftKey ? "redo" : "undo"]();
    event.preventDefault();
});

// With the keyboard the brush appears at its last place, initially in the middle.
function aim() {
    cursor ??= place ?? [Math.floor(width / 2), Math.floor(height / 2)];
    draw();
}
canvas.addEventListener("focus", () => { if (canvas.matches(":focus-visible")) aim(); });
canvas.addEventListener("blur", () => { place = cursor ?? place; cursor = null; draw(); });

// --- toolbar ---

function take(next) {
    if ((next === "pen") !== (tool === "pen")) [sizeInput.value, otherSize] = [otherSize, sizeInput.value];
    tool = next;
    draw();
}

for (const button of tools) button.addEventListener("click", () => take(button.dataset.tool));
for (const button of element.querySelectorAll("[data-action]")) button.addEventListener("click", () => actions[button.dataset.action]());
sizeInput.addEventListener("input", draw);
doubtInput.addEventListener("input", () => { draw(); if (isDrawn()) settle(); });
document.addEventListener("truth", () => {
    if (!isCovered() && tool === "pen") take("brush");
    draw();
    if (isCovered() && compact.matches) guessTools.scrollIntoView({ inline: "start", block: "nearest" }); // the bar scrolls sideways
});
new ResizeObserver(draw).observe(painter);
// Contents that Python puts on the canvas are answered like a stroke: with the current mask, and all results follow.
// A moment later, since other changes by Python, such as the choice of methods, are still on their way to the page.
watch("value", () => {
    accept();
    clearTimeout(pendingSend);
    pendingSend = setTimeout(send);
});
accept();
