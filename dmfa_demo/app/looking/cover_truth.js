// Covers what shows the truth: the root of the page has data-truth="covered", and styles hide what has the class "truth".
// The key H covers, R reveals; a link with truth=covered opens covered. Everything that depends on it hears "truth".
{
    const root = document.documentElement, isCovered = () => root.dataset.truth === "covered";
    const TEXT = "textarea, select, [contenteditable], input:not([type=range], [type=radio], [type=checkbox], [type=button])";

    const set = (covered) => {
        if (covered === isCovered()) return;
        if (covered) root.dataset.truth = "covered";
        else delete root.dataset.truth;
        const address = new URL(location.href);
        if (covered) address.searchParams.set("truth", "covered");
        else address.searchParams.delete("truth");
        history.replaceState(history.state, "", address.href.replaceAll("%2C", ","));
        document.dispatchEvent(new Event("truth"));
    };

    // A picture to choose is described by its data-name, or by its data-number while the truth is covered.
    const describe = () => {
        for (const button of document.querySelectorAll("#samples [data-name]")) {
            button.title = isCovered() ? `Picture ${button.dataset.number}` : button.dataset.name;
            button.setAttribute("aria-label", button.title);
        }
    };
    document.addEventListener("truth", describe);
    document.addEventListener("pictures-laid", describe);

    document.addEventListener("cover-truth", () => set(true));
    document.addEventListener("reveal-truth", () => set(false));
    document.addEventListener("keydown", (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.target.closest?.(TEXT)) return;
        // In layouts without Latin letters the key's position counts; browsers that fill in forms send events without a key.
        const key = (/^[ -~]$/.test(event.key ?? "") ? event.key : (event.code ?? "").replace("Key", "")).toLowerCase();
        if (key === "h" || key === "r") set(key === "h");
    });
    if (new URL(location.href).searchParams.get("truth") === "covered") set(true);
}
