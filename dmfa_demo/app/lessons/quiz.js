// A test for before and after. props.value: [{question, options}] from Python. Answers leave the page only as a file.
const dialog = element.querySelector("dialog"), title = element.querySelector("h2"), host = element.querySelector("ol");
const status = element.querySelector("[role=status]"), code = element.querySelector("[name=code]");
let test = null;

// Each test keeps its answers while the page is open.
const lists = Object.fromEntries(["before", "after"].map((name) => [name, props.value.map(({ question, options }, number) => {
    const item = document.createElement("li"), set = document.createElement("fieldset"), legend = document.createElement("legend");
    legend.textContent = question;
    set.append(legend, ...options.map((text) => {
        const label = document.createElement("label"), input = document.createElement("input");
        Object.assign(input, { type: "radio", name: `${name}-${number}`, value: text });
        label.append(input, text);
        return label;
    }));
    item.append(set);
    return item;
})]));

function open(name) {
    test = name;
    status.textContent = "";
    title.textContent = name === "before" ? "Test before the lesson" : "Test after the lesson";
    host.replaceChildren(...lists[name]);
    dialog.showModal();
}

function save() {
    const answers = props.value.map(({ question }, number) => ({ question, answer: host.querySelector(`[name=${test}-${number}]:checked`)?.value ?? null }));
    const link = document.createElement("a"), now = new Date(), word = code.value.trim();
    const name = ["test", test, word.replace(/[^\p{L}\p{N}]+/gu, "-"), now.toISOString().slice(0, 10)].filter(Boolean).join("-");
    link.download = link.textContent = `${name}.json`;
    link.href = URL.createObjectURL(new Blob([JSON.stringify({ test, code: word, saved: now.toISOString(), answers }, null, 1)], { type: "application/json" }));
    const open = answers.filter(({ answer }) => answer === null).length;
    status.replaceChildren(open ? `${open} without an answer. ` : "", "Ready: ", link, ".");
    link.click();
}

for (const button of element.querySelectorAll("[data-test]")) button.addEventListener("click", () => open(button.dataset.test));
element.querySelector("[data-act=save]").addEventListener("click", save);
element.querySelector("[data-act=close]").addEventListener("click", () => dialog.close());
