// The aligner: cuts a square out of a photo, with rings at the place of the eyes. props.value, to Python, is {pixels}, the size x
// size cut as base64 of its RGB bytes, row by row; from Python {photo, box, reason}, if it has a photo to show.
// props.settings: {size, eyes: [[x, y], ...] as shares of the side, short, hint, brought}.
const { size, eyes, short, hint, brought } = JSON.parse(props.settings);
const root = element.querySelector(".aligner");
const stage = root.querySelector(".cutter");
const canvas = root.querySelector("canvas");
const video = root.querySelector("video");
const chooser = root.querySelector("input[type=file]");
const zoom = root.querySelector("[data-control=zoom]");
const turn = root.querySelector("[data-control=turn]");
const problem = root.querySelector("[role=status]");
const useButton = root.querySelector("[data-action=use]");
const pen = canvas.getContext("2d");

// Photos are scaled down to this size: a face cut out of them has a few dozen pixels per side.
const LARGEST = 1600;
const SIDE = 640; // of the canvas
const DOUBLE_CLICK = 500, SAME_PLACE = 12; // ms, px
const START = 0.75; // the initial size of the cut, as a share of the photo's shorter side

let photo = null; // a canvas
let centre = [0, 0]; // of the cut, in pixels of the photo
let stream = null, asking = false;
const fingers = new Map(); // pointer -> [x, y]

const INSTRUCTIONS = `Your photo. ${hint} The arrow keys move it, plus and minus change its size, comma and full stop turn it, Enter uses it.`;
const USE = `Use this ${short}`;
canvas.setAttribute("aria-label", INSTRUCTIONS);
root.querySelector("[data-part=hint]").textContent = hint;
for (const one of root.querySelectorAll(".bring")) one.hidden = !brought;
useButton.textContent = USE;
const say = (text) => { problem.textContent = text; };

// --- photos come from a file, the clipboard or the camera ---

async function take(file) {
    say("");
    let bitmap;
    try {
        bitmap = await createImageBitmap(file); // upright, by its EXIF data
    } catch {
        return say("This is not a picture that your browser can read. Choose a PNG, JPEG, WebP or GIF.");
    }
    show(bitmap, bitmap.width, bitmap.height);
    bitmap.close();
}

function show(source, width, height) {
    if (!width || !height) return say("This picture is empty. Choose another.");
    const scale = Math.min(1, LARGEST / Math.max(width, height));
    photo = document.createElement("canvas");
    photo.width = Math.max(1, Math.round(width * scale));
    photo.height = Math.max(1, Math.round(height * scale));
    const ink = photo.getContext("2d");
    ink.imageSmoothingQuality = "high";
    ink.fillStyle = "#fff"; // below transparent pixels
    ink.fillRect(0, 0, photo.width, photo.height);
    ink.drawImage(source, 0, 0, photo.width, photo.height);
    centre = [photo.width / 2, photo.height * 0.45];
    zoom.value = turn.value = 0;
    stage.hidden = false;
    useButton.textContent = USE;
    draw();
    canvas.focus({ preventScroll: true });
}

async function openCamera() {
    if (asking || stream) return;
    say("");
    asking = true;
    let found;
    try {
        found = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user" } });
    } catch {
        say("The camera cannot be used: there is none, or this page has no permission. Upload a photo instead.");
    }
    const wanted = asking && root.isConnected; // nothing else was chosen while the browser asked for permission
    asking = false;
    if (found && !wanted) stopTracks(found);
    if (!found || !wanted) return;
    stream = found;
    photo = null;
    canvas.setAttribute("aria-label", "The camera's picture, with two rings for the eyes.");
    stage.hidden = false;
    useButton.textContent = "Take the photo";
    useButton.disabled = true; // until the first frame
    video.srcObject = stream;
    video.play().catch(() => { /* closed before it started */ });
    (function look() {
        if (stream && !root.isConnected) closeCamera(); // the data set changed
        if (stream !== found) return;
        draw();
        requestAnimationFrame(look);
    })();
}

video.addEventListener("loadeddata", () => { useButton.disabled = false; });

function stopTracks(source) {
    for (const track of source.getTracks()) track.stop();
}

function closeCamera() {
    asking = false;
    if (stream) stopTracks(stream);
    stream = video.srcObject = null;
    useButton.disabled = false;
    canvas.setAttribute("aria-label", INSTRUCTIONS);
}

function close() {
    closeCamera();
    photo = null;
    stage.hidden = true;
    if (brought) root.querySelector("[data-action=upload]").focus({ preventScroll: true });
    closedAt = performance.now();
}

// Ignores the second press of a double click on an element that has just moved under the pointer.
let closedAt = -Infinity, last = [NaN, NaN];
for (const kind of ["pointerdown", "mousedown", "click"])
    document.addEventListener(kind, (event) => {
        // Pointer events do not count clicks.
        const moved = Math.hypot(event.clientX - last[0], event.clientY - last[1]);
        const second = kind === "pointerdown" ? moved < SAME_PLACE && !root.contains(event.target) : event.detail > 1;
        if (second && performance.now() - closedAt < DOUBLE_CLICK) {
            event.preventDefault();
            event.stopImmediatePropagation();
        } else last = [event.clientX, event.clientY];
    }, true);

// --- the cut: a square of the photo, turned ---

const side = () => START * Math.min(photo.width, photo.height) * 2 ** -Number(zoom.value);

// Draws the cut into a square context of `pixels` per side.
function cut(into, pixels) {
    into.imageSmoothingEnabled = true;
    into.imageSmoothingQuality = "high";
    into.fillStyle = "#000";
    into.fillRect(0, 0, pixels, pixels);
    into.save();
    into.translate(pixels / 2, pixels / 2);
    into.rotate((Number(turn.value) * Math.PI) / 180);
    into.scale(pixels / side(), pixels / side());
    into.drawImage(photo, -centre[0], -centre[1]);
    into.restore();
}

function draw() {
    canvas.width = canvas.height = SIDE;
    if (photo) cut(pen, SIDE);
    else if (stream && video.videoWidth) { // mirrored
        const part = Math.min(video.videoWidth, video.videoHeight);
        pen.setTransform(-1, 0, 0, 1, SIDE, 0);
        pen.drawImage(video, (video.videoWidth - part) / 2, (video.videoHeight - part) / 2, part, part, 0, 0, SIDE, SIDE);
        pen.setTransform(1, 0, 0, 1, 0, 0);
    }
    for (const [colour, width] of [["#000a", 7], ["#fff", 3]]) {
        pen.strokeStyle = colour; pen.lineWidth = width;
        for (const [x, y] of eyes) {
            pen.beginPath();
            pen.arc(x * SIDE, y * SIDE, 0.055 * SIDE, 0, 2 * Math.PI);
            pen.stroke();
        }
    }
}

// Scaled in steps of one half, so that every pixel of the photo counts.
function face() {
    let pixels = size;
    while (pixels < side()) pixels *= 2;
    let sheet = document.createElement("canvas");
    sheet.width = sheet.height = pixels;
    cut(sheet.getContext("2d"), pixels);
    while (pixels > size) {
        pixels /= 2;
        const half = document.createElement("canvas");
        half.width = half.height = pixels;
        half.getContext("2d").drawImage(sheet, 0, 0, pixels, pixels);
        sheet = half;
    }
    const { data } = sheet.getContext("2d", { colorSpace: "srgb" }).getImageData(0, 0, size, size);
    let text = "";
    for (let i = 0; i < data.length; i += 4) text += String.fromCharCode(data[i], data[i + 1], data[i + 2]);
    return btoa(text);
}

function use() {
    if (stream) {
        const mirrored = document.createElement("canvas");
        mirrored.width = video.videoWidth; mirrored.height = video.videoHeight;
        const ink = mirrored.getContext("2d");
        ink.setTransform(-1, 0, 0, 1, mirrored.width, 0);
        ink.drawImage(video, 0, 0);
        closeCamera();
        return show(mirrored, mirrored.width, mirrored.height);
    }
    if (!photo) return;
    props.value = { pixels: face() };
    trigger("input");
    close();
    say(`The ${short} is on the canvas.`);
}

// --- moving ---

function move(dx, dy) { // in canvas pixels on the screen
    const scale = side() / canvas.getBoundingClientRect().width, angle = (-Number(turn.value) * Math.PI) / 180;
    const [x, y] = [dx * Math.cos(angle) - dy * Math.sin(angle), dx * Math.sin(angle) + dy * Math.cos(angle)];
    centre = [
        Math.min(photo.width, Math.max(0, centre[0] - x * scale)),
        Math.min(photo.height, Math.max(0, centre[1] - y * scale)),
    ];
    draw();
}

function set(control, value) { control.value = value; draw(); }

canvas.addEventListener("pointerdown", (event) => {
    if (!photo) return;
    event.preventDefault();
    canvas.focus({ preventScroll: true });
    try { canvas.setPointerCapture(event.pointerId); } catch { /* the pointer is already gone */ }
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
});
canvas.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before || !photo) return;
    const now = [event.clientX, event.clientY];
    const other = [...fingers].find(([pointer]) => pointer !== event.pointerId)?.[1];
    if (other) {
        const apart = (point) => Math.hypot(point[0] - other[0], point[1] - other[1]) || 1;
        set(zoom, Number(zoom.value) + Math.log2(apart(now) / apart(before)));
    } else move(now[0] - before[0], now[1] - before[1]);
    fingers.set(event.pointerId, now);
});
for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => fingers.delete(event.pointerId));
canvas.addEventListener("wheel", (event) => {
    if (!photo) return;
    event.preventDefault();
    set(zoom, Number(zoom.value) - event.deltaY / 500);
}, { passive: false });
canvas.addEventListener("keydown", (event) => {
    if (!photo || event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = { ArrowLeft: [-4, 0], ArrowRight: [4, 0], ArrowUp: [0, -4], ArrowDown: [0, 4] }[event.key];
    if (arrow) move(...arrow);
    else if (event.key === "+" || event.key === "-") set(zoom, Number(zoom.value) + (event.key === "+" ? 0.05 : -0.05));
    else if (event.key === "," || event.key === ".") set(turn, Number(turn.value) + (event.key === "." ? 1 : -1));
    else if (event.key === "Enter") use();
    else return;
    event.preventDefault();
});

// --- controls ---

const actions = { upload: () => chooser.click(), camera: openCamera, use, close: () => { say(""); close(); } };
for (const button of root.querySelectorAll("[data-action]")) button.addEventListener("click", () => actions[button.dataset.action]());
for (const control of [zoom, turn]) control.addEventListener("input", () => photo && draw());
chooser.addEventListener("change", () => {
    if (chooser.files[0]) { closeCamera(); take(chooser.files[0]); }
    chooser.value = ""; // so that the same file can be chosen again
});
document.addEventListener("paste", function paste(event) {
    if (!root.isConnected) return document.removeEventListener("paste", paste);
    if (!brought || !root.getClientRects().length) return; // another data set is shown
    const file = [...(event.clipboardData?.files ?? [])].find((one) => one.type.startsWith("image/"));
    if (file) { event.preventDefault(); closeCamera(); take(file); }
});
watch("value", () => {
    const { photo: address, box, reason } = props.value ?? {};
    if (!address) return;
    const picture = new Image();
    picture.onload = () => {
        show(picture, picture.naturalWidth, picture.naturalHeight);
        const [left, top, right, bottom] = box;
        centre = [(left + right) / 2, (top + bottom) / 2];
        zoom.value = Math.log2((START * Math.min(photo.width, photo.height)) / (right - left));
        draw();
        say(`Please check what was cut out: ${reason}.`);
    };
    picture.src = address;
});
if (brought) for (const kind of ["dragover", "drop"]) root.addEventListener(kind, (event) => {
    event.preventDefault();
    if (kind === "drop" && event.dataTransfer.files[0]) { closeCamera(); take(event.dataTransfer.files[0]); }
});
