// Covers the truth, or also the methods' answers. The root of the page then has data-truth="covered", or also data-answers="covered", and styles
// hide what has the class "truth", or all results. The key H covers the truth and, pressed again, the answers; R reveals both. A link with
// truth=covered or truth=everything opens the page covered. Each change fires "truth".
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
        writeQuery({ truth: next ? LEVELS[next] : null });
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

    // A name in LEVELS; any other, or none, is the first.
    const setTo = (name) => set(Math.max(0, LEVELS.indexOf(name)));
    document.addEventListener("cover", ({ detail }) => setTo(detail));
    document.addEventListener("keydown", (event) => {
        if (keys.isModified(event) || event.repeat || keys.isTyping(event)) return;
        const key = keys.letterOf(event);
        if (key === "h") set(Math.min(2, level() + 1));
        else if (key === "r") set(0);
    });
    setTo(new URL(location.href).searchParams.get("truth"));
}
