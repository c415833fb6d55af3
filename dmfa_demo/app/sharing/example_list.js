// Prepared scenes. props.value: {number} of the one clicked.
const sentence = element.querySelector("[role=status]");
const hint = sentence.textContent;
let own = false;

function say(text) {
    sentence.textContent = text;
    sentence.classList.toggle("hint", text === hint);
}

const buttons = [...element.querySelectorAll("button")];

// Titles and sentences tell what is on a picture.
function describe() {
    const covered = document.documentElement.dataset.truth === "covered";
    for (const [number, button] of buttons.entries()) {
        button.querySelector("span").textContent = covered ? `Scene ${number + 1}` : button.dataset.title;
        button.title = covered ? "" : button.dataset.sentence;
        button.setAttribute("aria-description", button.title);
    }
}
document.addEventListener("truth", describe);
describe();

for (const [number, button] of buttons.entries())
    button.addEventListener("click", () => {
        own = true;
        say(button.dataset.sentence);
        props.value = { number };
        trigger("select");
    });

// The sentence belongs to this scene, and disappears when the canvas changes.
document.addEventListener("canvas-asked", () => {
    if (!own) say(hint);
    own = false;
});
