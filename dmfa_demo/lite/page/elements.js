// Makes the page's elements.

/**
 * Make an element with properties (`data-` and `aria-` names are attributes) and children.
 * @returns {any} an element of the tag's own type.
 */
export function make(tag, properties = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(properties))
        if (name.includes("-") || name === "role" || name === "for") element.setAttribute(name, value);
        else element[name] = value;
    element.append(...children.filter((child) => child !== null));
    return element;
}

/**
 * Make a group of buttons of which one is chosen; arrow keys move inside.
 * @param {string} label
 * @param {[string, any][]} options titles and values.
 * @param {(value: any) => void} onChoose
 * @param {HTMLElement} group the element to fill; a new one by default.
 * @returns {{group: HTMLElement, buttons: HTMLButtonElement[], show: (value: any) => void}} `show` marks the chosen value.
 */
export function choice(label, options, onChoose, group = make("div", { className: "pills", role: "radiogroup", "aria-label": label })) {
    const buttons = options.map(([title, value]) => {
        const button = /** @type {HTMLButtonElement} */ (make("button", { type: "button", role: "radio" }, title));
        button.addEventListener("click", () => choose(value));
        return button;
    });
    const choose = (value) => { show(value); onChoose(value); };
    const show = (value) => options.forEach(([, one], number) => {
        buttons[number].setAttribute("aria-checked", String(one === value));
        buttons[number].tabIndex = one === value ? 0 : -1;
    });
    group.onkeydown = (event) => {
        const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
        if (!step) return;
        event.preventDefault();
        const here = /** @type {HTMLButtonElement} */ (document.activeElement);
        const at = Math.min(buttons.length - 1, Math.max(0, buttons.indexOf(here) + step));
        buttons[at].focus();
        choose(options[at][1]);
    };
    group.replaceChildren(...buttons);
    return { group, buttons, show };
}

/** Make a card: a canvas, a title, lines of figures, and a method's own words. */
export function card(title, about = null) {
    const canvas = make("canvas", { role: "img", "aria-label": title }), lines = make("span"), meter = make("progress", { max: 1, value: 0, hidden: true });
    const figure = make("figure", { className: "card" }, canvas,
        make("figcaption", {}, about ? make("i") : null, make("strong", {}, title), lines, meter, about ? words(about) : null));
    if (about) figure.style.setProperty("--colour", about.colour);
    return {
        figure, canvas,
        /** Show lines below the title; a line is text, or {text, best, truth}, which is covered with the truth. */
        say: (...texts) => lines.replaceChildren(...texts.map((line) => make("span", { className: `${line.best ? "best" : ""} ${line.truth ? "truth" : ""}`.trim() }, line.text ?? line, line.best ? make("b", {}, "best") : null))),
        /** Say whether the picture needs the hidden pixels, and is covered with the truth. */
        tell: (truth) => { canvas.classList.toggle("truth", truth); },
        loading: (share) => { meter.hidden = share >= 1; meter.value = share; meter.setAttribute("aria-label", `Loading ${title}`); },
    };
}

/** Make a method's explanation, which opens on demand. */
export function words(about) {
    const source = about.url ? make("a", { href: about.url, rel: "noreferrer" }, about.citation) : about.citation;
    return make("details", {}, make("summary", { "aria-label": `About ${about.title}` }, "About"),
        ...[about.summary, about.limits, about.formula, source].filter(Boolean).map((text) => make("p", {}, text)));
}

/** Make a strip of pictures with a heading: a method's title and colour, or a title alone. */
export function strip(about) {
    const row = make("div"), remark = make("small");
    const section = make("section", { className: "strip" }, make("h2", {}, about.colour ? make("i") : null, about.title, remark), row);
    if (about.colour) section.style.setProperty("--colour", about.colour);
    return {
        section,
        say: (text) => { remark.textContent = text; },
        clear: () => row.replaceChildren(),
        /** Show pictures, each drawn by `draw(canvas, number)` with its caption; one with `truth` is covered with the truth. */
        show(captions, draw) {
            while (row.children.length > captions.length) row.lastChild.remove();
            while (row.children.length < captions.length) row.append(make("figure", {}, make("canvas", { role: "img" }), make("figcaption")));
            captions.forEach(({ text, framed = false, label, truth = false }, number) => {
                const [canvas, caption] = row.children[number].children;
                draw(canvas, number);
                canvas.setAttribute("aria-label", label ?? `${about.title}, ${text}`);
                caption.textContent = text;
                caption.classList.toggle("truth", truth);
                row.children[number].classList.toggle("framed", framed);
            });
        },
    };
}
