// Prepared scenes. props.value: {number} of the one that was pressed.
const sentence = element.querySelector("[role=status]");
const hint = sentence.textContent;
let own = false;

element.querySelectorAll("button").forEach((button, number) =>
    button.addEventListener("click", () => {
        own = true;
        sentence.textContent = button.dataset.sentence;
        props.value = { number };
        trigger("select");
    }));

// The sentence is about this scene: it goes when something else is put on the canvas.
document.addEventListener("canvas-asked", () => {
    if (!own) sentence.textContent = hint;
    own = false;
});
