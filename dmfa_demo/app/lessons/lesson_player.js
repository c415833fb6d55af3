// A chapter: films that run together, an interactive slice through a Gaussian, a guess before the answer, a formula, and a question
// about another picture.
// props.value from Python: {number, title, idea, setting, sight, playful, slice: [observed value, correlation], remark, films: [{title,
// tells_truth, frames: [{address, caption, alt}]}], question, options, answer, because, figures, formula, symbols: [{symbol, meaning}],
// paper, about_paper, address, transfers}, or {slice}, which is also the value sent to Python, or {transfer: {number, question, films, options, answer, because, after}}.
const part = (name) => element.querySelector(`[data-part=${name}]`);
const films = part("films"), bar = element.querySelector(".playing input"), play = element.querySelector("[data-act=play]");
const playing = element.querySelector(".playing"), plane = element.querySelector(".plane"), drawing = plane.querySelector("svg");
const [question, explanation, transfer] = ["question", "formula", "transfer"].map((name) => element.querySelector(`[data-section=${name}]`));
const before = element.querySelector(".before"), check = element.querySelector("[data-act=check]"), sure = part("sure"), why = part("why");
const dials = [...element.querySelectorAll("[data-dial]")];
const FRAME_MS = 320;
const still = matchMedia("(prefers-reduced-motion: reduce)");

let number = null, reels = [], timer = null;

function accept() {
    const value = props.value;
    if (!value) return;
    if (value.transfer) {
        if (value.transfer.number === number) examine(value.transfer); // else another chapter was opened meanwhile
        return tell();
    }
    const another = value.number !== number;
    if (another) dials.forEach((one, index) => { one.value = value.slice[index]; });
    if (!value.number) return plane.hidden || slice();
    number = value.number;
    if (another) {
        for (const name of ["title", "question", "sight"]) part(name).textContent = value[name];
        part("setting").textContent = value.setting ? "See it on its own picture." : "";
        if (value.setting) part("setting").href = value.setting;
        else part("setting").removeAttribute("href");
        for (const name of ["idea", "because", "formula"]) part(name).innerHTML = value[name];
        part("paper").textContent = value.paper;
        part("about-paper").textContent = value.about_paper ? `, ${value.about_paper}` : "";
        part("paper").href = value.address;
        part("symbols").innerHTML = value.symbols.map(({ symbol, meaning }) => `<dt>${symbol}</dt><dd>${meaning}</dd>`).join("");
        ask(value);
        if (turned) arrive();
    }
    part("figures").textContent = value.figures;
    part("remark").textContent = value.remark;
    plane.hidden = !value.playful;
    if (value.playful) slice();
    show(value.films, another);
    transfer.hidden = !value.transfers || before.isConnected && !before.hidden;
    tell();
}

// After "Next chapter", which is below the chapter, its title.
let turned = false;
document.addEventListener("click", ({ target }) => { turned = Boolean(target.closest?.("#next-chapter")); }, true);
function arrive() {
    turned = false;
    part("title").focus({ preventScroll: true });
    part("title").scrollIntoView({ block: "center", behavior: still.matches ? "auto" : "smooth" });
}

// The full page goes there without loading again. On the light page the link stays as it is, with the truth covered if it is.
part("setting").addEventListener("click", (event) => {
    const link = new URL(event.currentTarget.href);
    if (!document.dispatchEvent(new CustomEvent("go-to", { detail: link.search.slice(1), cancelable: true }))) return event.preventDefault();
    const covered = new URL(location.href).searchParams.get("truth");
    if (covered) link.searchParams.set("truth", covered);
    event.currentTarget.href = link.href;
});

// The films are kept here.
function tell() {
    props.value = { slice: dials.map((one) => Number(one.value)) };
}

// --- the films ---

function reelsOf(list) {
    return list.map(({ title, tells_truth, frames }) => {
        const figure = document.createElement("figure"), picture = document.createElement("img");
        const words = document.createElement("figcaption"), name = document.createElement("strong"), caption = document.createElement("span");
        name.textContent = title;
        figure.classList.toggle("truth", tells_truth);
        words.append(name, caption);
        figure.append(picture, words);
        return { figure, picture, caption, frames };
    });
}

function show(list, another) {
    reels = reelsOf(list);
    films.replaceChildren(...reels.map(({ figure }) => figure));
    const length = Math.max(0, ...reels.map(({ frames }) => frames.length));
    playing.hidden = length < 2;
    bar.max = Math.max(0, length - 1);
    if (another) { bar.value = 0; run(!still.matches); }
    turn();
}

function turn() {
    for (const reel of reels) turnTo(reel, Number(bar.value));
}

function turnTo({ picture, caption, frames }, place) {
    const { address, caption: words, alt } = frames[Math.min(place, frames.length - 1)];
    picture.src = address;
    picture.alt = alt;
    caption.textContent = words;
}

function run(on) {
    clearInterval(timer);
    timer = on ? setInterval(() => {
        if (!element.isConnected) return run(false);
        bar.value = (Number(bar.value) + 1) % (Number(bar.max) + 1);
        turn();
    }, FRAME_MS) : null;
    play.textContent = on ? "Pause" : "Play";
}

play.addEventListener("click", () => run(timer === null));
bar.addEventListener("input", () => { run(false); turn(); });

// --- the guess: an option, how sure, and why; then the answer and the formula ---

// Options of which one can be chosen; after `judge(answer)` they show which is right.
function offer(host, options, onChoose) {
    let chosen = null;
    const buttons = options.map((text, index) => {
        const button = document.createElement("button");
        button.type = "button";
        button.textContent = text;
        button.setAttribute("aria-pressed", "false");
        button.addEventListener("click", () => {
            chosen = index;
            buttons.forEach((one, other) => { one.setAttribute("aria-pressed", String(other === index)); });
            onChoose(index);
        });
        return button;
    });
    host.replaceChildren(...buttons);
    return {
        chosen: () => chosen,
        judge: (answer) => buttons.forEach((one, index) => {
            one.disabled = true;
            one.classList.toggle("right", index === answer);
            one.classList.toggle("chosen", index === chosen);
        }),
    };
}

// What the visitor guessed and wrote, by chapter. It stays in the browser.
const NOTES = "lesson-notes";
let notes = {};
try { notes = JSON.parse(localStorage.getItem(NOTES)) ?? {}; } catch { /* not allowed in this frame, or not ours */ }
function note(changes) {
    notes[number] = { ...notes[number], ...changes };
    try { localStorage.setItem(NOTES, JSON.stringify(notes)); } catch { /* no room, or not allowed in this frame */ }
}

let asked = null, offered = null;

function ask(value) {
    asked = value;
    question.hidden = false; // not before there is something to guess
    question.querySelector(".reveal").hidden = explanation.hidden = true;
    before.hidden = false;
    check.disabled = true;
    why.value = notes[number]?.why ?? "";
    sure.min = Math.ceil(100 / value.options.length / 5) * 5;
    sure.value = 60;
    say();
    offered = offer(part("options"), value.options, () => { check.disabled = false; });
    for (const name of ["question", "films", "options"]) part(`transfer-${name}`).replaceChildren();
    transfer.querySelector(".reveal").hidden = true;
}

const say = () => { sure.nextElementSibling.textContent = `${sure.value} %`; };

function answer(guessed) {
    const { answer: right, transfers } = asked, chosen = offered.chosen();
    offered.judge(right);
    before.hidden = true;
    question.querySelector(".reveal").hidden = explanation.hidden = false;
    transfer.hidden = !transfers;
    part("verdict").textContent = guessed ? (chosen === right ? "Yes." : `Not quite. The answer is: ${asked.options[right]}.`) : `The answer is: ${asked.options[right]}.`;
    part("gap").textContent = "";
    if (!guessed) return;
    note({ right: chosen === right, sure: Number(sure.value) });
    part("gap").textContent = gap();
}

// How sure the visitor was so far, and how often right: a calibrated guesser is right as often as they are sure.
function gap() {
    const guesses = Object.values(notes).filter((one) => "sure" in one), count = guesses.length;
    const right = guesses.filter((one) => one.right).length, mean = Math.round(guesses.reduce((sum, one) => sum + one.sure, 0) / count);
    return `You were ${sure.value} % sure. In ${count} ${count === 1 ? "chapter" : "chapters"} so far: ${right} right (${Math.round((100 * right) / count)} %), and ${mean} % sure on average.`;
}

sure.addEventListener("input", say);
why.addEventListener("input", () => note({ why: why.value }));
check.addEventListener("click", () => answer(true));
element.querySelector("[data-act=skip]").addEventListener("click", () => answer(false));

// --- a question about another picture, which Python makes ---

element.querySelector("[data-act=another]").addEventListener("click", () => { tell(); trigger("select"); });

function examine({ question: words, films: list, options, answer: right, because, after }) {
    const host = part("transfer-films"), box = transfer.querySelector(".reveal");
    const lay = (all) => {
        const laid = reelsOf(all);
        host.replaceChildren(...laid.map(({ figure }) => figure));
        for (const reel of laid) turnTo(reel, 0);
    };
    lay(list);
    part("transfer-question").textContent = words;
    box.hidden = true;
    const choice = offer(part("transfer-options"), options, (index) => {
        choice.judge(right);
        part("transfer-verdict").textContent = index === right ? "Yes." : `Not quite. The answer is: ${options[right]}.`;
        part("transfer-because").textContent = because;
        box.hidden = false;
        lay([...list, ...after]);
    });
}

// --- the Gaussian of two pixels: first to the right, second upwards, in standard deviations ---

const dial = (name) => dials.find((one) => one.dataset.dial === name);

function slice() {
    const x = Number(dial("x").value), r = Number(dial("r").value);
    const mean = r * x, deviation = Math.sqrt(1 - r * r);
    for (const one of dials) one.nextElementSibling.textContent = Number(one.value).toFixed(one.dataset.dial === "r" ? 2 : 1).replace("-", "−");
    // Both axes of the ellipse are on the diagonals.
    const ellipses = [1, 2].map((k) => `<ellipse rx="${k * Math.sqrt(1 + r)}" ry="${k * Math.sqrt(1 - r)}" transform="rotate(-45)" fill="var(--color-accent)" fill-opacity="${k === 1 ? 0.22 : 0.1}"/>`);
    let curve = "";
    for (let y = -3.3; y <= 3.3; y += 0.05) {
        const density = Math.exp(-((y - mean) ** 2) / (2 * deviation ** 2)) / deviation;
        curve += `${curve ? "L" : "M"}${(x + Math.min(density * 0.6, 3)).toFixed(3)} ${(-y).toFixed(3)}`;
    }
    drawing.innerHTML = `<g stroke="var(--border-color-primary)" stroke-width="0.02"><path d="M-3.4 0H3.4M0 -3.4V3.4"/></g>${ellipses.join("")}
        <path d="M${x} -3.4V3.4" stroke="currentColor" stroke-width="0.04" stroke-dasharray="0.12 0.08"/>
        <path d="${curve}" fill="none" stroke="var(--color-accent)" stroke-width="0.06"/>
        <path d="M${x} ${-mean - deviation}V${-mean + deviation}" stroke="var(--color-accent)" stroke-width="0.1"/>
        <circle cx="${x}" cy="${-mean}" r="0.11" fill="var(--color-accent)"/>
        <text x="3.3" y="-0.12" font-size="0.26" text-anchor="end" fill="currentColor">first pixel</text>
        <text x="0.1" y="-3.1" font-size="0.26" fill="currentColor">second pixel</text>`;
    part("slice").textContent = `The second pixel: mean ${mean.toFixed(2)}, standard deviation ${deviation.toFixed(2)} (before: 0 and 1).`.replaceAll("-", "−");
}

function settle() { tell(); trigger("input"); }

for (const one of dials) {
    one.addEventListener("input", slice);
    one.addEventListener("change", settle);
}
function drag(event) {
    const box = drawing.getBoundingClientRect();
    const place = ((event.clientX - box.left) / box.width) * 6.8 - 3.4;
    dial("x").value = Math.min(3, Math.max(-3, place));
    slice();
}
drawing.addEventListener("pointerdown", (event) => { drawing.setPointerCapture(event.pointerId); drag(event); });
drawing.addEventListener("pointermove", (event) => { if (drawing.hasPointerCapture(event.pointerId)) drag(event); });
drawing.addEventListener("lostpointercapture", settle);

watch("value", accept);
accept();
