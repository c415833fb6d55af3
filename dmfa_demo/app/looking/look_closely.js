// Enlarges a picture of the results, compares it with another by a boundary that moves, shows the hole, and pins pictures.
// It reads what is on the page, cards and strips alike, and needs no value.
const dialog = element.querySelector("dialog"), frame = element.querySelector(".frame"), pins = element.querySelector(".pins");
const [under, over, hole] = ["under", "over", "hole"].map((name) => element.querySelector(`canvas.${name}`));
const edge = element.querySelector(".edge"), title = dialog.querySelector("strong"), about = dialog.querySelector("p span");
const against = dialog.querySelector("select"), wipe = dialog.querySelector(".wipe"), boundary = wipe.querySelector("input");
const PICTURES = ".results :is(.card, .strip figure) > :is(img, canvas)";

let looked = null; // the picture that is enlarged
let all = []; // the pictures beside it, in order

// Pictures of the same panel that are visible; those that are covered with the truth are left out.
function around(picture) {
    const panel = picture.closest("[role=tabpanel]") ?? document.body;
    return [...panel.querySelectorAll(PICTURES)].filter((one) => one.offsetParent && getComputedStyle(one).visibility === "visible");
}

// A card has its own title; a picture in a strip has its strip's, and its number.
function nameOf(picture) {
    const figure = picture.parentNode, strip = figure.closest(".strip");
    if (!strip) return figure.querySelector("strong")?.textContent ?? "Picture";
    const heading = [...strip.querySelector("h2").childNodes].filter((node) => node.nodeType === Node.TEXT_NODE).map((node) => node.textContent).join("");
    return `${heading.trim()}, ${[...figure.parentNode.children].indexOf(figure) + 1}`;
}

const wordsOf = (picture) => [...picture.parentNode.querySelectorAll("figcaption span, .strip figcaption")].filter((one) => getComputedStyle(one).visibility === "visible" && !one.classList.contains("unseen")).map((one) => one.textContent).join(", ");

function copy(picture, canvas) {
    canvas.width = picture.naturalWidth ?? picture.width;
    canvas.height = picture.naturalHeight ?? picture.height;
    if (canvas.width && canvas.height) canvas.getContext("2d").drawImage(picture, 0, 0);
}

function look(picture) {
    all = around(picture);
    if (!all.length) return;
    const before = against.value;
    looked = picture;
    against.replaceChildren(new Option("nothing", ""), ...all.map((one, i) => new Option(nameOf(one), String(i))).filter((_, i) => all[i] !== picture));
    against.value = [...against.options].some(({ value }) => value === before) ? before : "";
    copy(picture, under);
    title.textContent = nameOf(picture);
    about.textContent = wordsOf(picture);
    under.setAttribute("aria-label", picture.alt ?? picture.getAttribute("aria-label") ?? nameOf(picture));
    compare();
    if (!dialog.open) dialog.showModal();
}

function compare() {
    const other = against.value === "" ? null : all[Number(against.value)], at = `${boundary.value}%`;
    wipe.hidden = edge.hidden = over.hidden = !other;
    if (!other) return;
    copy(other, over);
    over.style.clipPath = `inset(0 0 0 ${at})`;
    edge.style.left = at;
    boundary.setAttribute("aria-valuetext", `${boundary.value} %: ${nameOf(looked)} to the left, ${nameOf(other)} to the right`);
}

function turn(step) {
    look(all[(all.indexOf(looked) + step + all.length) % all.length]);
}

// --- the hole, while the button is pressed ---

function showHole(shown) {
    if (shown) document.querySelector(".painter")?.drawHole(hole);
    hole.hidden = !shown;
}
const hold = dialog.querySelector("[data-act=hole]");
hold.addEventListener("pointerdown", (event) => { hold.setPointerCapture(event.pointerId); showHole(true); });
for (const end of ["pointerup", "pointercancel", "blur"]) hold.addEventListener(end, () => showHole(false));

// --- pins ---

function pin() {
    const figure = document.createElement("figure"), picture = document.createElement("img"), caption = document.createElement("figcaption");
    const name = document.createElement("strong"), remove = document.createElement("button");
    picture.src = under.toDataURL();
    name.textContent = title.textContent;
    picture.alt = `Pinned: ${name.textContent}`;
    remove.type = "button";
    remove.textContent = "Unpin";
    remove.setAttribute("aria-label", `Unpin ${name.textContent}`);
    remove.addEventListener("click", () => { figure.remove(); pins.hidden = !pins.children.length; });
    caption.append(name, remove);
    figure.append(picture, caption);
    pins.append(figure);
    pins.hidden = false;
    dialog.close();
}

const acts = { previous: () => turn(-1), next: () => turn(1), hole: () => {}, pin, close: () => dialog.close() };
for (const button of dialog.querySelectorAll("[data-act]")) button.addEventListener("click", () => acts[button.dataset.act]());
against.addEventListener("change", compare);
boundary.addEventListener("input", compare);
const drag = ({ clientX }) => {
    const box = frame.getBoundingClientRect();
    boundary.value = (100 * (clientX - box.left)) / box.width;
    compare();
};
frame.addEventListener("pointerdown", (event) => { frame.setPointerCapture(event.pointerId); drag(event); });
frame.addEventListener("pointermove", (event) => { if (frame.hasPointerCapture(event.pointerId)) drag(event); });

dialog.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === " " && !event.target.matches("button:not([data-act=hole]), select")) showHole(true);
    else if (step && !event.target.matches("input, select")) turn(step);
    else return;
    event.preventDefault();
});
dialog.addEventListener("keyup", (event) => { if (event.key === " ") showHole(false); });
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
dialog.addEventListener("close", () => { showHole(false); looked?.focus?.(); });
document.addEventListener("truth", () => dialog.close());

// The first picture of each group is reachable by the Tab key, the others from there.
document.addEventListener("click", (event) => { if (event.target.matches?.(PICTURES)) look(event.target); });
document.addEventListener("keydown", (event) => {
    if (!(event.key === "Enter" || event.key === " ") || !event.target.matches?.(PICTURES)) return;
    event.preventDefault();
    look(event.target);
});
function mark() {
    for (const group of document.querySelectorAll(".results :is(.cards, .strip > div)")) {
        const picture = group.querySelector("img, canvas");
        if (!picture || picture.tabIndex === 0) continue;
        picture.tabIndex = 0;
        picture.setAttribute("aria-haspopup", "dialog");
        picture.setAttribute("role", "button");
    }
}
const results = document.querySelector(".results");
if (results) new MutationObserver(mark).observe(results, { childList: true, subtree: true });
mark();
