// Exports: link, picture, numbers and code. props.value: to Python {wanted}; from Python {name, address} of a file to save,
// or {code} to show.
const status = element.querySelector("[role=status]");
const dialog = element.querySelector("dialog");
const code = element.querySelector("code");
const WORDS = { sheet: "Drawing the picture…", zip: "Packing the numbers…", code: "", bibtex: "", csv: "Writing the table…", latex: "Writing the table…", markdown: "Writing the table…" };

// Returns whether copying worked: without https, or in a frame, a page may have no clipboard.
async function copy(text) {
    try {
        await navigator.clipboard.writeText(text);
        return true;
    } catch {
        return false;
    }
}

async function copyLink() {
    const copied = await copy(location.href);
    status.textContent = copied ? "The link is copied." : `This page may not use the clipboard. Copy the link by hand: ${location.href}`;
    if (document.documentElement.dataset.ownPicture === "true")
        status.textContent += " Your own picture is not in it: it shows the first picture with the same mask.";
}

// A frame may block downloads silently, so a link to the file stays on the page.
function offer(name, address) {
    const link = document.createElement("a");
    link.download = link.textContent = name;
    link.href = address;
    status.replaceChildren("Ready: ", link, ". Press its name if your browser has not saved it.");
    link.click();
}

for (const button of element.querySelectorAll("[data-take]"))
    button.addEventListener("click", () => {
        const wanted = button.dataset.take;
        if (wanted === "link") return copyLink();
        status.textContent = WORDS[wanted];
        props.value = { wanted };
        trigger("input");
    });

element.querySelector("[data-act=copy]").addEventListener("click", async ({ currentTarget }) => {
    const copied = await copy(code.textContent);
    currentTarget.textContent = copied ? "Copied" : "Selected: press Ctrl C";
    if (!copied) getSelection().selectAllChildren(code);
});
element.querySelector("[data-act=close]").addEventListener("click", () => dialog.close());

watch("value", () => {
    const { name, address, code: text } = props.value ?? {};
    if (address) offer(name, address);
    if (text) {
        code.textContent = text;
        element.querySelector("[data-act=copy]").textContent = "Copy";
        dialog.showModal();
    }
});
