// Covers the truth, or the methods' answers as well: the root of the page has data-truth="covered" and data-answers="covered", and styles hide
// what has the class "truth", or all results. The key H covers the truth and, pressed again, the answers; R reveals both. A link with
// truth=covered or truth=everything opens so. Everything that depends on it hears "truth".
{
    const root = document.documentElement, isCovered = () => root.dataset.truth === "covered";
    const LEVELS = ["shown", "covered", "everything"];
    const level = () => ("answers" in root.dataset ? 2 : isCovered() ? 1 : 0);

    const set = (next) => {
        if (next === level()) return;
        for (const [name, from] of [["truth", 1], ["answers", 2]]) {
            if (next >= from) root.dataset[name] = "covered";
            else delete root.dataset[name];
        }
        const address = new URL(location.href);
        if (next) address.searchParams.set("truth", LEVELS[next]);
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

    // `detail` is one of LEVELS.
    document.addEventListener("cover", ({ detail }) => set(Math.max(0, LEVELS.indexOf(detail))));
    document.addEventListener("keydown", (event) => {
        if (keys.isModified(event) || event.repeat || keys.isTyping(event)) return;
        const key = keys.letterOf(event);
        if (key === "h") set(Math.min(2, level() + 1));
        else if (key === "r") set(0);
    });
    set(Math.max(0, LEVELS.indexOf(new URL(location.href).searchParams.get("truth"))));
}
