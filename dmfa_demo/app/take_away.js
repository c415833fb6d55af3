// Link, picture, numbers and code to take away. props.value: from here {wanted}; from Python {name, address} of a file to save,
// or {code} to show.
const status = element.querySelector("[role=status]");
const dialog = element.querySelector("dialog");
const code = element.querySelector("code");
const WORDS = { sheet: "Drawing the picture…", zip: "Packing the numbers…", code: "" };

async function copy(text, said) {
    try {
        await navigator.clipboard.writeText(text);
        status.textContent = said;
    } catch { // no clipboard without https or leave
        status.textContent = `Copy this: ${text}`;
    }
}

for (const button of element.querySelectorAll("[data-take]"))
    button.addEventListener("click", () => {
        const wanted = button.dataset.take;
        if (wanted === "link") return copy(location.href, "The link is copied.");
        status.textContent = WORDS[wanted];
        props.value = { wanted };
        trigger("input");
    });

element.querySelector("[data-act=copy]").addEventListener("click", async (event) => {
    await copy(code.textContent, "The code is copied.");
    event.target.textContent = "Copied";
});
element.querySelector("[data-act=close]").addEventListener("click", () => dialog.close());

watch("value", () => {
    const { name, address, code: text } = props.value ?? {};
    if (address) {
        const link = document.createElement("a");
        link.download = name;
        link.href = address;
        link.click();
        status.textContent = `${name} is saved.`;
    }
    if (text) {
        code.textContent = text;
        element.querySelector("[data-act=copy]").textContent = "Copy";
        dialog.showModal();
    }
});
