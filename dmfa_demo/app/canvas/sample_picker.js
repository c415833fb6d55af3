// A strip of samples cut from one picture. props.value: {dataset, chosen: number or null}; from Python also {sheet: {address,
// columns, rows, names}} if the samples changed, or {chosen: null} alone to clear the choice.
const strip = element.querySelector(".picker");
const SIDE = 44;

let buttons = [], dataset = null;

function lay({ address, columns, rows, names }) {
    buttons = names.map((name, number) => makeButton(name, number, address, columns, rows));
    strip.replaceChildren(...buttons);
    document.dispatchEvent(new Event("pictures-laid"));
}

function makeButton(name, number, address, columns, rows) {
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("role", "radio");
    button.dataset.name = name;
    button.dataset.number = number + 1;
    button.style.backgroundImage = `url(${address})`;
    button.style.backgroundSize = `${columns * SIDE}px ${rows * SIDE}px`;
    button.style.backgroundPosition = `${-(number % columns) * SIDE}px ${-Math.floor(number / columns) * SIDE}px`;
    button.addEventListener("click", () => choose(number));
    return button;
}

function show() {
    const chosen = props.value?.chosen ?? null, sheet = props.value?.sheet;
    if (sheet && dataset !== props.value.dataset) { lay(sheet); dataset = props.value.dataset; }
    buttons.forEach((button, number) => {
        button.setAttribute("aria-checked", number === chosen);
        button.tabIndex = number === (chosen ?? 0) ? 0 : -1; // a single tab stop; arrow keys move inside
    });
    // Scrolls new samples to the chosen one, without moving the page.
    if (sheet && chosen !== null) strip.scrollLeft = buttons[chosen].offsetLeft - strip.offsetLeft - strip.clientWidth / 2;
}

function choose(number) {
    props.value = { dataset, chosen: number };
    show();
    trigger("select");
}

strip.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = Math.min(buttons.length - 1, Math.max(0, buttons.indexOf(document.activeElement) + step));
    buttons[next].focus();
    choose(next);
});
strip.addEventListener("wheel", (event) => {
    if (event.deltaX || !event.deltaY || strip.scrollWidth <= strip.clientWidth) return;
    const before = strip.scrollLeft;
    strip.scrollLeft += event.deltaY;
    if (strip.scrollLeft !== before) event.preventDefault(); // at its end the page scrolls on
}, { passive: false });
watch("value", show);
document.addEventListener("own-picture", () => { props.value = { dataset, chosen: null }; show(); });
show();
