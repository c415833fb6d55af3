// The player: a map of the latent plane, its walks, their images, and a slider for the step.
// props.value from Python: {id, plane, truth: {at, picture}, walks, more, maps} or {plane, dropped}, each walk {name, colour, path, residual, frames, shown, arrived},
// with the frames one below the other, for the steps in `shown`;
// maps, as JSON, only if they are new: {name: {low, high, basins, points, arrows, attractors, classes, names}}, which do not depend on the hole;
// to Python: {plane, at: [z1, z2]}, the start of a walk.
let planes = {};
const root = element.querySelector(".walks");
const plane = element.querySelector(".plane");
const tiles = element.querySelector(".tiles");
const fall = element.querySelector(".fall canvas");
const bar = element.querySelector("input[type=range]");
const output = element.querySelector("output");
const playButton = element.querySelector("[data-action=play]");
const key = element.querySelector(".key");
const status = element.querySelector("[role=status]");

const STEPS_PER_SECOND = 20;
const still = matchMedia("(prefers-reduced-motion: reduce)");

let name = null, id = null, truth = null;
let walks = [], dropped = null; // the walks of the image, and the one from a click
let more = false; // whether the image's walks continue
let step = 0, playing = null, since = 0, from = 0;
let cross = null; // the keyboard cursor, [z1, z2]
let ground = null; // the map without walks, drawn once per size and theme

const shown = () => (dropped ? [...walks, dropped] : walks);
const last = () => Math.max(0, ...shown().map((walk) => walk.path.length - 1));
const at = (list, index) => list[Math.min(index, list.length - 1)];

// --- value in ---

function accept() {
    const value = props.value;
    if (!value?.walks && !value?.dropped) return;
    if (value.dropped) {
        if (value.plane !== name) return; // the answer to a click on a map that is no longer shown
        dropped = opened(value.dropped, dropped);
        start();
        const end = dropped.path.length - 1, [z1, z2] = dropped.path[end].map((one) => one.toFixed(1));
        status.textContent = `Your start ${dropped.arrived ? "is fixed" : "still moves"} at step ${end}, at (${z1}, ${z2})`;
    } else {
        if (value.maps) { planes = JSON.parse(value.maps); name = null; }
        const elsewhere = value.plane !== name, anew = elsewhere || value.id !== id, atEnd = step >= last();
        if (elsewhere) { dropped = cross = ground = null; }
        ({ id, truth, more, plane: name } = value);
        walks = value.walks.map((walk, index) => opened(walk, walks[index]));
        if (anew) start(); // otherwise these are longer versions of the same walks
        else if (still.matches && atEnd) step = last();
        drawKey();
    }
    layOut();
    draw();
}

// A walk with its frames; until they are loaded, those of the previous walk are shown.
function opened(walk, before) {
    const result = { ...walk, film: before?.film }, sheet = new Image();
    sheet.addEventListener("load", () => { result.film = { sheet, shown: walk.shown }; draw(); });
    sheet.src = walk.frames;
    return result;
}

// --- time ---

function start() {
    step = still.matches ? last() : 0;
    still.matches ? pause() : play();
}

function play() {
    from = step; since = performance.now();
    if (playing === null) playing = requestAnimationFrame(tick);
}

function pause() {
    if (playing !== null) cancelAnimationFrame(playing);
    playing = null;
    draw();
}

function tick(now) {
    playing = requestAnimationFrame(tick);
    const next = Math.min(last(), from + Math.max(0, Math.floor(((now - since) / 1000) * STEPS_PER_SECOND)));
    if (next !== step) { step = next; draw(); }
    if (step < last()) return;
    if (more) { from = step; since = now; } // at the last known step, waiting for more
    else pause();
}

function go(to) {
    step = Math.min(last(), Math.max(0, to));
    pause();
}

const actions = {
    play() {
        if (playing !== null) return pause();
        if (step >= last()) step = 0;
        play();
        draw();
    },
    back: () => go(step - 1),
    on: () => go(step + 1),
};

// --- places ---

function fit(canvas) {
    const ratio = devicePixelRatio || 1;
    const width = Math.round(canvas.clientWidth * ratio), height = Math.round(canvas.clientHeight * ratio);
    if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; }
    const pen = canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    return [pen, canvas.clientWidth, canvas.clientHeight];
}

function place([z1, z2]) {
    const { low, high } = planes[name];
    return [((z1 - low[0]) / (high[0] - low[0])) * plane.clientWidth, ((high[1] - z2) / (high[1] - low[1])) * plane.clientHeight];
}

function latents(x, y) {
    const { low, high } = planes[name], box = plane.getBoundingClientRect();
    return [low[0] + ((x - box.left) / box.width) * (high[0] - low[0]), high[1] - ((y - box.top) / box.height) * (high[1] - low[1])];
}

// --- drawing ---

function draw() {
    if (!name || !plane.clientWidth) return;
    drawPlane();
    drawTiles();
    drawFall();
    bar.max = last();
    bar.value = step;
    output.textContent = `step ${step} of ${last()}`;
    playButton.textContent = playing === null ? "Play" : "Pause";
}

const loaded = new Map(); // pictures by address
function picture(address) {
    if (!loaded.has(address)) {
        const image = new Image();
        image.addEventListener("load", () => { ground = null; draw(); });
        image.src = address;
        loaded.set(address, image);
    }
    return loaded.get(address);
}

// The legend: the colour of each class.
function drawKey() {
    const { classes, names, points } = planes[name];
    const present = [...new Set(points.map(([, , label]) => label))].sort((a, b) => a - b);
    key.replaceChildren(...present.filter((label) => label in names).map((label) => {
        const item = document.createElement("span"), spot = document.createElement("i");
        spot.style.background = classes[label % classes.length];
        item.append(spot, names[label]);
        return item;
    }));
}

function drawGround() {
    const { basins, points, arrows, attractors, classes } = planes[name];
    ground = document.createElement("canvas");
    ground.width = plane.width; ground.height = plane.height;
    const pen = ground.getContext("2d"), ratio = devicePixelRatio || 1, style = getComputedStyle(root);
    pen.scale(ratio, ratio);
    const image = picture(basins);
    pen.imageSmoothingEnabled = false;
    if (image.complete && image.naturalWidth) pen.drawImage(image, 0, 0, plane.clientWidth, plane.clientHeight);
    for (const [z1, z2, label] of points) {
        const [x, y] = place([z1, z2]);
        pen.fillStyle = classes[label % classes.length];
        pen.beginPath(); pen.arc(x, y, 1.8, 0, 7); pen.fill();
    }
    pen.strokeStyle = style.getPropertyValue("--body-text-color"); pen.globalAlpha = 0.55; pen.lineWidth = 1;
    // On a small map only every other arrow, twice as long.
    const every = plane.clientWidth < 380 ? 2 : 1, across = Math.round(Math.sqrt(arrows.length));
    for (const [index, [z1, z2, d1, d2]] of arrows.entries()) {
        if (index % across % every || Math.floor(index / across) % every) continue;
        const [x, y] = place([z1, z2]), [u, v] = place([z1 + every * d1, z2 + every * d2]);
        const angle = Math.atan2(v - y, u - x);
        pen.beginPath(); pen.moveTo(x, y); pen.lineTo(u, v);
        for (const turn of [2.6, -2.6]) { pen.moveTo(u, v); pen.lineTo(u + 3.5 * Math.cos(angle + turn), v + 3.5 * Math.sin(angle + turn)); }
        pen.stroke();
    }
    pen.globalAlpha = 1;
    const side = Math.max(18, plane.clientWidth / 15);
    for (const { at: z, picture: address, colour } of attractors) {
        const [x, y] = place(z), decoded = picture(address);
        pen.fillStyle = "#000"; pen.fillRect(x - side / 2, y - side / 2, side, side);
        if (decoded.complete && decoded.naturalWidth) pen.drawImage(decoded, x - side / 2, y - side / 2, side, side);
        pen.strokeStyle = colour; pen.lineWidth = 2; pen.strokeRect(x - side / 2, y - side / 2, side, side);
    }
}

function drawPlane() {
    const [pen, width, height] = fit(plane);
    if (!ground || ground.width !== plane.width) drawGround();
    pen.clearRect(0, 0, width, height);
    pen.drawImage(ground, 0, 0, width, height);
    const edge = getComputedStyle(root).getPropertyValue("--background-fill-primary");
    pen.lineJoin = "round";
    for (const { path, colour } of shown()) {
        const places = path.map(place), done = places.slice(0, step + 1);
        for (const [part, line, stroke, alpha] of [[places, 1.5, colour, 0.35], [done, 5, edge, 0.9], [done, 2.5, colour, 1]]) {
            pen.globalAlpha = alpha; pen.lineWidth = line; pen.strokeStyle = stroke;
            pen.beginPath(); for (const [x, y] of part) pen.lineTo(x, y); pen.stroke();
        }
        pen.globalAlpha = 1;
        disc(pen, places[0], 4, edge, colour);
        disc(pen, at(places, step), 6, colour, edge);
    }
    if (truth && document.documentElement.dataset.truth !== "covered") star(pen, place(truth.at), edge);
    if (cross) {
        const [x, y] = place(cross);
        pen.strokeStyle = getComputedStyle(root).getPropertyValue("--color-accent"); pen.lineWidth = 2;
        pen.beginPath(); pen.moveTo(x - 9, y); pen.lineTo(x + 9, y); pen.moveTo(x, y - 9); pen.lineTo(x, y + 9); pen.stroke();
    }
}

function disc(pen, [x, y], radius, fill, stroke) {
    pen.fillStyle = fill; pen.strokeStyle = stroke; pen.lineWidth = 2;
    pen.beginPath(); pen.arc(x, y, radius, 0, 7); pen.fill(); pen.stroke();
}

function star(pen, [x, y], edge) {
    pen.beginPath();
    for (let i = 0; i < 10; i++) {
        const radius = i % 2 ? 4 : 9, angle = (i * Math.PI) / 5 - Math.PI / 2;
        pen.lineTo(x + radius * Math.cos(angle), y + radius * Math.sin(angle));
    }
    pen.closePath();
    pen.fillStyle = getComputedStyle(root).getPropertyValue("--body-text-color"); pen.strokeStyle = edge; pen.lineWidth = 1.5;
    pen.stroke(); pen.fill();
}

let laidOut = null;

// A tile for each walk, one with a hint to start another, and one for the complete picture.
function layOut() {
    const titles = [...shown().map((walk) => walk.name), dropped ? "" : "Your start", truth?.picture].join("\n");
    if (titles === laidOut) return;
    laidOut = titles;
    tiles.replaceChildren(...shown().map((walk) => {
        const tile = tileOf('<canvas role="img"></canvas>', walk.name);
        tile.querySelector("figcaption").insertAdjacentHTML("afterbegin", "<i></i>");
        tile.querySelector("i").style.background = walk.colour;
        if (walk.method) {
            tile.querySelector("span").insertAdjacentHTML("afterend", '<button type="button" class="info">i</button>');
            const info = tile.querySelector(".info");
            info.dataset.explain = walk.method;
            info.setAttribute("aria-label", `About ${walk.name}`);
        }
        return tile;
    }));
    if (!dropped) tiles.append(tileOf('<div class="empty">click on the map</div>', "Your start"));
    if (truth) {
        const tile = tileOf('<img alt="The complete picture">', "The picture");
        tile.classList.add("truth");
        tile.querySelector("img").src = truth.picture;
        tile.querySelector("figcaption").insertAdjacentHTML("afterbegin", '<svg viewBox="-9 -9 18 18"><path d="M0-9 2.4-3.2 8.6-2.8 3.8 1.2 5.3 7.3 0 4-5.3 7.3-3.8 1.2-8.6-2.8-2.4-3.2Z"/></svg>');
        tiles.append(tile);
    }
}

function tileOf(picture, title) {
    const tile = document.createElement("figure");
    tile.innerHTML = `${picture}<figcaption><span></span><small></small></figcaption>`;
    tile.querySelector("span").textContent = title;
    return tile;
}

function drawTiles() {
    shown().forEach((walk, index) => {
        const tile = tiles.children[index], canvas = tile.querySelector("canvas");
        if (walk.film) {
            const { sheet, shown } = walk.film, side = sheet.naturalWidth;
            const row = Math.max(0, shown.findLastIndex((one) => one <= step));
            if (canvas.width !== side) canvas.width = canvas.height = side;
            canvas.getContext("2d").drawImage(sheet, 0, row * side, side, side, 0, 0, side, side);
        }
        const there = walk.arrived && step >= walk.path.length - 1;
        const text = there ? `fixed at step ${walk.path.length - 1}` : `residual ${at(walk.residual, step).toFixed(2)}`;
        tile.querySelector("small").textContent = text;
        canvas.setAttribute("aria-label", `From ${walk.name}, step ${step}: ${text}`);
    });
}

function drawFall() {
    const [pen, width, height] = fit(fall), all = walks; // the residual of the visitor's walk is in latents, not in pixels
    pen.clearRect(0, 0, width, height);
    if (!all.length) return;
    const style = getComputedStyle(root), left = 36, bottom = 16, top = 8, right = 6;
    const logs = all.flatMap((walk) => walk.residual).filter((value) => value > 0).map(Math.log10);
    const high = Math.ceil(Math.max(...logs)), low = Math.max(Math.floor(Math.min(...logs)), high - 4);
    const x = (index) => left + ((width - left - right) * index) / Math.max(1, last());
    const y = (value) => top + ((height - top - bottom) * (high - Math.max(low, Math.log10(Math.max(value, 1e-9))))) / Math.max(1, high - low);
    pen.font = `11px ${style.fontFamily}`; pen.fillStyle = style.getPropertyValue("--body-text-color-subdued");
    pen.strokeStyle = style.getPropertyValue("--border-color-primary"); pen.lineWidth = 1;
    pen.textAlign = "right"; pen.textBaseline = "middle";
    for (let power = low; power <= high; power++) {
        const row = y(10 ** power);
        pen.beginPath(); pen.moveTo(left, row); pen.lineTo(width - right, row); pen.stroke();
        pen.fillText(power >= 0 ? String(10 ** power) : (10 ** power).toFixed(-power), left - 4, row);
    }
    pen.textAlign = "center"; pen.textBaseline = "alphabetic";
    for (const share of [0, 0.5, 1]) pen.fillText(Math.round(share * last()), Math.max(left + 3, x(share * last()) - 6 * share), height - 3);
    for (const { residual, colour } of all) {
        pen.strokeStyle = colour; pen.lineWidth = 2; pen.beginPath();
        for (const [index, value] of residual.entries()) pen.lineTo(x(index), y(value));
        pen.stroke();
    }
    pen.strokeStyle = style.getPropertyValue("--body-text-color"); pen.lineWidth = 1;
    pen.beginPath(); pen.moveTo(x(step), top); pen.lineTo(x(step), height - bottom); pen.stroke();
}

// --- the visitor's start ---

function drop(z) {
    if (!name) return;
    cross = z;
    props.value = { plane: name, at: z };
    trigger("input");
    draw();
}

plane.addEventListener("click", (event) => {
    drop(latents(event.clientX, event.clientY));
    cross = null;
});
plane.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !name) return;
    const { low, high } = planes[name];
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (!way && event.key !== " " && event.key !== "Enter") return;
    event.preventDefault();
    cross ??= low.map((one, i) => (one + high[i]) / 2);
    if (way) cross = cross.map((one, i) => Math.min(high[i], Math.max(low[i], one + (way[i] * (high[i] - low[i])) / 30)));
    if (way) status.textContent = `Cross at (${cross.map((one) => one.toFixed(1)).join(", ")})`;
    else if (!event.repeat) drop(cross);
    draw();
});
plane.addEventListener("blur", () => { cross = null; draw(); });

for (const button of element.querySelectorAll("[data-action]")) button.addEventListener("click", () => actions[button.dataset.action]());
bar.addEventListener("input", () => go(Number(bar.value)));
new ResizeObserver(() => { ground = null; draw(); }).observe(root);
document.addEventListener("truth", draw);
new MutationObserver(() => { ground = null; draw(); }).observe(document.body, { attributeFilter: ["class"] });
watch("value", accept);
accept();
