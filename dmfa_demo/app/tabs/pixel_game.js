// The game of pixels. props.value from Python: {game: {dataset, classes, height, width, most, readers: [{name, title, colour}], reader, ways: {way:
// words}}}, or {look: {sample, reader, run, pixels, values, classes, bits, information, next, picture, label}}, the answer to the value
// that goes to Python, {turn: {sample, reader, way, pixels, reveal, run}}.
const board = element.querySelector("canvas"), pen = board.getContext("2d"), status = element.querySelector("[role=status]");
const reader = element.querySelector("[name=reader]"), map = element.querySelector("[name=map]"), rules = element.querySelector(".rules");
const list = element.querySelector("ol"), chart = element.querySelector("svg"), results = element.querySelector(".results");
const end = element.querySelector(".end"), truth = element.querySelector(".whole");
const act = (name) => element.querySelector(`[data-act=${name}]`);
const SCALE = 12, STEP_MS = 250, YOU = "You";
const DASHES = { information: "", variance: "6 3", random: "2 3", raster: "8 3 2 3" };

let game = null;
let sample = null; // the hidden picture; null until Python has drawn one
let shown = null; // the last answer
let played = new Map(); // who looked -> {colour, dashes, bits: [], classes, pixels}
let player = YOU, way = "information"; // who looks now, and the rule for the next pixel
let run = 0; // the number of this course of pixels
let mine = []; // the pixels that the visitor has chosen in it, answered or not
let cursor = null, heat = null, label = null, timer = null;

function accept() {
    const value = props.value;
    if (value === null && game) renew(); // these pictures have no game
    else if (value?.game && value.game.dataset !== game?.dataset) begin(value.game);
    else if (value?.look) hear(value.look);
}

function begin(next) {
    game = next;
    Object.assign(board, { width: game.width * SCALE, height: game.height * SCALE });
    reader.replaceChildren(...game.readers.map(({ name, title }) => new Option(title, name)));
    reader.value = game.reader;
    rules.replaceChildren(...Object.entries(game.ways).map(([name, words]) => {
        const button = Object.assign(document.createElement("button"), { type: "button", textContent: words });
        button.setAttribute("aria-pressed", "false");
        button.dataset.way = name;
        button.addEventListener("click", () => start(name));
        return button;
    }));
    list.replaceChildren(...game.classes.map((name) => {
        const item = document.createElement("li"), text = document.createElement("span"), track = document.createElement("b"), share = document.createElement("em");
        text.textContent = name;
        track.append(document.createElement("i"));
        item.append(text, track, share);
        return item;
    }));
    status.textContent = "Click on a pixel, or choose a rule.";
    renew();
}

// Another picture, from Python's choice with the first question.
function renew() {
    clearTimeout(timer);
    run++;
    mine = [];
    sample = shown = heat = label = null;
    played = new Map();
    player = YOU;
    truth.hidden = true;
    end.hidden = true;
    mark();
    draw();
    plot();
}

function ask(pixels, reveal = false) {
    props.value = { turn: { sample, reader: reader.value, way, pixels, reveal, run } };
    trigger("input");
}

// A rule, or the visitor for null, looks at the same picture from the start.
function start(rule) {
    if (!rule && label !== null) return seen();
    clearTimeout(timer);
    run++;
    mine = [];
    const by = game.readers.find(({ name }) => name === reader.value).title;
    player = rule ? `${game.ways[rule]} (${by})` : YOU;
    way = rule ?? "information";
    shown = heat = null;
    played.delete(player);
    mark(rule);
    draw();
    ask([]);
}

function hear(look) {
    if (look.run !== run) return; // another course has begun
    sample = look.sample;
    if (look.picture !== null) return reveal(look);
    shown = look;
    const { colour } = game.readers.find(({ name }) => name === look.reader);
    const course = played.get(player) ?? { bits: [], colour: player === YOU ? "var(--body-text-color)" : colour, dashes: player === YOU ? "" : DASHES[way] };
    course.bits[look.pixels.length] = look.bits;
    Object.assign(course, { classes: look.classes, pixels: look.pixels });
    played.set(player, course);
    heat = new Image();
    heat.onload = draw;
    heat.src = look.information;
    end.hidden = label !== null;
    tell();
    plot();
    draw();
    if (player !== YOU && look.pixels.length < game.most) timer = setTimeout(() => ask([...look.pixels, look.next]), STEP_MS);
}

function reveal({ picture, label: found }) {
    label = found;
    end.hidden = true;
    truth.hidden = false;
    Object.assign(truth.querySelector("img"), { src: picture, alt: `The hidden picture: ${game.classes[found]}` });
    truth.querySelector("span").textContent = `It is: ${game.classes[found]}.`;
    plot();
}

const likeliest = (classes) => classes.indexOf(Math.max(...classes));
const percent = (share) => `${Math.round(100 * share)} %`;

function tell() {
    const { pixels, classes, bits } = shown, best = likeliest(classes);
    status.textContent = `${player}: ${pixels.length} of ${game.most} pixels. Likeliest: ${game.classes[best]}, ${percent(classes[best])}; ${bits.toFixed(2)} bits of uncertainty left.`;
    for (const [number, item] of [...list.children].entries()) {
        item.querySelector("i").style.width = `${100 * classes[number]}%`;
        item.querySelector("em").textContent = percent(classes[number]);
    }
}

function mark(rule = null) {
    for (const button of rules.children) button.setAttribute("aria-pressed", String(button.dataset.way === rule));
    act("again").setAttribute("aria-pressed", String(!rule));
}

// Hidden pixels are paint, or the map of what they would tell.
function draw() {
    const style = getComputedStyle(board), ink = style.getPropertyValue("--body-text-color");
    pen.imageSmoothingEnabled = false;
    pen.fillStyle = "#c9601c";
    pen.fillRect(0, 0, board.width, board.height);
    if (map.checked && heat?.complete && heat.naturalWidth) pen.drawImage(heat, 0, 0, board.width, board.height);
    for (const [number, place] of (shown?.pixels ?? []).entries()) {
        const value = shown.values[number], x = (place % game.width) * SCALE, y = Math.floor(place / game.width) * SCALE;
        pen.fillStyle = `rgb(${value} ${value} ${value})`;
        pen.fillRect(x, y, SCALE, SCALE);
        pen.strokeStyle = "#fff";
        pen.strokeRect(x + 0.5, y + 0.5, SCALE - 1, SCALE - 1);
    }
    if (cursor === null) return;
    pen.strokeStyle = ink;
    pen.lineWidth = 2;
    pen.strokeRect((cursor % game.width) * SCALE + 1, Math.floor(cursor / game.width) * SCALE + 1, SCALE - 2, SCALE - 2);
    pen.lineWidth = 1;
}

function plot() {
    const most = Math.log2(game.classes.length), x = (count) => 24 + (count * 288) / game.most, y = (bits) => 8 + (120 * (most - bits)) / most;
    const ticks = [0, 1, 2, 3].filter((bits) => bits <= most).map((bits) => `<path d="M24 ${y(bits)}H312" stroke="var(--border-color-primary)"/><text x="18" y="${y(bits) + 3}" text-anchor="end">${bits}</text>`);
    const counts = [0, 3, 6, 9, 12].filter((count) => count <= game.most).map((count) => `<text x="${x(count)}" y="144" text-anchor="middle">${count}</text>`);
    const lines = [...played.values()].map(({ bits, colour, dashes }) => `<polyline fill="none" stroke="${colour}" stroke-width="2" stroke-dasharray="${dashes}" points="${bits.map((value, count) => `${x(count)},${y(value)}`).join(" ")}"/>`);
    chart.innerHTML = [...ticks, ...counts, ...lines].join("");
    results.replaceChildren(...[...played].filter(([, { pixels }]) => pixels.length).map(([name, { colour, classes, pixels, dashes }]) => {
        const item = document.createElement("li"), line = document.createElement("i"), best = likeliest(classes);
        line.style.borderColor = colour;
        line.style.borderTopStyle = dashes ? "dashed" : "solid";
        const mark = label === null ? "" : best === label ? " ✓" : " ✗";
        item.append(line, `${name}, ${pixels.length} ${pixels.length === 1 ? "pixel" : "pixels"}: ${game.classes[best]}, ${percent(classes[best])}${mark}`);
        return item;
    }));
}

// --- the visitor ---

function seen() {
    status.textContent = "You have seen this picture. Take another one, or let a rule try.";
}

function choose(place) {
    if (label !== null) return seen();
    if (player !== YOU) return start(null);
    if (mine.length >= game.most) status.textContent = `You have looked at ${game.most} pixels. Show the picture, or let a rule try.`;
    else if (!mine.includes(place)) {
        mine = [...mine, place];
        ask(mine);
    }
}

const placeAt = ({ clientX, clientY }) => {
    const box = board.getBoundingClientRect();
    const at = (value, count) => Math.min(count - 1, Math.max(0, Math.floor(value * count)));
    return at((clientY - box.top) / box.height, game.height) * game.width + at((clientX - box.left) / box.width, game.width);
};
board.addEventListener("click", (event) => choose(placeAt(event)));
board.addEventListener("pointermove", (event) => { cursor = placeAt(event); draw(); });
board.addEventListener("pointerleave", () => { cursor = null; draw(); });
board.addEventListener("focus", () => { if (board.matches(":focus-visible")) { cursor ??= Math.floor(game.height / 2) * game.width + Math.floor(game.width / 2); draw(); } });
board.addEventListener("blur", () => { cursor = null; draw(); });
board.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (keys.isModified(event) || cursor === null) return;
    if (step) {
        const within = (value, count) => Math.min(count - 1, Math.max(0, value));
        cursor = within(Math.floor(cursor / game.width) + step[1], game.height) * game.width + within((cursor % game.width) + step[0], game.width);
        draw();
    } else if (event.key === " " || event.key === "Enter") choose(cursor);
    else return;
    event.preventDefault();
});
map.addEventListener("change", () => { if (map.checked && !shown) start(null); else draw(); });
reader.addEventListener("change", () => start(null));
act("again").addEventListener("click", () => start(null));
act("new").addEventListener("click", () => { renew(); start(null); });
act("reveal").addEventListener("click", () => ask(shown?.pixels ?? [], true));

// On a small screen the canvas floats above what follows it, and would cover the board.
new IntersectionObserver(([{ isIntersecting }]) => { board.closest(".stage").classList.toggle("playing", isIntersecting); }).observe(board);

watch("value", accept);
accept();
