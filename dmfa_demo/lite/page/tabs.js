// The tabs. Each is {title, controls, answer}: `controls(host)` fills its panel once per data set and returns an object, whose
// `answer(scene, ask)` shows the answers for a scene; it stops when `ask` returns null, since then the scene has changed.
// A scene is {dataset, image, mask, inputs}; `ask(model, inputs, progress)` computes a model's outputs.
import { card, choice, make, strip, words } from "./elements.js";
import { countHidden } from "./masks.js";
import { compute, normals, uniform } from "./models.js";
import { addressOf, drawHole, drawImage, drawMap, erase, pixelsOf, sheetOf } from "./pictures.js";
import teach from "./lesson_player.js";
import examine from "./quiz.js";
import play from "./walk_player.js";

const percent = (share) => `${Math.round(100 * share)} %`;
const loading = (say) => (share) => say(share < 1 ? `loading, ${percent(share)}` : "");
const number = (value, digits) => value.toFixed(digits).replace("-", "−");

/**
 * Compute a method's answer: its graph's, or the end of a walk.
 * @param {{draws?: number, progress?: (share: number) => void, onStep?: (points: any, found: any, step: number) => void}} options the number
 *     of samples behind a mean, what is called while the model loads, and what receives each point of a walk.
 */
async function complete(method, scene, ask, options) {
    const { draws = 0, progress, onStep } = options;
    const { dims } = scene.inputs.images;
    if (!method.walk) return answerOf(method, scene, ask, { draws, seed: scene.seed, progress });
    let filled = { data: noisy(scene), dims }, found = null;
    const step_size = { data: Float32Array.of(method.walk.size), dims: [1] };
    for (let step = 0; step <= method.walk.steps; step++) {
        found = await ask(method, { points: filled, step_size }, progress);
        if (!found) return null;
        onStep?.(filled, found, step);
        if (found.residual.data[0] <= method.walk.tolerance) break;
        filled = found.filled;
    }
    return found;
}

const linear = new WeakMap(), wholes = new Map(); // answers of guides, by scene; promises of what they need for every picture, by graph

/**
 * Compute what a method's graph answers with some draws; null if the scene has changed. A method with a guide receives the guide's answer,
 * which is computed once for all methods.
 */
async function answerOf(method, scene, ask, { draws, seed, progress }) {
    if (method.guide) {
        const believed = await answerOf(method.guide, scene, ask, { draws, seed, progress });
        const found = believed && (await ask(method, believed, progress));
        const likelihood = found && (await ask(method.score, { ...believed, ...found }, progress));
        return likelihood && { ...found, ...likelihood };
    }
    const given = method.inputs.normals ? { normals: normals(seed, [draws, method.inputs.normals]) } : {};
    if (!method.products) return ask(method, given, progress);
    const key = [draws, seed].join(), known = linear.get(scene.inputs) ?? new Map();
    if (!known.has(key)) {
        const missing = { data: new Uint8Array(scene.mask.length).fill(1), dims: scene.inputs.missing.dims };
        if (!wholes.has(method.graph)) {
            wholes.set(method.graph, compute(method.products, { missing }, progress, true));
            wholes.get(method.graph).catch(() => wholes.delete(method.graph)); // the next stroke tries again
        }
        const { products } = await wholes.get(method.graph);
        linear.set(scene.inputs, known.set(key, await ask(method, { ...given, whole: products }, progress)));
    }
    return known.get(key);
}

/** Return the scene's image with uniform noise in the hole. */
function noisy(scene) {
    const next = uniform(scene.seed + 1), start = scene.inputs.images.data.slice(), size = scene.mask.length;
    for (let i = 0; i < start.length; i++) { const noise = next(); if (scene.mask[i % size]) start[i] = noise; }
    return start;
}

/**
 * Return what `work` computes; null if the scene has changed, undefined if it failed. Then `clear` removes what is shown, which belongs to
 * another scene, and `say` explains.
 */
async function attempt(say, clear, work) {
    try {
        return await work();
    } catch (error) {
        clear();
        say(`${error.message}. Paint again to try once more.`);
    }
}

/** @type {[string, (value: number) => string, number][]} name, text, and 1 where more is better. */
const FIGURES = [
    ["psnr", (value) => `PSNR ${number(value, 1)} dB`, 1],
    ["ssim", (value) => `SSIM ${number(value, 3)}`, 1],
    ["nll", (value) => `NLL ${Math.round(value).toLocaleString("en").replace("-", "−")} nats`, -1],
];

export const compare = {
    title: "Compare",
    controls(host, { dataset, manifest, chosen, changed }) {
        const views = /** @type {[string, string][]} */ ([["Mean", "mean"], ["Error", "error"], ["Deviation", "deviation"]]);
        const view = choice("What to show", views, (value) => { chosen.show = value; changed(); redraw(); });
        view.show(chosen.show);
        const boxes = dataset.methods.map((method) => {
            const box = make("input", { type: "checkbox", checked: chosen.methods.includes(method.name) });
            box.addEventListener("change", () => {
                chosen.methods = dataset.methods.filter((_, i) => boxes[i].firstChild.checked).map(({ name }) => name);
                lay();
                changed(true);
            });
            return make("label", {}, box, ` ${method.title}`);
        });
        const grid = make("div", { className: "cards", id: "compare-cards" }), note = make("p", { className: "note" });
        const plausible = make("p", { className: "note", hidden: true });
        host.replaceChildren(make("div", { className: "tools-row" }, view.group, make("details", {}, make("summary", {}, "Methods"), make("div", { className: "pills" }, ...boxes))), grid, note, plausible);
        const original = card("Original"), seen = card("What the models see"), cards = new Map([[YOU, card(YOU.title)]]), answers = new Map();
        let scene = null, ever = false; // whether a model has answered yet

        const compared = () => dataset.methods.filter(({ name }) => chosen.methods.includes(name));
        const shown = () => (scene?.guess ? [YOU, ...compared()] : compared());
        function lay() {
            for (const method of shown()) if (!cards.has(method)) cards.set(method, card(method.title, method));
            grid.replaceChildren(original.figure, seen.figure, ...shown().map((method) => cards.get(method).figure));
        }
        function redraw() {
            if (scene) for (const method of shown()) if (answers.has(method)) draw(method);
        }
        function draw(method) {
            const { canvas, figure } = cards.get(method), found = answers.get(method), { shape } = dataset;
            const filled = found.filled.data;
            figure.hidden = chosen.show === "deviation" && !found.deviation;
            if (figure.hidden) return;
            cards.get(method).tell(chosen.show === "error");
            if (chosen.show === "mean") drawImage(canvas, filled, shape);
            else if (chosen.show === "error") drawMap(canvas, filled.map((value, i) => value - scene.image[i]), shape, -1, 1, manifest.colours.error);
            else drawMap(canvas, found.deviation.data, shape, 0, 0.5, manifest.colours.deviation);
            tell(method);
        }
        // The figures of a method; the best of each kind are marked once all methods have answered.
        function tell(method, marked = false) {
            const value = (one, name) => answers.get(one)?.[name]?.data[0];
            cards.get(method).say(...FIGURES.filter(([name]) => Number.isFinite(value(method, name))).map(([name, text, sign]) => {
                const known = shown().map((one) => value(one, name)).filter(Number.isFinite);
                const best = sign * Math.max(...known.map((figure) => sign * figure));
                return { text: text(value(method, name)), truth: true, best: marked && known.length > 1 && text(value(method, name)) === text(best) };
            }));
        }
        // How plausible each method with a likelihood finds the visitor's drawing: its graph is asked about the drawing in place of the picture.
        async function weigh(ask, values) {
            const said = [], failed = [], images = { data: scene.guess.image, dims: scene.inputs.images.dims };
            for (const method of compared()) {
                const truth = answers.get(method)?.nll;
                const found = truth && !method.guide && (await attempt(() => { failed.push(method.title); }, () => {}, () => answerOf(method, { ...scene, inputs: { ...scene.inputs, images } }, (model, inputs, progress) => ask(model, { images, ...inputs }, progress), { draws: manifest.draws, seed: scene.seed, progress: () => {} })));
                if (found === null) return;
                if (found?.nll) said.push(make("span", {}, `${method.title} ${number(-found.nll.data[0] / values, 2)}`, make("span", { className: "truth" }, ` (truth ${number(-truth.data[0] / values, 2)})`)));
            }
            plausible.replaceChildren("How plausible is your drawing? Log-density per hidden value, in nats: ", ...said.flatMap((one, i) => (i ? ["; ", one] : [one])), ".", failed.length ? ` ${failed.join(", ")} could not be computed.` : "");
            plausible.hidden = !said.length && !failed.length;
        }
        lay();
        return {
            async answer(now, ask) {
                scene = now;
                answers.clear(); // those of another scene
                lay();
                plausible.hidden = true;
                drawImage(original.canvas, scene.image, dataset.shape);
                original.say({ text: scene.caption, truth: true });
                original.tell(true);
                drawHole(seen.canvas, scene.image, scene.mask, dataset.shape);
                const hidden = countHidden(scene.mask);
                seen.say(`${hidden} of ${scene.mask.length} pixels hidden`);
                note.textContent = hidden ? EXPLANATIONS[chosen.show] : "Nothing is hidden, so there is nothing to guess. Paint over the picture.";
                // Those that take longest are last; at first, the smallest is loaded first.
                const slow = ({ products, guide }) => Number(Boolean(products || guide));
                if (scene.guess) {
                    answers.set(YOU, guessed(scene));
                    draw(YOU);
                }
                for (const method of compared().sort((one, other) => slow(one) - slow(other) || (ever ? 0 : one.bytes - other.bytes))) {
                    const { loading, say, canvas } = cards.get(method);
                    const onStep = (points, _, step) => { if (chosen.show === "mean" && step % 5 === 0) drawImage(canvas, points.data, dataset.shape); };
                    if (method.recorded && scene.first && chosen.show === "mean" && !ever) drawImage(canvas, await pixelsOf(method.recorded, dataset.shape), dataset.shape);
                    const found = await attempt(say, () => erase(canvas), () => complete(method, scene, ask, { draws: manifest.draws, progress: loading, onStep }));
                    loading(1);
                    if (found === null) return;
                    if (!found) continue;
                    ever = true;
                    answers.set(method, found);
                    draw(method);
                }
                for (const method of shown()) if (answers.has(method)) tell(method, hidden < scene.mask.length);
                if (scene.guess && hidden) await weigh(ask, hidden * dataset.shape[0]);
            },
        };
    },
};

const YOU = { title: "You" };

/** Return a visitor's guess as a method's answer: its density is a Gaussian around the drawing in each hidden pixel. SSIM is left out. */
function guessed({ image, mask, guess, inputs }) {
    const hidden = (i) => mask[i % mask.length], variance = guess.deviation ** 2;
    const squares = image.reduce((sum, value, i) => sum + (value - guess.image[i]) ** 2, 0), count = countHidden(mask) * (image.length / mask.length);
    const one = (value) => ({ data: [value] });
    return {
        filled: { data: guess.image, dims: inputs.images.dims },
        deviation: { data: image.map((_, i) => (hidden(i) ? guess.deviation : 0)) },
        psnr: one(-10 * Math.log10(Math.max(1e-10, squares / count))),
        nll: one(squares / (2 * variance) + (count / 2) * Math.log(2 * Math.PI * variance)),
    };
}

const EXPLANATIONS = {
    mean: "The mean is the best single guess in the squared-error sense, so it blurs where several answers would fit. PSNR is over the hidden pixels, SSIM over the whole picture.",
    error: "The error is the mean minus the truth: red where the guess is too light, blue where it is too dark. All cards share one scale.",
    deviation: "The standard deviation shows where a method is unsure: bright pixels may well be different. All cards share one scale.",
};

const SAMPLES = 8, MOST_SAMPLES = 40;

export const samples = {
    title: "Samples",
    controls(host, { dataset, chosen, changed }) {
        const methods = dataset.methods.filter((method) => method.outputs.includes("samples"));
        const strips = new Map(methods.map((method) => [method, strip(method)]));
        const again = make("button", { type: "button" }, "Other samples"), more = make("button", { type: "button" }, "More samples");
        again.addEventListener("click", () => { chosen.seed++; changed(true); });
        more.addEventListener("click", () => { chosen.count = Math.min(MOST_SAMPLES, chosen.count + SAMPLES); changed(true); });
        const note = make("p", { className: "note" }, "Each picture is a complete answer, drawn from what the method believes; every answer under the same heading fits the visible pixels. ", make("span", { className: "truth" }, "The one nearest to the truth is framed."));
        host.replaceChildren(make("div", { className: "tools-row" }, again, more), ...[...strips.values()].map(({ section }) => section), note);
        return {
            async answer(scene, ask) {
                const size = scene.image.length, hidden = countHidden(scene.mask) * dataset.shape[0];
                for (const method of methods) {
                    const one = strips.get(method);
                    const options = { draws: chosen.count, seed: scene.seed + 1000 * chosen.seed, progress: loading(one.say) };
                    const found = await attempt(one.say, one.clear, () => answerOf(method, scene, ask, options));
                    if (found === null) return;
                    if (!found) continue;
                    const pictures = Array.from({ length: chosen.count }, (_, i) => found.samples.data.subarray(i * size, (i + 1) * size));
                    const psnr = pictures.map((picture) => -10 * Math.log10(Math.max(1e-10, picture.reduce((sum, value, i) => sum + (value - scene.image[i]) ** 2, 0) / hidden)));
                    const best = Math.max(...psnr);
                    one.say(hidden ? "" : "nothing is hidden");
                    one.show(psnr.map((value, i) => ({ text: hidden ? `${number(value, 1)} dB` : "", framed: hidden > 0 && value === best, truth: true, label: `${method.title}, sample ${i + 1}` })), (canvas, i) => drawImage(canvas, pictures[i], dataset.shape));
                }
            },
        };
    },
};

const SLIDERS = 4;

export const factors = {
    title: "Factors",
    controls(host, { dataset, chosen, changed }) {
        const methods = dataset.sliders;
        const of = choice("Whose Gaussian", methods.map(({ title, name }) => [title, name]), (name) => { chosen.of = name; changed(true); });
        if (!methods.some(({ name }) => name === chosen.of)) chosen.of = methods[0]?.name;
        of.show(chosen.of);
        const moved = card("The picture, moved"), rows = make("div"), reset = make("button", { type: "button" }, "Sliders to zero");
        const sliders = [];
        const names = ["which Gaussian", ...Array.from({ length: SLIDERS }, (_, i) => `factor ${i + 1}`)];
        for (const [at, name] of names.entries()) {
            const input = make("input", { type: "range", min: -3, max: 3, step: 0.1, value: chosen.z[at] ?? 0, "aria-label": name }), output = make("output");
            input.addEventListener("input", () => { chosen.z[at] = Number(input.value); changed(true); });
            sliders.push({ input, output });
            rows.append(make("label", { className: "slider" }, name, input, output));
        }
        reset.addEventListener("click", () => { chosen.z.fill(0); for (const { input } of sliders) input.value = 0; changed(true); });
        const row = strip({ title: "Each factor alone, at +2 and −2 standard deviations" });
        moved.figure.classList.add("moved");
        host.replaceChildren(make("div", { className: "tools-row" }, of.group, reset), moved.figure, rows, row.section,
            make("p", { className: "note" }, "A Gaussian over the hidden pixels is a mean and a few directions in which it can change, the factors. Each slider moves along one of them, in standard deviations. A mixture has several Gaussians; the first slider goes through them, in proportion to their weights."));
        return {
            async answer(scene, ask) {
                const method = methods.find(({ name }) => name === chosen.of);
                if (!method) return moved.say("No method for these pictures has factors.");
                const size = method.inputs.normals, count = Math.min(SLIDERS, size - 1), rowsOf = [];
                sliders.forEach(({ output, input }, i) => { output.textContent = number(Number(input.value), 1); input.parentNode.hidden = i > count; });
                const base = new Float32Array(size);
                base[0] = chosen.z[0] ?? 0;
                const here = base.slice();
                for (let i = 1; i <= count; i++) here[i] = chosen.z[i] ?? 0;
                rowsOf.push(here);
                for (let i = 1; i <= count; i++) for (const step of [2, -2]) { const alone = base.slice(); alone[i] = step; rowsOf.push(alone); }
                const data = new Float32Array(rowsOf.length * size);
                rowsOf.forEach((values, i) => { data.set(values, i * size); });
                const found = await attempt(moved.say, () => { erase(moved.canvas); row.clear(); }, () => ask(method, { normals: { data, dims: [rowsOf.length, size] } }, moved.loading));
                moved.loading(1);
                if (!found) return;
                const length = scene.image.length, picture = (i) => found.samples.data.subarray(i * length, (i + 1) * length);
                drawImage(moved.canvas, picture(0), dataset.shape);
                row.show(rowsOf.slice(1).map((_, i) => ({ text: `z${Math.floor(i / 2) + 1} = ${i % 2 ? "−2" : "+2"}` })), (canvas, i) => drawImage(canvas, picture(i + 1), dataset.shape));
            },
        };
    },
};

export const predictions = {
    title: "Predictions",
    controls(host, { dataset }) {
        const panels = new Map(dataset.classifiers.map((one) => {
            const line = make("p"), list = make("ol"), section = make("section", { className: one.complete ? "panel truth" : "panel" }, make("h2", {}, make("i"), one.title), line, list, words(one));
            section.style.setProperty("--colour", one.colour);
            return [one, { section, line, list }];
        }));
        host.replaceChildren(make("div", { className: "panels" }, ...[...panels.values()].map(({ section }) => section)),
            make("p", { className: "note" }, "Each panel is a network of the same small shape, trained on images with holes, with its own treatment of them; the first sees the complete picture. MisConv gives its first layer the full density, so that an uncertain pixel counts as uncertain."));
        return {
            async answer(scene, ask) {
                const beliefs = new Map();
                for (const one of dataset.classifiers) {
                    const { section, line, list } = panels.get(one);
                    const say = (text) => { line.textContent = text; }, key = one.belief?.graph;
                    const found = await attempt(say, () => { list.replaceChildren(); section.classList.remove("wrong"); }, async () => {
                        if (key && !beliefs.get(key)) beliefs.set(key, await ask(one.belief, {}, loading(say)));
                        return beliefs.get(key) === null ? null : ask(one, beliefs.get(key) ?? {}, loading(say));
                    });
                    if (found === null) return;
                    if (!found) continue;
                    const shares = [...found.probabilities.data], likeliest = shares.indexOf(Math.max(...shares));
                    const said = dataset.several ? shares.flatMap((share, i) => (share > 0.5 ? [i] : [])) : [likeliest];
                    const right = scene.labels === null || said.join() === scene.labels.join();
                    section.classList.toggle("wrong", !right);
                    const names = said.map((i) => dataset.classes[i]).join(", ") || "none of these";
                    const mark = scene.labels === null ? null : make("span", { className: "truth" }, right ? "✓ " : "✗ ");
                    line.replaceChildren(...[mark, names, dataset.several ? "" : `, ${percent(shares[likeliest])}`].filter(Boolean));
                    list.replaceChildren(...shares.map((share, i) => {
                        const bar = make("i");
                        bar.style.width = `${100 * share}%`;
                        return make("li", { className: scene.labels?.includes(i) ? "true" : "" }, make("span", {}, dataset.classes[i]), make("b", {}, bar), make("em", {}, percent(share)));
                    }));
                }
            },
        };
    },
};

const FRAMES = 9, NEWS = 25; // frames of a strip; steps between two states of the player

/** @typedef {{name: string, colour: string, path: number[][], residual: number[], pictures: Float32Array[], arrived: boolean}} Walk */

/** Start a walk without steps. @returns {Walk} */
const walkFrom = (name, colour) => ({ name, colour, path: [], residual: [], pictures: [], arrived: false });

/** Return a walk as the player takes it: with pictures of its first steps, of every fourth later one, and of the last. */
function encode({ pictures, ...walk }, shape) {
    const last = pictures.length - 1, shown = [...pictures.keys()].filter((step) => step < 24 || step % 4 === 0 || step === last);
    return { ...walk, shown, frames: sheetOf(shown.map((step) => pictures[step]), shape) };
}

/** Repeat values along their first dimension, which is 1. */
function repeat({ data, dims }, count) {
    const all = new data.constructor(count * data.length);
    for (let i = 0; i < count; i++) all.set(data, i * data.length);
    return { data: all, dims: [count, ...dims.slice(1)] };
}

/** The full page's player of walks on a map; there is one, which moves to the panel of the data set. */
const player = (() => {
    const element = make("div", { id: "player" }), props = { value: null }, watchers = [];
    let onDrop = (_) => {};
    element.append(/** @type {HTMLTemplateElement} */ (document.getElementById("player-template")).content.cloneNode(true));
    play(element, props, () => onDrop(props.value), (_, react) => watchers.push(react));
    return {
        element,
        /** @type {any} the data set whose maps it has. */
        shows: null,
        put(value) { props.value = value; for (const react of watchers) react(); },
        set onDrop(react) { onDrop = react; },
    };
})();

export const attractors = {
    title: "Attractors",
    controls(host, { dataset, manifest, chosen, changed }) {
        const { maps, shape } = dataset, settings = manifest.walks;
        const methods = dataset.methods.filter((method) => method.walk), starts = dataset.methods.filter((method) => method.starts).reverse();
        const strips = new Map(methods.map((method) => [method, strip(method)]));
        const again = make("button", { type: "button" }, "New noise"), note = make("p", { className: "note", innerHTML: dataset.explanation, hidden: !maps.length }), problem = make("p", { className: "note", role: "status" });
        const say = (text) => { problem.textContent = text; };
        again.addEventListener("click", () => { chosen.walk++; changed(true); });
        const map = choice("Map", maps.map(({ title, name }) => [title, name]), (name) => { chosen.map = name; changed(true); });
        const size = choice("Step size", settings.sizes, (value) => { chosen.step = value; changed(true); });
        if (!maps.some(({ name }) => name === chosen.map)) chosen.map = maps[0]?.name;
        if (!settings.sizes.some(([, value]) => value === chosen.step)) chosen.step = settings.sizes[0][1];
        map.show(chosen.map);
        size.show(chosen.step);
        player.element.hidden = size.group.hidden = !maps.length;
        map.group.hidden = maps.length < 2;
        host.replaceChildren(make("div", { className: "tools-row" }, map.group, size.group, again), problem, player.element, note, ...[...strips.values()].map(({ section }) => section),
            make("p", { className: "note" }, "The strips are the walks of the methods in Compare, step by step."));
        let drawn = null, run = 0; // the maps' drawings, once the player has them

        player.onDrop = (start) => attempt(say, () => {}, () => drop(start));

        async function drop({ plane, at }) {
            const about = maps.find(({ name }) => name === plane), walk = walkFrom("Your start", settings.own);
            /** @type {import("./models.js").Values} */
            let places = { data: Float32Array.from(at), dims: [1, 2] };
            while (!walk.arrived && walk.path.length <= settings.onMap) {
                const found = await compute(about.move, { places });
                walk.path.push([...places.data]);
                walk.residual.push(found.residual.data[0]);
                walk.pictures.push(/** @type {Float32Array} */ (found.filled.data));
                walk.arrived = found.residual.data[0] <= about.tolerance;
                places = found.next;
            }
            if (player.shows === dataset) player.put({ plane, dropped: encode(walk, shape) });
        }

        // Walk from every start at once; null if the scene has changed.
        async function walkOnMap(scene, ask) {
            const about = maps.find(({ name }) => name === chosen.map), number = ++run, size = scene.image.length;
            drawn ??= await fetch(`${dataset.name}/maps.json`).then((response) => response.text());
            const step_size = { data: Float32Array.of(chosen.step), dims: [1] };
            const whole = await ask(about.step, { points: scene.inputs.images, step_size });
            if (!whole) return null;
            const truth = { at: [...whole.place.data], picture: addressOf(scene.image, shape) };
            const tell = (walks, more) => {
                const maps = player.shows === dataset ? null : drawn;
                player.shows = dataset;
                player.put({ plane: about.name, id: number, truth, more, walks: walks.map((walk) => encode(walk, shape)), maps });
            };
            if (!countHidden(scene.mask)) return tell([], false);
            const walks = [walkFrom("Noise", methods[0].colour)], from = [noisy(scene)];
            for (const method of starts) {
                const found = await complete(method, scene, ask, { draws: manifest.draws });
                if (!found) return null;
                walks.push(walkFrom(method.title, method.colour));
                from.push(found.filled.data);
            }
            const inputs = { images: repeat(scene.inputs.images, from.length), missing: repeat(scene.inputs.missing, from.length), step_size };
            let points = repeat(scene.inputs.images, from.length), more = true;
            from.forEach((image, i) => { points.data.set(image, i * size); });
            for (let step = 0; more; step++) {
                const found = await ask(about.step, { ...inputs, points });
                if (!found) return null;
                walks.forEach((walk, i) => {
                    if (walk.arrived) return;
                    walk.path.push([...found.place.data.subarray(2 * i, 2 * i + 2)]);
                    walk.residual.push(found.residual.data[i]);
                    walk.pictures.push(points.data.slice(i * size, (i + 1) * size));
                    walk.arrived = found.residual.data[i] <= settings.tolerance;
                });
                more = step < settings.steps && walks.some(({ arrived }) => !arrived);
                if (!more || step % NEWS === 0) tell(walks, more);
                points = found.filled;
            }
        }

        return {
            async answer(now, ask) {
                const scene = { ...now, seed: now.seed + 1000 * chosen.walk };
                say("");
                if (maps.length && (await attempt(say, () => {}, () => walkOnMap(scene, ask))) === null) return;
                for (const method of methods) {
                    const one = strips.get(method), points = [];
                    const onStep = ({ data }, found, step) => {
                        points.push({ data, residual: found.residual.data[0], step });
                        one.say(`step ${step}, still moving by ${number(found.residual.data[0], 2)}`);
                    };
                    const end = await attempt(one.say, one.clear, () => complete(method, scene, ask, { progress: loading(one.say), onStep }));
                    if (end === null) return;
                    if (!end) continue;
                    // More frames at the beginning, where a walk moves most.
                    const at = Array.from({ length: FRAMES }, (_, i) => Math.round((points.length - 1) * (i / (FRAMES - 1)) ** 2));
                    const frames = [...new Set(at)].map((i) => points[i]);
                    one.say(points.at(-1).residual <= method.walk.tolerance ? `arrived after ${points.length - 1} steps` : `still moving after ${points.length - 1} steps`);
                    one.show(frames.map(({ step }) => ({ text: `step ${step}` })), (canvas, i) => drawImage(canvas, frames[i].data, shape));
                }
            },
        };
    },
};

/** The full page's chapters, without films, and its test; there is one, which moves to the panel of the data set. */
const lessons = (() => {
    const element = make("div"), props = { value: null }, watchers = [];
    element.append(/** @type {HTMLTemplateElement} */ (document.getElementById("lesson-template")).content.cloneNode(true));
    teach(element.querySelector("#lesson"), props, () => {}, (_, react) => watchers.push(react));
    return {
        element,
        put(value) { props.value = value; for (const react of watchers) react(); },
    };
})();

export const learn = {
    title: "Learn",
    controls(host, { manifest, chosen, changed }) {
        const chapter = choice("Chapter", manifest.lessons.map(({ number, short }) => [`${number}. ${short}`, number]), (number) => { chosen.lesson = number; changed(true); });
        chapter.show(chosen.lesson);
        host.replaceChildren(make("div", { className: "tools-row" }, chapter.group), lessons.element);
        const test = lessons.element.querySelector("#quiz");
        if (!test.dataset.ready) examine(test, { value: manifest.quiz });
        test.dataset.ready = "true";
        return {
            async answer() {
                lessons.put(manifest.lessons[chosen.lesson - 1]);
            },
        };
    },
};
