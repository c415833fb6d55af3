// Enlarges a picture of the results, compares it with another by a boundary that moves, shows the hole, and pins pictures.
// It reads what is on the page, cards and strips alike, and needs no value.
const dialog = element.querySelector("dialog"), frame = element.querySelector(".frame"), pins = element.querySelector(".pins");
const [under, over, hole] = ["under", "over", "hole"].map((name) => element.querySelector(`canvas.${name}`));
const edge = element.querySelector(".edge"), title = dialog.querySelector("strong"), about = dialog.querySelector("p span");
const against = dialog.querySelector("select"), wipe = dialog.querySelector(".wipe"), boundary = wipe.querySelector("input");
const sides = dialog.querySelector(".sides"), [left, right] = sides.children;
const PICTURES = ".results :is(.card, .strip figure) > :is(img, canvas)";

let looked = null; // the picture that is enlarged
let all = []; // the pictures beside it, in order
let panel = null; // what contains them

const isVisible = (one) => one.offsetParent && getComputedStyle(one).visibility === "visible";

// Pictures of the panel that are visible; those that are covered with the truth are left out.
const around = () => [...panel.querySelectorAll(PICTURES)].filter(isVisible);

// A card has its own title; a picture in a strip has its strip's, and its number.
function nameOf(picture) {
    const figure = picture.parentNode, strip = figure.closest(".strip");
    if (!strip) return figure.querySelector("strong")?.textContent ?? "Picture";
    const heading = [...strip.querySelector("h2").childNodes].filter((node) => node.nodeType === Node.TEXT_NODE).map((node) => node.textContent).join("");
    return `${heading.trim()}, ${[...figure.parentNode.children].indexOf(figure) + 1}`;
}

function wordsOf(picture) {
    const words = [...picture.parentNode.querySelectorAll("figcaption span:not(:has(span)), .strip figcaption")].filter((one) => isVisible(one) && !one.classList.contains("unseen"));
    return words.map((one) => [...one.childNodes].map(({ textContent }) => textContent.trim()).join(" ").trim()).join(", ");
}

const other = () => (against.value === "" ? null : all[Number(against.value)]);

function copy(picture, canvas) {
    if (picture.complete === false) return; // it is copied when it has loaded
    canvas.width = picture.naturalWidth ?? picture.width;
    canvas.height = picture.naturalHeight ?? picture.height;
    if (canvas.width && canvas.height) canvas.getContext("2d").drawImage(picture, 0, 0);
}

function look(picture) {
    panel = picture.closest("[role=tabpanel]") ?? document.body;
    all = around();
    if (!all.includes(picture)) return;
    const before = against.selectedOptions[0]?.text;
    looked = picture;
    against.replaceChildren(new Option("nothing", ""), ...all.map((one, i) => new Option(nameOf(one), String(i))).filter((_, i) => all[i] !== picture));
    against.value = [...against.options].find(({ text }) => text === before)?.value ?? "";
    copy(picture, under);
    title.textContent = nameOf(picture);
    about.textContent = wordsOf(picture);
    under.setAttribute("aria-label", picture.alt ?? picture.getAttribute("aria-label") ?? nameOf(picture));
    compare();
    if (!dialog.open) dialog.showModal();
}

function compare() {
    const second = other(), at = `${boundary.value}%`;
    wipe.hidden = sides.hidden = edge.hidden = over.hidden = !second;
    if (!second) return;
    copy(second, over);
    over.style.clipPath = `inset(0 0 0 ${at})`;
    edge.style.left = at;
    [left.textContent, right.textContent] = [nameOf(looked), nameOf(second)];
    boundary.setAttribute("aria-valuetext", `${boundary.value} %: ${nameOf(looked)} to the left, ${nameOf(second)} to the right`);
}

// There are new answers: the same picture of the new ones.
function renew() {
    if (!dialog.open) return;
    const name = title.textContent, again = looked.isConnected ? looked : around().find((one) => nameOf(one) === name);
    if (again) look(again);
    else dialog.close();
}

// The next picture, other than the one that it is compared with.
function turn(step) {
    const some = all.filter((one) => one !== other() || one === looked);
    look(some[(some.indexOf(looked) + step + some.length) % some.length]);
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
    figure.classList.toggle("truth", Boolean(looked.closest(".truth")));
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
document.addEventListener("truth", () => { dialog.close(); mark(); });

// The first picture of each group that is not covered is reachable by the Tab key, the others from there.
document.addEventListener("click", (event) => { if (event.target.matches?.(PICTURES)) look(event.target); });
document.addEventListener("keydown", (event) => {
    if (!(event.key === "Enter" || event.key === " ") || !event.target.matches?.(PICTURES)) return;
    event.preventDefault();
    look(event.target);
});
function mark() {
    for (const group of document.querySelectorAll(".results :is(.cards, .strip > div)")) {
        const pictures = [...group.querySelectorAll("img, canvas")], first = pictures.find(isVisible);
        for (const picture of pictures) {
            if (picture === first) picture.tabIndex = 0;
            else picture.removeAttribute("tabindex");
        }
        first?.setAttribute("aria-haspopup", "dialog");
        first?.setAttribute("role", "button");
    }
}
const results = document.querySelector(".results");
if (results) new MutationObserver(() => { mark(); if (!looked?.isConnected) renew(); }).observe(results, { childList: true, subtree: true });
// A new answer replaces the picture of an element, or is drawn into the same canvas on the light page.
results?.addEventListener("load", ({ target }) => { if (target === looked || target === other()) renew(); }, true);
document.addEventListener("answered", renew);
mark();
