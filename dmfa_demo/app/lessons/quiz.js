// A test for before and after. props.value: [{question, options}] from Python. Answers leave the page only as a file.
const dialog = element.querySelector("dialog"), list = element.querySelector("ol"), status = element.querySelector("[role=status]");
let test = null;

function open(name) {
    test = name;
    status.textContent = "";
    dialog.setAttribute("aria-label", name === "before" ? "Test before" : "Test after");
    list.replaceChildren(...props.value.map(({ question, options }, number) => {
        const item = document.createElement("li"), set = document.createElement("fieldset"), legend = document.createElement("legend");
        legend.textContent = question;
        set.append(legend, ...options.map((text) => {
            const label = document.createElement("label"), input = document.createElement("input");
            Object.assign(input, { type: "radio", name: `question-${number}`, value: text });
            label.append(input, text);
            return label;
        }));
        item.append(set);
        return item;
    }));
    dialog.showModal();
}

function save() {
    const answers = props.value.map(({ question }, number) => ({ question, answer: list.querySelector(`[name=question-${number}]:checked`)?.value ?? null }));
    const link = document.createElement("a"), now = new Date();
    link.download = link.textContent = `test-${test}-${now.toISOString().slice(0, 10)}.json`;
    link.href = URL.createObjectURL(new Blob([JSON.stringify({ test, saved: now.toISOString(), answers }, null, 1)], { type: "application/json" }));
    const open = answers.filter(({ answer }) => answer === null).length;
    status.replaceChildren(open ? `${open} without an answer. ` : "", "Ready: ", link, ".");
    link.click();
}

for (const button of element.querySelectorAll("[data-test]")) button.addEventListener("click", () => open(button.dataset.test));
element.querySelector("[data-act=save]").addEventListener("click", save);
