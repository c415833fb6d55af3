// Explanations: an element with data-explain opens the dialog at the entry of that name; so does the key ?.
const dialog = element.querySelector("dialog");

function explain(name) {
    const entries = [...dialog.querySelectorAll("[data-entry]")];
    const wanted = entries.find((entry) => entry.dataset.entry === name);
    if (!wanted) return;
    for (const entry of entries) entry.hidden = entry !== wanted;
    // The light page opens in the state of this page.
    for (const link of wanted.querySelectorAll("[data-light]")) link.search = location.search;
    dialog.setAttribute("aria-label", wanted.querySelector("h2").textContent);
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
}

document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-explain]");
    if (button) explain(button.dataset.explain);
});
document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("textarea, [contenteditable], input:is([type=text], [type=search], [type=number], :not([type]))");
    if (event.key !== "?" || typing || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    explain("keys");
});
dialog.addEventListener("click", (event) => { if (event.target === dialog || event.target.closest("[data-act=close]")) dialog.close(); });
