// Prepared scenes. props.value: {number} of the one clicked.
const sentence = element.querySelector("[role=status]");
const hint = sentence.textContent;
let own = false;

function say(text) {
    sentence.textContent = text;
    sentence.classList.toggle("hint", text === hint);
}

for (const [number, button] of element.querySelectorAll("button").entries())
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
