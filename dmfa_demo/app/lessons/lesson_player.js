// A chapter: films that run together, an interactive slice through a Gaussian, a guess before the answer, and a formula.
// props.value from Python: {number, title, idea, playful, slice: [observed value, correlation], remark, films: [{title, tells_truth, frames:
// [{address, caption, alt}]}], question, options, answer, because, figures, formula, symbols: [{symbol, meaning}], paper, address}, or
// {slice}, which is also the value sent to Python.
const part = (name) => element.querySelector(`[data-part=${name}]`);
const films = part("films"), bar = element.querySelector(".playing input"), play = element.querySelector("[data-act=play]");
const playing = element.querySelector(".playing"), plane = element.querySelector(".plane"), drawing = plane.querySelector("svg");
const reveal = element.querySelector(".reveal"), dials = [...element.querySelectorAll("[data-dial]")];
const FRAME_MS = 320;
const still = matchMedia("(prefers-reduced-motion: reduce)");

let number = null, reels = [], timer = null;

function accept() {
    const value = props.value;
    if (!value) return;
    const another = value.number !== number;
    if (another) dials.forEach((one, index) => { one.value = value.slice[index]; });
    if (!value.number) return plane.hidden || slice();
    number = value.number;
    if (another) {
        for (const name of ["title", "question"]) part(name).textContent = value[name];
        for (const name of ["idea", "because", "formula"]) part(name).innerHTML = value[name];
        part("paper").textContent = value.paper;
        part("paper").href = value.address;
        part("symbols").innerHTML = value.symbols.map(({ symbol, meaning }) => `<dt>${symbol}</dt><dd>${meaning}</dd>`).join("");
        ask(value);
    }
    part("figures").textContent = value.figures;
    part("remark").textContent = value.remark;
    plane.hidden = !value.playful;
    if (value.playful) slice();
    show(value.films, another);
    tell();
}

// The films are kept here.
function tell() {
    props.value = { slice: dials.map((one) => Number(one.value)) };
}

// --- the films ---

function show(list, another) {
    reels = list.map(({ title, tells_truth, frames }) => {
        const figure = document.createElement("figure"), picture = document.createElement("img");
        const words = document.createElement("figcaption"), name = document.createElement("strong"), caption = document.createElement("span");
        name.textContent = title;
        figure.classList.toggle("truth", tells_truth);
        words.append(name, caption);
        figure.append(picture, words);
        return { figure, picture, caption, frames };
    });
    films.replaceChildren(...reels.map(({ figure }) => figure));
    const length = Math.max(0, ...reels.map(({ frames }) => frames.length));
    playing.hidden = length < 2;
    bar.max = Math.max(0, length - 1);
    if (another) { bar.value = 0; run(!still.matches); }
    turn();
}

function turn() {
    for (const { picture, caption, frames } of reels) {
        const { address, caption: words, alt } = frames[Math.min(Number(bar.value), frames.length - 1)];
        picture.src = address;
        picture.alt = alt;
        caption.textContent = words;
    }
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

// --- the guess ---

function ask({ options, answer }) {
    reveal.hidden = true;
    const buttons = options.map((text, index) => {
        const button = document.createElement("button");
        button.type = "button";
        button.textContent = text;
        button.addEventListener("click", () => {
            buttons.forEach((one, other) => {
                one.disabled = true;
                one.classList.toggle("right", other === answer);
                one.classList.toggle("chosen", other === index);
            });
            part("verdict").textContent = index === answer ? "Yes." : "Not quite.";
            reveal.hidden = false;
        });
        return button;
    });
    part("options").replaceChildren(...buttons);
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
