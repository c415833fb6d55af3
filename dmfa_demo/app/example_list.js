// Prepared scenes. props.value: {number} of the one that was clicked.
element.querySelectorAll("button").forEach((button, number) =>
    button.addEventListener("click", () => {
        props.value = { number };
        trigger("select");
    }));
