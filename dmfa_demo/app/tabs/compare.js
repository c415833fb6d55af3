// Chooses the smallest number of columns that shows all cards at once, since fewer columns give larger pictures.
const SMALLEST = 88; // the smallest width of a card, px

function fit() {
    const cards = element.querySelectorAll(".card"), grid = element.querySelector(".cards");
    if (!grid?.offsetParent) return;
    const most = Math.max(2, Math.min(cards.length, Math.floor(grid.clientWidth / SMALLEST)));
    const narrow = matchMedia("(max-width: 1040px), (max-height: 480px)").matches;
    let columns = narrow ? Math.min(most, Math.max(2, Math.floor(grid.clientWidth / 140))) : 2;
    for (; !narrow && columns < most; columns++) {
        element.style.setProperty("--columns", columns);
        const bottom = grid.getBoundingClientRect().bottom + scrollY;
        if (bottom <= innerHeight) break;
    }
    element.style.setProperty("--columns", columns);
}

let shown = 0;
watch("value", () => {
    const count = element.querySelectorAll(".card").length;
    if (count !== shown) { shown = count; fit(); }
    // A busy server answers in parts.
    if (element.querySelector("[data-more]")) document.dispatchEvent(new Event("more-wanted"));
});
addEventListener("resize", fit);
