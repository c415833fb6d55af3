// A table whose cells a visitor erases, and what models believe is in them. props.value, the question to Python: {table, view, erased:
// ["row,column"], edits: {"row,column": value}, focus, seed, revision}, where `view` is the name of the table whose cells are here; table
// is null for the scene to begin with. Answers arrive as events of the document, since an answer in props.value would replace a later
// question: {answered: the revision of the question or null, beliefs, cells?: those of another table, begin?: {erased, edits, focus} to
// take over, prefer?: a model to show}.
const editor = element.querySelector(".editor"), grid = element.querySelector(".grid table");
const part = (name) => element.querySelector(`.${name}`), tool = (name) => element.querySelector(`[data-action=${name}]`);
const status = element.querySelector("[role=status]");

let view = null; // {name, title, about, columns: [{name, categories}], cells: [[text]], values: [[number]], absent: ["row,column"]}
let table = null; // the table asked for; "" for the visitor's own
let erased = new Set(), edits = {}, focus = null, seed = 0, revision = 0;
let beliefs = null, model = null;
let editing = null; // the place whose value is being changed

const key = (row, column) => `${row},${column}`;
const where = (place) => place.split(",").map(Number);
const node = (name, attributes = {}, ...children) => {
    const made = document.createElement(name);
    for (const [attribute, value] of Object.entries(attributes)) if (value !== null) made.setAttribute(attribute, value);
    made.append(...children);
    return made;
};
const dot = (colour) => node("i", { style: `--colour: ${colour}` });

// --- out ---

const question = () => ({ table, view: view?.name ?? null, erased: [...erased], edits, focus, seed, revision });

function send() {
    revision++;
    editor.setAttribute("aria-busy", "true");
    props.value = question();
    remember();
    trigger("select");
}

function remember() {
    if (table === null || asked) return;
    const address = new URL(location), own = table === "";
    const write = (name, text) => (text ? address.searchParams.set(name, text) : address.searchParams.delete(name));
    write("table", table);
    write("erased", own ? "" : packed());
    write("edits", own ? "" : Object.entries(edits).map(([place, value]) => `${place.replace(",", ".")}_${value}`).join("~"));
    write("cell", own || !focus ? "" : focus.replace(",", "."));
    history.replaceState(history.state, "", address);
}

// Erased cells in the address: the bits of all cells, row by row, six to a letter.
const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

function packed() {
    if (!view || !erased.size) return "";
    const columns = view.columns.length, codes = new Array(Math.ceil((columns * view.cells.length) / 6)).fill(0);
    for (const place of erased) {
        const [row, column] = where(place), bit = row * columns + column;
        codes[bit / 6 | 0] |= 1 << (bit % 6);
    }
    return codes.map((code) => LETTERS[code]).join("");
}

function unpacked(text, columns, rows) {
    const found = new Set();
    for (let bit = 0; bit < Math.min(columns * rows, text.length * 6); bit++)
        if (LETTERS.indexOf(text[bit / 6 | 0]) >> (bit % 6) & 1) found.add(key(bit / columns | 0, bit % columns));
    return found;
}

// --- in ---

function accept(value) {
    if (value.answered !== null && value.answered !== revision) return; // the answer to an earlier question
    if (value.prefer) model = value.prefer;
    if (value.cells) { view = value.cells; table = view.name; }
    if (value.begin) {
        ({ edits, focus } = value.begin);
        erased = new Set(value.begin.erased);
        revision++;
        remember();
    }
    beliefs = value.beliefs;
    if (!beliefs.models.some((one) => one.name === model)) model = beliefs.models.at(-1).name;
    editor.setAttribute("aria-busy", "false");
    if (value.cells && asked) {
        fromAddress();
        asked = null;
        beliefs = null;
        send();
    }
    props.value = question(); // for other handlers
    value.cells ? build() : show();
}

function fromAddress() {
    const columns = view.columns.length, rows = view.cells.length;
    const inside = (place) => { const [row, column] = where(place); return row >= 0 && row < rows && column >= 0 && column < columns; };
    erased = unpacked(asked.get("erased") ?? "", columns, rows);
    const changed = (asked.get("edits") ?? "").split("~").map((one) => one.split("_")).filter(([place, value]) => value && Number.isFinite(Number(value)) && inside(place.replace(".", ",")));
    edits = Object.fromEntries(changed.map(([place, value]) => [place.replace(".", ","), Number(value)]));
    const cell = (asked.get("cell") ?? "").replace(".", ",");
    focus = inside(cell) ? cell : null;
}

// --- the grid ---

function build() {
    part("about").textContent = view.about;
    editing = null;
    const heads = view.columns.map((column, number) => node("th", { scope: "col" }, button(column.name, -1, number, "column")));
    const rows = view.cells.map((cells, row) => {
        const tds = cells.map((_, column) => node("td", { role: "gridcell", tabindex: -1, "data-place": key(row, column) }));
        return node("tr", {}, node("th", { scope: "row" }, button(row + 1, row, -1, "row")), ...tds);
    });
    grid.setAttribute("aria-label", view.title);
    grid.replaceChildren(node("thead", {}, node("tr", {}, node("td", { "aria-label": "row" }), ...heads)), node("tbody", {}, ...rows));
    grid.querySelector("thead td").style.cursor = "default";
    show();
}

function button(text, row, column, kind) {
    const made = node("button", { type: "button", tabindex: -1, "data-place": key(row, column), title: `Erase this ${kind}, or bring it back` }, String(text));
    return made;
}

const cellAt = (place) => grid.querySelector(`[data-place="${place}"]`);
const isAbsent = (place) => view.absent.includes(place);
const isErased = (place) => erased.has(place) || isAbsent(place);

function show() {
    if (!view) return;
    const truth = tool("truth").checked, shown = beliefs?.models.find((one) => one.name === model);
    for (const [row, cells] of view.cells.entries())
        for (const [column, text] of cells.entries()) {
            const place = key(row, column), cell = cellAt(place), hidden = isErased(place);
            if (place === editing) continue; // an answer arrived meanwhile
            const changed = place in edits && !hidden, belief = beliefs?.cells[place]?.[model];
            cell.className = [hidden && "erased", changed && "edited", place === focus && "focus"].filter(Boolean).join(" ");
            if (hidden) {
                const inside = [node("span", {}, belief?.text ?? "…")];
                if (belief?.heights) inside.unshift(spark(belief.heights, shown.colour));
                if (truth) inside.push(node("small", {}, text === "" ? "no value" : text));
                cell.replaceChildren(...inside);
            } else cell.replaceChildren(changed ? textOf(edits[place], column) : text);
            const said = hidden ? `erased, ${shown?.title ?? ""} ${belief?.text ?? "is asked"}` : cell.textContent;
            cell.setAttribute("aria-label", `${view.columns[column].name}, row ${row + 1}: ${said}`);
        }
    const stop = cellAt(focus ?? "0,0");
    for (const one of grid.querySelectorAll("[tabindex='0']")) one.tabIndex = -1;
    if (stop) stop.tabIndex = 0; // a single tab stop; arrow keys move inside
    tool("edit").disabled = !focus || isErased(focus);
    showModels();
    showFocus(truth);
    showErrors();
    showDrawn();
}

const textOf = (value, column) => view.columns[column].categories?.[value] ?? String(value);

function spark(heights, colour) {
    const bars = heights.map((height, at) => `<rect x="${at}" y="${1 - height}" width="0.9" height="${height}"/>`).join("");
    const made = document.createElement("template");
    made.innerHTML = `<svg viewBox="0 0 ${heights.length} 1" preserveAspectRatio="none" fill="${colour}" aria-hidden="true">${bars}</svg>`;
    return made.content.firstChild;
}

function showModels() {
    part("models").replaceChildren(...(beliefs?.models ?? []).map((one) => {
        const chosen = one.name === model;
        const made = node("button", { type: "button", role: "radio", "aria-checked": chosen, tabindex: chosen ? 0 : -1, style: `--colour: ${one.colour}`, title: one.summary }, dot(one.colour), one.title);
        made.addEventListener("click", () => { model = one.name; show(); part("models").querySelector("[aria-checked=true]").focus(); });
        return made;
    }));
}

// --- below the grid ---

function showFocus(truth) {
    const about = beliefs?.focus, box = part("about-cell");
    if (!about) {
        box.replaceChildren(node("h2", {}, "The cell in focus"), node("p", {}, "Erase a cell to see every model's distribution of its value."));
        return;
    }
    const title = node("h2", {}, `${about.name}, row ${about.row + 1}`), said = node("p", {}, `given everything visible in its row${truth && about.truth ? `; in truth ${about.truth}` : ""}`);
    box.replaceChildren(title, said, about.categories ? barsOf(about, truth) : curvesOf(about, truth), legendOf(about));
}

function legendOf(about) {
    return node("ul", { class: "legend" }, ...beliefs.models.map((one) =>
        node("li", { title: one.summary }, dot(one.colour), one.title + (about.curves ? ` ${about.curves[one.name].mean}` : ""))));
}

function curvesOf({ axis, curves, position, name }, truth) {
    const W = 600, H = 150, tallest = Math.max(1, ...Object.values(curves).flatMap(({ heights }) => heights ?? []));
    const lines = beliefs.models.map(({ name: which, colour }) => {
        const { heights, position: mean } = curves[which];
        const points = heights?.map((height, at) => `${(W * at) / (heights.length - 1)},${H - (H - 8) * height / tallest}`).join(" ");
        const curve = points ? `<polyline points="${points}" fill="none" stroke="${colour}" stroke-width="2"/>` : "";
        return `${curve}<line x1="${W * mean}" x2="${W * mean}" y1="${points ? H - 10 : 8}" y2="${H}" stroke="${colour}" stroke-width="2" stroke-dasharray="${points ? "" : "5 4"}"/>`;
    });
    const here = truth && position !== null ? `<line class="truth" x1="${W * position}" x2="${W * position}" y1="0" y2="${H}"/>` : "";
    const made = document.createElement("template");
    made.innerHTML = `<svg viewBox="-4 0 ${W + 8} ${H + 18}" role="img">${lines.join("")}${here}<line class="axis" x1="0" x2="${W}" y1="${H}" y2="${H}"/>`
        + `<text x="0" y="${H + 14}">${axis[0]}</text><text x="${W}" y="${H + 14}" text-anchor="end">${axis[1]}</text></svg>`;
    const svg = made.content.firstChild;
    svg.setAttribute("aria-label", `Densities of ${name}: ${beliefs.models.map((one) => `${one.title} ${curves[one.name].mean}`).join(", ")}`);
    return svg;
}

function barsOf({ categories, truth: value }, truth) {
    const rows = categories.slice(0, 8).flatMap(({ name, shares }) => [
        node("b", truth && name === value ? { class: "true" } : {}, name),
        node("div", { role: "img", "aria-label": beliefs.models.map((one) => `${one.title} ${Math.round(100 * shares[one.name])} %`).join(", ") },
            ...beliefs.models.map((one) => node("i", { style: `--colour: ${one.colour}; width: ${100 * shares[one.name]}%`, title: `${one.title}: ${(100 * shares[one.name]).toFixed(1)} %` }))),
    ]);
    return node("div", { class: "bars" }, ...rows);
}

function showErrors() {
    const box = part("about-errors"), errors = beliefs?.errors ?? {};
    const has = (kind) => Object.values(errors).some((one) => one[kind] !== null);
    if (!has("numbers") && !has("categories")) { box.replaceChildren(); return; }
    const kinds = [["numbers", "numbers, in deviations"], ["categories", "wrong categories"]].filter(([kind]) => has(kind));
    const text = (kind, value) => (value === null ? "" : kind === "numbers" ? value.toFixed(2) : `${Math.round(100 * value)} %`);
    box.replaceChildren(
        node("h2", {}, "Error in the erased cells"),
        node("table", {}, node("thead", {}, node("tr", {}, node("th", { scope: "col" }, "Model"), ...kinds.map(([, title]) => node("th", { scope: "col" }, title)))),
            node("tbody", {}, ...beliefs.models.map((one) => node("tr", {}, node("th", { scope: "row" }, dot(one.colour), one.title), ...kinds.map(([kind]) => node("td", {}, text(kind, errors[one.name][kind]))))))),
    );
}

function showDrawn() {
    const box = part("about-row"), about = beliefs?.rows;
    if (!about) { box.replaceChildren(); return; }
    const columns = view.columns.map((_, column) => column).filter((column) => isErased(key(about.row, column)));
    const title = beliefs.models.find((one) => one.name === about.model).title;
    const again = node("button", { type: "button", "data-action": "again" }, "Draw again");
    again.addEventListener("click", () => { seed++; send(); });
    box.replaceChildren(
        node("h2", {}, `Row ${about.row + 1}, drawn by ${title}`),
        node("p", {}, "Each line is one joint guess of all its erased cells. ", again),
        node("table", {}, node("thead", {}, node("tr", {}, ...columns.map((column) => node("th", { scope: "col" }, view.columns[column].name)))),
            node("tbody", {}, ...about.drawn.map((texts) => node("tr", {}, ...columns.map((column) => node("td", {}, texts[column])))))),
    );
}

// --- what a visitor does ---

function toggle(places) {
    const own = places.filter((place) => !isAbsent(place));
    const all = own.every((place) => erased.has(place));
    for (const place of own) all ? erased.delete(place) : erased.add(place);
    send();
    show();
}

function placesOf(place) {
    const [row, column] = where(place);
    if (row < 0) return view.cells.map((_, number) => key(number, column));
    if (column < 0) return view.columns.map((_, number) => key(row, number));
    return [place];
}

function click(place) {
    const [row, column] = where(place);
    if (row >= 0 && column >= 0) focus = place;
    toggle(placesOf(place));
    cellAt(place).focus();
}

function edit(place) {
    if (!place || isErased(place)) return;
    const [row, column] = where(place), cell = cellAt(place), { categories, name } = view.columns[column];
    const now = edits[place] ?? view.values[row][column];
    const field = categories
        ? node("select", { "aria-label": name }, ...categories.map((text, code) => node("option", { value: code, ...(code === now ? { selected: "" } : {}) }, text)))
        : node("input", { inputmode: "decimal", "aria-label": name, value: now });
    editing = place;
    cell.replaceChildren(field);
    field.focus();
    const take = () => {
        const value = Number(String(field.value).trim().replace(",", "."));
        if (field.value === "" || !Number.isFinite(value)) {
            status.textContent = `${field.value || "Nothing"} is not a number; ${name} stays as it is.`;
            return;
        }
        status.textContent = "";
        if (value === (edits[place] ?? view.values[row][column])) return;
        if (value === view.values[row][column]) delete edits[place];
        else edits[place] = value;
        send();
    };
    const finish = (keep) => {
        if (editing !== place) return; // the field is removed, which is a blur
        editing = null;
        if (keep) take();
        show();
        cell.focus();
    };
    field.addEventListener("keydown", (event) => {
        event.stopPropagation();
        if (event.key === "Enter") finish(true);
        if (event.key === "Escape") finish(false);
    });
    field.addEventListener("blur", () => finish(true));
    if (categories) field.addEventListener("change", take); // without the end of the choice, which may go on by keyboard
}

grid.addEventListener("click", (event) => {
    const place = event.target.closest("[data-place]")?.dataset.place;
    if (place && !event.target.closest("input, select")) click(place);
});
grid.addEventListener("keydown", (event) => {
    const place = event.target.closest("[data-place]")?.dataset.place;
    if (!place || event.target.closest("input, select")) return;
    const step = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
    if (step) {
        const [row, column] = where(place), next = key(row + step[0], column + step[1]);
        const cell = next === "-1,-1" ? null : cellAt(next);
        if (cell) {
            const [nextRow, nextColumn] = where(next);
            if (nextRow >= 0 && nextColumn >= 0) { focus = next; isErased(next) ? send() : remember(); show(); }
            cell.focus();
        }
    } else if (event.key === " " || event.key === "Enter" || event.key === "Delete") click(place);
    else if (event.key === "F2") edit(place);
    else return;
    event.preventDefault();
});
tool("half").addEventListener("click", () => {
    erased = new Set(view.cells.flatMap((cells, row) => cells.map((_, column) => key(row, column))).filter((place) => !isAbsent(place) && Math.random() < 0.5));
    send();
    show();
});
tool("none").addEventListener("click", () => { erased.clear(); edits = {}; send(); show(); });
tool("edit").addEventListener("mousedown", (event) => event.preventDefault()); // keeps the focus in the grid
tool("edit").addEventListener("click", () => edit(focus));
tool("truth").addEventListener("change", show);
part("models").addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step || !beliefs) return;
    event.preventDefault();
    const names = beliefs.models.map((one) => one.name);
    model = names[(names.indexOf(model) + step + names.length) % names.length];
    show();
    part("models").querySelector("[aria-checked=true]").focus();
});

const said = new URL(location).searchParams;
let asked = said.get("table") ? said : null; // a link, until Python has sent its table
table = asked?.get("table") ?? null;
document.addEventListener("table-answer", ({ detail }) => accept(detail));
send();
